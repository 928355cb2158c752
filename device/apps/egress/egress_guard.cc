#include "device/apps/egress/egress_guard.h"

#include <arpa/inet.h>

#include <array>
#include <ctime>

namespace pavise::device {
namespace {

template <class T>
ByteView bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}
template <class T>
std::span<std::byte> writable_bytes_of(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);  // what the programs' helper reads
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

PeerKey peer_key(const AddressBytes& address, int socket_type, std::uint16_t port) {
  return {htons(port), static_cast<std::uint16_t>(socket_type), address};
}

}  // namespace

EgressGuard::EgressGuard(UniqueFd pinned, UniqueFd networks, UniqueFd ports, UniqueFd refused)
    : pinned_(std::move(pinned)),
      networks_(std::move(networks)),
      ports_(std::move(ports)),
      refused_(std::move(refused)) {}

GuardTables EgressGuard::tables() const {
  return {pinned_.get(), networks_.get(), ports_.get(), refused_.get()};
}

Result<EgressGuard> EgressGuard::attach(int cgroup) {
  PAVISE_TRY_ASSIGN(UniqueFd pinned, create_map({BPF_MAP_TYPE_HASH, sizeof(PeerKey), 8,
                                                 kPinnedPeersMax, BPF_F_NO_PREALLOC}));
  PAVISE_TRY_ASSIGN(UniqueFd networks, create_map({BPF_MAP_TYPE_LPM_TRIE, sizeof(NetworkKey), 4,
                                                   kNetworksMax, BPF_F_NO_PREALLOC}));
  PAVISE_TRY_ASSIGN(UniqueFd ports,
                    create_map({BPF_MAP_TYPE_HASH, 4, 4, kPortsMax, BPF_F_NO_PREALLOC}));
  PAVISE_TRY_ASSIGN(UniqueFd refused,
                    create_map({BPF_MAP_TYPE_LRU_HASH, sizeof(PeerKey), 8, kRefusedPeersMax}));
  EgressGuard guard(std::move(pinned), std::move(networks), std::move(ports), std::move(refused));

  struct Hook {
    bpf_prog_type type;
    bpf_attach_type where;
    BpfProgram program;
  };
  const GuardTables tables = guard.tables();
  const std::array<Hook, 9> hooks{{
      {BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, socket_program()},
      {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, peer_program_ipv4(tables)},
      {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_CONNECT, peer_program_ipv6(tables)},
      {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_SENDMSG, peer_program_ipv4(tables)},
      {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_SENDMSG, peer_program_ipv6(tables)},
      {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND, bind_program(tables)},
      {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_BIND, bind_program(tables)},
      {BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, arrival_program(tables)},
      {BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, departure_program()},
  }};
  for (const Hook& hook : hooks) {
    PAVISE_TRY_ASSIGN(const UniqueFd program,
                      load_program(hook.type, hook.where, hook.program.assemble()));
    PAVISE_TRY(attach_program(cgroup, program.get(), hook.where));
  }
  return guard;
}

Status EgressGuard::allow(const Peers& peers) {
  PAVISE_CHECK(peers.network.prefix_bits <= 128);
  const NetworkKey key{kPortBits + peers.network.prefix_bits,
                       peer_key(peers.network.address, peers.socket_type, peers.port)};
  return put_in_map(networks_.get(), bytes_of(key), bytes_of(std::uint32_t{1}));
}

Status EgressGuard::allow(ListeningPort port) {
  PAVISE_CHECK(port.port != 0);
  return put_in_map(ports_.get(), bytes_of(port_key(port.socket_type, port.port)),
                    bytes_of(std::uint32_t{1}));
}

Status EgressGuard::pin(const AddressBytes& address, int socket_type, std::uint16_t port,
                        std::optional<std::chrono::nanoseconds> lifetime) {
  const std::uint64_t now = now_ns();
  const std::uint64_t end = lifetime ? now + static_cast<std::uint64_t>(lifetime->count()) : 0;
  const PeerKey key = peer_key(address, socket_type, port);
  Status put = put_in_map(pinned_.get(), bytes_of(key), bytes_of(end));
  if (put || !put.error().is(kGuardTableFull)) return put;
  drop_expired(now);
  return put_in_map(pinned_.get(), bytes_of(key), bytes_of(end));
}

Status EgressGuard::unpin(const AddressBytes& address, int socket_type, std::uint16_t port) {
  return erase_from_map(pinned_.get(), bytes_of(peer_key(address, socket_type, port)));
}

void EgressGuard::drop_expired(std::uint64_t now_ns) {
  std::vector<PeerKey> expired;
  PeerKey key{};
  ByteView before;
  PeerKey last{};
  while (next_key_of_map(pinned_.get(), before, writable_bytes_of(key))) {
    std::uint64_t end = 0;
    if (look_up_in_map(pinned_.get(), bytes_of(key), writable_bytes_of(end)) && end != 0 &&
        end <= now_ns)
      expired.push_back(key);
    last = key;
    before = bytes_of(last);
  }
  for (const PeerKey& gone : expired)
    (void)erase_from_map(pinned_.get(), bytes_of(gone)).has_value();
}

std::vector<RefusedPeer> EgressGuard::take_refused() {
  std::vector<RefusedPeer> out;
  PeerKey key{};
  // From the beginning each time, because each key is taken out. Bounded, since an app may add as
  // fast as we take.
  while (out.size() < kRefusedPeersMax &&
         next_key_of_map(refused_.get(), {}, writable_bytes_of(key))) {
    std::uint64_t attempts = 0;
    (void)look_up_in_map(refused_.get(), bytes_of(key), writable_bytes_of(attempts));
    (void)erase_from_map(refused_.get(), bytes_of(key)).has_value();
    const bool listening = (key.socket_type & kListeningMark) != 0;
    out.push_back({.address = key.address,
                   .socket_type = key.socket_type & ~int{kListeningMark},
                   .listening = listening,
                   .port = ntohs(key.port),
                   .attempts = attempts});
  }
  return out;
}

}  // namespace pavise::device
