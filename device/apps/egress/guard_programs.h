// What the kernel runs for an app's sockets. The layouts of the tables' entries are here because
// both sides have to agree on them: the guard writes, the programs read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "device/apps/egress/bpf_program.h"

namespace pavise::device {

// Addresses are IPv6, IPv4 ones mapped into ::ffff:0:0/96, bytes in network order.
using AddressBytes = std::array<std::uint8_t, 16>;

// Key of `pinned` and `refused`: one peer. Port 0 in `pinned` is every port.
struct PeerKey {
  std::uint16_t port;         // network order
  std::uint16_t socket_type;  // SOCK_STREAM: TCP, SOCK_DGRAM: UDP
  AddressBytes address;
};
static_assert(sizeof(PeerKey) == 20);
// Of the type, in `refused`: the app wanted to listen there; the address is all zero.
inline constexpr std::uint16_t kListeningMark = 0x100;

// Key of `networks`, a trie by prefix: port, type and address are one string of bits for it.
struct NetworkKey {
  std::uint32_t prefix_bits;  // kPortBits and those of the address
  PeerKey peer;
};
static_assert(sizeof(NetworkKey) == 24);
inline constexpr std::uint32_t kPortBits = 32;  // port and type

// Key of `ports`, those on which the app may be reached.
constexpr std::uint32_t port_key(int socket_type, std::uint16_t port) {
  return (static_cast<std::uint32_t>(socket_type) << 16U) | port;
}

// Descriptors of the tables. Values: `pinned` nanoseconds of CLOCK_MONOTONIC at which the entry
// ends, 0 for never; `refused` a count; both 64 bits. `networks` and `ports` 32 bits, unused.
struct GuardTables {
  int pinned;
  int networks;
  int ports;
  int refused;
};

// Each answers 1 (pass) or 0 (EPERM, or the packet is dropped).
BpfProgram peer_program_ipv4(const GuardTables& tables);  // connect4, sendmsg4
BpfProgram peer_program_ipv6(const GuardTables& tables);  // connect6, sendmsg6
BpfProgram bind_program(const GuardTables& tables);       // bind4, bind6
BpfProgram socket_program();                              // sock_create
BpfProgram arrival_program(const GuardTables& tables);    // ingress
BpfProgram departure_program();                           // egress

}  // namespace pavise::device
