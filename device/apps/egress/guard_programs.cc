#include "device/apps/egress/guard_programs.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <bit>
#include <string>

namespace pavise::device {
namespace {

using enum BpfRegister;
using enum BpfSize;

// The stack frame of the programs, offsets from its end. A NetworkKey, whose rear is the PeerKey.
constexpr std::int16_t kNetworkKey = -24;
constexpr std::int16_t kPort = -20;
constexpr std::int16_t kAddress = -16;
constexpr std::int16_t kValue = -32;  // 64 bits, for what is written to a table
constexpr std::int16_t kBytes = -56;  // what was read of a packet, 20 bytes at most
constexpr std::int16_t kPortTableKey = -36;

constexpr std::int16_t field(std::size_t offset) {
  return static_cast<std::int16_t>(offset);
}
// A number whose bytes in memory are those of `value` in network order.
constexpr std::int32_t network_order(std::uint32_t value) {
  if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
  return static_cast<std::int32_t>(value);
}

void answer(BpfProgram& p, std::int32_t value) {
  p.set(r0, value);
  p.exit();
}

void look_up(BpfProgram& p, int table, std::int16_t key) {
  p.set_map(r1, table);
  p.move(r2, frame);
  p.add(r2, key);
  p.call(BPF_FUNC_map_lookup_elem);
}

// Goes to "pass" if the pinned entry of the key on the stack has not ended.
void pass_if_pinned(BpfProgram& p, const GuardTables& tables, const std::string& otherwise) {
  look_up(p, tables.pinned, kPort);
  p.jump_if_equal(r0, 0, otherwise);
  p.load(wide, r8, r0, 0);
  p.jump_if_equal(r8, 0, "pass");
  p.call(BPF_FUNC_ktime_get_ns);
  p.jump_if_less(r0, r8, "pass");
  p.label(otherwise);
}

void pass_if_in_network(BpfProgram& p, const GuardTables& tables) {
  look_up(p, tables.networks, kNetworkKey);
  p.jump_if_not_equal(r0, 0, "pass");
}

// This machine's own addresses are no network that a manifest could mean: whoever may go to
// 0.0.0.0/0 still has no business with what listens on the loopback. Only a pin opens one.
void refuse_loopback(BpfProgram& p) {
  p.load(word, r1, frame, kAddress);
  p.jump_if_not_equal(r1, 0, "networks");
  p.load(word, r1, frame, kAddress + 4);
  p.jump_if_not_equal(r1, 0, "networks");
  p.load(half, r1, frame, kAddress + 8);
  p.jump_if_not_equal(r1, 0, "networks");
  p.load(half, r1, frame, kAddress + 10);
  p.jump_if_equal(r1, 0, "refuse");  // ::, ::1 and the rest of ::/96, which nobody uses
  p.jump_if_not_equal(r1, 0xffff, "networks");
  p.load(byte, r1, frame, kAddress + 12);
  p.jump_if_equal(r1, 0, "refuse");
  p.jump_if_equal(r1, IN_LOOPBACKNET, "refuse");
  p.label("networks");
}

// Judges the peer whose port and type are in r7 (as a PeerKey has them), whose type alone is in r9
// (alike), and whose address is on the stack. Ends in the labels "pass" and "refuse", which the
// caller sets; at "refuse" the key on the stack has the port again.
void judge_peer(BpfProgram& p, const GuardTables& tables) {
  p.store(word, frame, kPort, r7);
  pass_if_pinned(p, tables, "not pinned with its port");
  p.store(word, frame, kPort, r9);
  pass_if_pinned(p, tables, "not pinned");
  p.store(word, frame, kPort, r7);
  refuse_loopback(p);
  p.store_value(word, frame, kNetworkKey, static_cast<std::int32_t>(kPortBits + 128));
  pass_if_in_network(p, tables);
  p.store(word, frame, kPort, r9);
  pass_if_in_network(p, tables);
  p.store(word, frame, kPort, r7);
  p.jump("refuse");
}

// So that the app's owner can be told what it wanted.
void count_refusal(BpfProgram& p, const GuardTables& tables) {
  look_up(p, tables.refused, kPort);
  p.jump_if_equal(r0, 0, "first");
  p.set(r1, 1);
  p.add_in_memory(r0, 0, r1);
  answer(p, 0);
  p.label("first");
  p.store_value(wide, frame, kValue, 1);
  p.set_map(r1, tables.refused);
  p.move(r2, frame);
  p.add(r2, kPort);
  p.move(r3, frame);
  p.add(r3, kValue);
  p.set(r4, BPF_ANY);
  p.call(BPF_FUNC_map_update_elem);
  answer(p, 0);
}

void end_of_peer_program(BpfProgram& p, const GuardTables& tables) {
  judge_peer(p, tables);
  p.label("refuse");
  count_refusal(p, tables);
  p.label("pass");
  answer(p, 1);
}

// r7 and r9 for judge_peer(), from the context in r1.
void load_port_and_type(BpfProgram& p) {
  p.load(word, r7, r1, field(offsetof(bpf_sock_addr, user_port)));
  p.load(word, r9, r1, field(offsetof(bpf_sock_addr, type)));
  p.shift_left(r9, 16);
  p.bit_or(r7, r9);
}

void store_mapped_prefix(BpfProgram& p) {
  p.store_value(word, frame, kAddress, 0);
  p.store_value(word, frame, kAddress + 4, 0);
  p.store_value(word, frame, kAddress + 8, network_order(0xffff));
}

// Goes to "refuse" unless the port in r7 (host order) of this type of socket is declared.
void refuse_undeclared_port(BpfProgram& p, const GuardTables& tables, int socket_type) {
  p.set(r1, socket_type << 16);
  p.bit_or(r1, r7);
  p.store(word, frame, kPortTableKey, r1);
  look_up(p, tables.ports, kPortTableKey);
  p.jump_if_equal(r0, 0, socket_type == SOCK_STREAM ? "refuse" : "not declared");
  p.jump("pass");
}

// Reads `size` bytes of the packet at the offset in r9 plus `offset` to kBytes, or refuses.
void read_packet(BpfProgram& p, std::int32_t offset, std::int32_t size) {
  p.move(r1, r6);
  p.move(r2, r9);
  p.add(r2, offset);
  p.move(r3, frame);
  p.add(r3, kBytes);
  p.set(r4, size);
  p.call(BPF_FUNC_skb_load_bytes);
  p.jump_if_not_equal(r0, 0, "refuse");
}

// The source address to the stack; in r8 the protocol, in r9 where its header begins.
void read_ip_header(BpfProgram& p) {
  p.set(r9, 0);
  read_packet(p, 0, 1);
  p.load(byte, r7, frame, kBytes);
  p.shift_right(r7, 4);
  p.jump_if_equal(r7, 6, "ipv6");
  read_packet(p, 0, 20);
  store_mapped_prefix(p);
  p.load(word, r1, frame, kBytes + 12);
  p.store(word, frame, kAddress + 12, r1);
  p.load(byte, r8, frame, kBytes + 9);
  p.load(byte, r9, frame, kBytes);
  p.bit_and(r9, 0xf);
  p.shift_left(r9, 2);
  p.jump("transport");
  p.label("ipv6");
  read_packet(p, 8, 16);
  for (std::int16_t i = 0; i < 16; i = static_cast<std::int16_t>(i + 4)) {
    p.load(word, r1, frame, static_cast<std::int16_t>(kBytes + i));
    p.store(word, frame, static_cast<std::int16_t>(kAddress + i), r1);
  }
  read_packet(p, 6, 1);
  p.load(byte, r8, frame, kBytes);  // behind extension headers nothing of ours is looked for
  p.set(r9, 40);
  p.label("transport");
}

}  // namespace

BpfProgram peer_program_ipv4(const GuardTables& tables) {
  BpfProgram p;
  load_port_and_type(p);
  p.load(word, r2, r1, field(offsetof(bpf_sock_addr, user_ip4)));
  store_mapped_prefix(p);
  p.store(word, frame, kAddress + 12, r2);
  end_of_peer_program(p, tables);
  return p;
}

BpfProgram peer_program_ipv6(const GuardTables& tables) {
  BpfProgram p;
  load_port_and_type(p);
  for (std::int16_t i = 0; i < 16; i = static_cast<std::int16_t>(i + 4)) {
    p.load(word, r2, r1, static_cast<std::int16_t>(field(offsetof(bpf_sock_addr, user_ip6)) + i));
    p.store(word, frame, static_cast<std::int16_t>(kAddress + i), r2);
  }
  end_of_peer_program(p, tables);
  return p;
}

BpfProgram bind_program(const GuardTables& tables) {
  BpfProgram p;
  p.load(word, r6, r1, field(offsetof(bpf_sock_addr, user_port)));
  p.move(r7, r6);
  p.host_order_16(r7);
  p.load(word, r8, r1, field(offsetof(bpf_sock_addr, type)));
  p.jump_if_equal(r8, SOCK_DGRAM, "datagrams");
  refuse_undeclared_port(p, tables, SOCK_STREAM);
  p.label("datagrams");
  p.jump_if_equal(r7, 0, "pass");  // a client's; what may arrive there is judged by its peer
  refuse_undeclared_port(p, tables, SOCK_DGRAM);
  p.label("not declared");
  p.label("refuse");
  for (std::int16_t i = 0; i < 16; i = static_cast<std::int16_t>(i + 4))
    p.store_value(word, frame, static_cast<std::int16_t>(kAddress + i), 0);
  p.shift_left(r8, 16);
  p.bit_or(r6, r8);
  p.set(r1, kListeningMark << 16);
  p.bit_or(r6, r1);
  p.store(word, frame, kPort, r6);
  count_refusal(p, tables);
  p.label("pass");
  answer(p, 1);
  return p;
}

BpfProgram socket_program() {
  BpfProgram p;
  p.load(word, r2, r1, field(offsetof(bpf_sock, type)));
  p.load(word, r3, r1, field(offsetof(bpf_sock, protocol)));
  p.jump_if_equal(r2, SOCK_DGRAM, "datagrams");
  p.jump_if_not_equal(r2, SOCK_STREAM, "refuse");
  p.jump_if_equal(r3, IPPROTO_TCP, "pass");
  p.jump("refuse");
  p.label("datagrams");
  p.jump_if_equal(r3, IPPROTO_UDP, "pass");
  p.label("refuse");
  answer(p, 0);
  p.label("pass");
  answer(p, 1);
  return p;
}

BpfProgram arrival_program(const GuardTables& tables) {
  BpfProgram p;
  p.move(r6, r1);
  read_ip_header(p);
  p.jump_if_equal(r8, IPPROTO_UDP, "udp");
  p.jump_if_not_equal(r8, IPPROTO_TCP, "refuse");
  read_packet(p, 0, 14);
  // SYN without ACK opens a connection to us; all else belongs to one that was judged.
  p.load(byte, r1, frame, kBytes + 13);
  p.bit_and(r1, 0x12);
  p.jump_if_not_equal(r1, 0x02, "pass");
  p.load(half, r7, frame, kBytes + 2);
  p.host_order_16(r7);
  refuse_undeclared_port(p, tables, SOCK_STREAM);
  p.label("udp");
  read_packet(p, 0, 4);
  p.load(half, r7, frame, kBytes + 2);
  p.host_order_16(r7);
  refuse_undeclared_port(p, tables, SOCK_DGRAM);
  p.label("not declared");
  p.load(half, r7, frame, kBytes);
  p.set(r9, SOCK_DGRAM << 16);
  p.bit_or(r7, r9);
  judge_peer(p, tables);
  p.label("refuse");
  answer(p, 0);
  p.label("pass");
  answer(p, 1);
  return p;
}

// Where a packet goes is what was judged at connect or send, if its header says no more than that:
// a source route sends it to whom nobody judged first. No app's packet needs IP options.
BpfProgram departure_program() {
  constexpr std::int32_t kIpv4WithoutOptions = 0x45;
  BpfProgram p;
  p.move(r6, r1);
  p.set(r9, 0);
  read_packet(p, 0, 1);
  p.load(byte, r7, frame, kBytes);
  p.jump_if_equal(r7, kIpv4WithoutOptions, "pass");
  p.shift_right(r7, 4);
  p.jump_if_not_equal(r7, 6, "refuse");
  read_packet(p, 6, 1);
  p.load(byte, r7, frame, kBytes);
  p.jump_if_equal(r7, IPPROTO_TCP, "pass");
  p.jump_if_equal(r7, IPPROTO_UDP, "pass");
  p.label("refuse");
  answer(p, 0);
  p.label("pass");
  answer(p, 1);
  return p;
}

}  // namespace pavise::device
