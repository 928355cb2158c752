// One question to the server of the network, until it is answered or nobody does.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "device/apps/names/resolver_sockets.h"
#include "protocol/dns/dns.h"

namespace pavise::device {

inline constexpr ErrorInfo kNameNotAnswered{"PV-NAM-002", Retry::later,
                                            "the network's name server does not answer",
                                            "See whether it runs and the network reaches it."};

// Datagrams get lost: each wait begins with a new one.
inline constexpr std::array<int, 3> kDatagramWaitsMs{600, 900, 1400};
inline constexpr int kStreamWaitMs = 2000;

dns::Address mapped(const sockaddr_in& place);

// Asks by UDP, each time from a new socket (a port of the kernel's choice), with a new id and the
// letters' case at random. What comes and is no whole answer to that, be it cut off or a guess of
// somebody, ends the guessing: the question goes over TCP. Does not block. Not thread-safe.
class Exchange {
 public:
  // `question` with its name in lower case.
  Exchange(const sockaddr_in& server, dns::Question question, std::int64_t now_ms);

  int descriptor() const { return socket_.get(); }  // to be polled for events(); may be -1
  short events() const;
  std::int64_t deadline_ms() const { return deadline_ms_; }
  dns::Address own_address() const { return own_; }  // this device's, towards the server
  const sockaddr_in& server() const { return server_; }

  // Call it when the descriptor is ready or the deadline has passed. nullopt: it goes on.
  // kNameNotAnswered.
  std::optional<Result<dns::Answer>> proceed(std::int64_t now_ms);

 private:
  void ask_by_datagram(std::int64_t now_ms);
  std::optional<Result<dns::Answer>> ask_by_stream(std::int64_t now_ms);
  std::optional<Result<dns::Answer>> read_datagram(std::int64_t now_ms);
  std::optional<Result<dns::Answer>> read_stream();

  sockaddr_in server_;
  dns::Question question_;
  dns::Question sent_;  // spelled as the last datagram has it
  std::uint16_t id_ = 0;
  std::size_t datagrams_ = 0;
  bool stream_ = false;
  Bytes to_send_;   // over the stream
  Bytes received_;  // likewise
  UniqueFd socket_;
  std::int64_t deadline_ms_ = 0;
  dns::Address own_{};
};

}  // namespace pavise::device
