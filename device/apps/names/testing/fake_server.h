// The network's name server as a test has it: UDP and TCP at one port of the loopback, and the test
// says what it answers, and when.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "protocol/dns/dns.h"

namespace pavise::device::testing {

inline constexpr int kTestWaitMs = 60'000;

inline bool readable(int descriptor, int wait_ms = kTestWaitMs) {
  pollfd polled{descriptor, POLLIN, 0};
  return ::poll(&polled, 1, wait_ms) == 1;
}

inline sockaddr_in place_of(const UniqueFd& socket) {
  sockaddr_in out{};
  socklen_t size = sizeof out;
  PAVISE_CHECK(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&out), &size) == 0);
  return out;
}

// A message over TCP: blocks until it is whole; empty at the end.
inline Bytes read_message(const UniqueFd& stream) {
  std::array<std::byte, 2> length{};
  if (!readable(stream.get()) || ::recv(stream.get(), length.data(), 2, MSG_WAITALL) != 2)
    return {};
  Bytes out(std::to_integer<std::size_t>(length[0]) << 8U |
            std::to_integer<std::size_t>(length[1]));
  const ssize_t size = ::recv(stream.get(), out.data(), out.size(), MSG_WAITALL);
  out.resize(static_cast<std::size_t>(std::max<ssize_t>(0, size)));
  return out;
}

inline void write_message(const UniqueFd& stream, ByteView message) {
  ByteWriter out;
  out.sized<std::uint16_t>(message);
  (void)!::send(stream.get(), out.bytes().data(), out.size(), MSG_NOSIGNAL);
}

class FakeServer {
 public:
  FakeServer() {
    for (int tries = 0; tries < 50; ++tries) {
      listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      datagrams_ = UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      PAVISE_CHECK(listener_.valid() && datagrams_.valid());
      sockaddr_in at{};
      at.sin_family = AF_INET;
      at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      PAVISE_CHECK(bind(listener_, at) && ::listen(listener_.get(), 64) == 0);
      if (bind(datagrams_, place_of(listener_))) return;
    }
    PAVISE_CHECK(false);
  }

  sockaddr_in place() const { return place_of(listener_); }
  std::string text() const { return "127.0.0.1:" + std::to_string(ntohs(place().sin_port)); }
  int datagrams() const { return datagrams_.get(); }
  int listener() const { return listener_.get(); }

  struct Datagram {
    Bytes message;
    sockaddr_in from;
  };
  // Blocks until one comes.
  Datagram receive() const {
    Datagram out{Bytes(dns::kDatagramBytesMax), {}};
    socklen_t size = sizeof out.from;
    PAVISE_CHECK(readable(datagrams()));
    const ssize_t got = ::recvfrom(datagrams(), out.message.data(), out.message.size(), 0,
                                   reinterpret_cast<sockaddr*>(&out.from), &size);
    PAVISE_CHECK(got >= 0);
    out.message.resize(static_cast<std::size_t>(got));
    return out;
  }
  void send(const sockaddr_in& to, ByteView message) const {
    (void)!::sendto(datagrams(), message.data(), message.size(), 0,
                    reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  UniqueFd accept() const {
    PAVISE_CHECK(readable(listener()));
    return UniqueFd(::accept4(listener(), nullptr, nullptr, SOCK_CLOEXEC));
  }

 private:
  static bool bind(const UniqueFd& socket, const sockaddr_in& at) {
    return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  }

  UniqueFd listener_;
  UniqueFd datagrams_;
};

}  // namespace pavise::device::testing
