// For tests: the launcher's and the apps' ends of the channels to the hub, by hand from
// docs/formats/app-channels.md.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/unique_fd.h"
#include "common/ipc/descriptors.h"

namespace pavise::agent::testing {

inline std::string le(std::size_t value, unsigned bytes) {
  std::string out;
  for (unsigned i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}
inline std::string sized(const std::string& text) {
  return le(text.size(), 2) + text;
}
inline std::string app_telemetry(std::uint32_t id, const std::string& content_type,
                                 const std::string& properties, const std::string& body) {
  return "\x01" + le(id, 4) + sized(content_type) + sized(properties) + sized(body);
}
inline std::string app_answer(std::uint32_t id, std::uint16_t status, const std::string& body) {
  return "\x02" + le(id, 4) + le(status, 2) + sized(body);
}

inline std::array<UniqueFd, 2> socket_ends(int type = SOCK_SEQPACKET) {
  std::array<int, 2> ends{-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

inline std::string app_under_way(std::uint32_t last_call, const std::vector<std::uint32_t>& ids) {
  std::string out = "\x03" + le(last_call, 4) + le(ids.size(), 1);
  for (const std::uint32_t id : ids) out += le(id, 4);
  return out;
}

// "online", "offline", "accepted ID", "refused ID WHY", "call ID NAME PAYLOAD", "taken over",
// "ended".
using Packets = std::vector<std::string>;

class StartedApp {
 public:
  explicit StartedApp(UniqueFd socket) : socket_(std::move(socket)) {}

  bool send(const std::string& packet) const {
    return ::send(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
  }
  // All that came.
  Packets take() const {
    Packets out;
    while (true) {
      std::string packet(70'000, '\0');
      const ssize_t size = ::recv(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
      if (size < 0) return out;
      packet.resize(static_cast<std::size_t>(size));
      out.push_back(packet.empty() ? "ended" : words_of(packet));
      if (packet.empty()) return out;
    }
  }
  void end() { socket_.reset(); }

 private:
  static std::size_t number(const std::string& packet, std::size_t at, std::size_t bytes) {
    std::size_t out = 0;
    for (std::size_t i = bytes; i-- > 0;)
      out = out << 8U | static_cast<unsigned char>(packet.at(at + i));
    return out;
  }
  static std::string words_of(const std::string& packet) {
    const auto type = static_cast<unsigned char>(packet[0]);
    if (type == 132) return "taken over";
    if (type == 131) return packet.at(1) == 1 ? "online" : "offline";
    const std::string id = std::to_string(number(packet, 1, 4));
    if (type == 129)
      return packet.at(5) == 0 ? "accepted " + id : "refused " + id + " " + packet.substr(8);
    const std::size_t name_bytes = number(packet, 5, 2);
    return "call " + id + " " + packet.substr(7, name_bytes) + " " + packet.substr(9 + name_bytes);
  }

  UniqueFd socket_;
};

// Keeps the agent's ends of channels, as the launcher does.
class AppStarter {
 public:
  UniqueFd agents_end() { return std::move(ends_[1]); }
  // For the next agent: to be introduced to with introduce_all().
  UniqueFd next_agents_end() {
    ends_ = socket_ends();
    return agents_end();
  }
  int socket() const { return ends_[0].get(); }

  StartedApp start(const std::string& name) {
    auto ends = socket_ends();
    const std::array given{ends[0].get()};
    EXPECT_TRUE(ipc::send_with_descriptors(ends_[0].get(), as_bytes(name), given, 0));
    kept_[name] = std::move(ends[0]);
    return StartedApp(std::move(ends[1]));
  }
  void introduce_all() const {
    for (const auto& [name, end] : kept_) {
      const std::array given{end.get()};
      EXPECT_TRUE(ipc::send_with_descriptors(ends_[0].get(), as_bytes(name + '+'), given, 0));
    }
  }

 private:
  std::array<UniqueFd, 2> ends_ = socket_ends();
  std::map<std::string, UniqueFd> kept_;
};

}  // namespace pavise::agent::testing
