// The network wall of one app: which peers its sockets may reach, and on which ports it may be
// reached. Default deny.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "device/apps/egress/bpf_syscalls.h"
#include "device/apps/egress/guard_programs.h"

namespace pavise::device {

inline constexpr std::uint32_t kPinnedPeersMax = 256;
inline constexpr std::uint32_t kNetworksMax = 128;
inline constexpr std::uint32_t kPortsMax = 32;
inline constexpr std::uint32_t kRefusedPeersMax = 64;  // the latest

// An address, or all that share its first bits.
struct Network {
  AddressBytes address{};
  std::uint32_t prefix_bits = 128;  // of the mapped form: an IPv4 /24 has 120

  bool operator==(const Network&) const = default;
};

struct Peers {
  Network network;
  int socket_type = 0;     // SOCK_STREAM, SOCK_DGRAM
  std::uint16_t port = 0;  // 0: every port

  bool operator==(const Peers&) const = default;
};

struct ListeningPort {
  int socket_type;  // SOCK_STREAM, SOCK_DGRAM
  std::uint16_t port;

  bool operator==(const ListeningPort&) const = default;
};

struct RefusedPeer {
  AddressBytes address;
  int socket_type;
  bool listening;  // wanted to listen on the port; the address says nothing
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
  Status pin(const AddressBytes& address, int socket_type, std::uint16_t port,
             std::optional<std::chrono::nanoseconds> lifetime);
  Status unpin(const AddressBytes& address, int socket_type, std::uint16_t port);

  // Peers and ports that were refused since the last call.
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
