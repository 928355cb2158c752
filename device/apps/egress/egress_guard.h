// The network wall of one app: which peers its sockets may reach, and on which ports it may be
// reached. Default deny.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "device/apps/egress/bpf_syscalls.h"
#include "device/apps/egress/guard_programs.h"

namespace pavise::device {

inline constexpr ErrorInfo kBadAddress{"PV-EGR-003", Retry::never,
                                       "this is no IP address or network",
                                       "Write 192.0.2.7, 192.0.2.0/24, 2001:db8::1 or "
                                       "2001:db8::/32, without host bits behind the prefix."};

inline constexpr std::uint32_t kPinnedPeersMax = 256;
inline constexpr std::uint32_t kNetworksMax = 64;
inline constexpr std::uint32_t kPortsMax = 32;
inline constexpr std::uint32_t kRefusedPeersMax = 64;  // the latest

// An address, or all that share its first bits.
struct Network {
  AddressBytes address{};
  std::uint32_t prefix_bits = 128;  // of the mapped form: an IPv4 /24 has 120

  static Result<Network> parse(std::string_view text);  // kBadAddress
};

struct Peers {
  Network network;
  std::uint16_t port = 0;  // 0: every port
};

struct ListeningPort {
  int socket_type;  // SOCK_STREAM, SOCK_DGRAM
  std::uint16_t port;
};

struct RefusedPeer {
  AddressBytes address;
  std::uint16_t port;
  std::uint64_t attempts;
};

// Not thread-safe. The walls stand until the control group is removed, also when the guard is
// gone; the tables then stay as they were last, and pins still expire.
class EgressGuard {
 public:
  // Reaches nothing, listens nowhere. `cgroup` is an open folder of the cgroup2 file system; put
  // the app into it afterwards. Needs CAP_BPF and CAP_NET_ADMIN. kGuardRefused.
  static Result<EgressGuard> attach(int cgroup);

  // Never a loopback address, whatever the network covers. kGuardTableFull, kGuardRefused.
  Status allow(const Peers& peers);
  Status allow(ListeningPort port);  // the port is not 0; kGuardTableFull, kGuardRefused
  // One address for a time: an answer of the resolver, or the resolver itself, which may be on the
  // loopback. Without `lifetime` for ever. A pin that is there already is replaced. When the table
  // is full, what has expired goes first. kGuardTableFull, kGuardRefused.
  Status pin(const AddressBytes& address, std::uint16_t port,
             std::optional<std::chrono::nanoseconds> lifetime);
  Status unpin(const AddressBytes& address, std::uint16_t port);

  // Peers that were refused since the last call.
  std::vector<RefusedPeer> take_refused();

 private:
  EgressGuard(UniqueFd pinned, UniqueFd networks, UniqueFd ports, UniqueFd refused);
  GuardTables tables() const;
  void drop_expired(std::uint64_t now_ns);

  UniqueFd pinned_;
  UniqueFd networks_;
  UniqueFd ports_;
  UniqueFd refused_;
};

}  // namespace pavise::device
