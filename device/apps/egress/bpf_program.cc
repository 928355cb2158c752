#include "device/apps/egress/bpf_program.h"

#include <algorithm>
#include <limits>

#include "common/base/result.h"

namespace pavise::device {
namespace {

constexpr auto kNone = BpfRegister::r0;

// Of an instruction. BPF_K and BPF_IMM (a constant) and BPF_LD are zero and may be left out.
std::uint8_t code(unsigned bits) {
  return static_cast<std::uint8_t>(bits);
}

}  // namespace

void BpfProgram::emit(std::uint8_t operation, Register to, Register from, std::int16_t offset,
                      std::int32_t value) {
  bpf_insn instruction{};
  instruction.code = operation;
  instruction.dst_reg = std::to_underlying(to) & 0xfU;
  instruction.src_reg = std::to_underlying(from) & 0xfU;
  instruction.off = offset;
  instruction.imm = value;
  code_.push_back(instruction);
}

void BpfProgram::emit_jump(std::uint8_t operation, Register what, Register other,
                           std::int32_t value, const std::string& label) {
  jumps_.emplace_back(label, code_.size());
  emit(operation, what, other, 0, value);
}

void BpfProgram::move(Register to, Register from) {
  emit(code(BPF_ALU64 | BPF_MOV | BPF_X), to, from, 0, 0);
}
void BpfProgram::set(Register to, std::int32_t value) {
  emit(code(BPF_ALU64 | BPF_MOV | BPF_K), to, kNone, 0, value);
}
void BpfProgram::add(Register to, std::int32_t value) {
  emit(code(BPF_ALU64 | BPF_ADD), to, kNone, 0, value);
}
void BpfProgram::add(Register to, Register other) {
  emit(code(BPF_ALU64 | BPF_ADD | BPF_X), to, other, 0, 0);
}
void BpfProgram::bit_and(Register to, std::int32_t mask) {
  emit(code(BPF_ALU64 | BPF_AND | BPF_K), to, kNone, 0, mask);
}
void BpfProgram::shift_left(Register to, std::int32_t bits) {
  emit(code(BPF_ALU64 | BPF_LSH | BPF_K), to, kNone, 0, bits);
}
void BpfProgram::shift_right(Register to, std::int32_t bits) {
  emit(code(BPF_ALU64 | BPF_RSH | BPF_K), to, kNone, 0, bits);
}
void BpfProgram::bit_or(Register to, Register other) {
  emit(code(BPF_ALU64 | BPF_OR | BPF_X), to, other, 0, 0);
}
void BpfProgram::host_order_16(Register to) {
  emit(code(BPF_ALU | BPF_END | BPF_TO_BE), to, kNone, 0, 16);
}
void BpfProgram::load(BpfSize size, Register to, Register base, std::int16_t offset) {
  emit(code(BPF_LDX | BPF_MEM | std::to_underlying(size)), to, base, offset, 0);
}
void BpfProgram::store(BpfSize size, Register base, std::int16_t offset, Register from) {
  emit(code(BPF_STX | BPF_MEM | std::to_underlying(size)), base, from, offset, 0);
}
void BpfProgram::store_value(BpfSize size, Register base, std::int16_t offset, std::int32_t value) {
  emit(code(BPF_ST | BPF_MEM | std::to_underlying(size)), base, kNone, offset, value);
}
void BpfProgram::add_in_memory(Register base, std::int16_t offset, Register amount) {
  emit(code(BPF_STX | BPF_ATOMIC | BPF_DW), base, amount, offset, BPF_ADD);
}
void BpfProgram::set_map(Register to, int map_descriptor) {
  // The one instruction of two words; the mark says that the value is a descriptor.
  emit(code(BPF_LD | BPF_DW), to, static_cast<Register>(BPF_PSEUDO_MAP_FD), 0, map_descriptor);
  emit(0, kNone, kNone, 0, 0);
}
void BpfProgram::call(std::int32_t helper) {
  emit(code(BPF_JMP | BPF_CALL), kNone, kNone, 0, helper);
}
void BpfProgram::exit() {
  emit(code(BPF_JMP | BPF_EXIT), kNone, kNone, 0, 0);
}

void BpfProgram::label(std::string name) {
  labels_.emplace_back(std::move(name), code_.size());
}
void BpfProgram::jump(const std::string& label) {
  emit_jump(code(BPF_JMP | BPF_JA), kNone, kNone, 0, label);
}
void BpfProgram::jump_if_equal(Register what, std::int32_t value, const std::string& label) {
  emit_jump(code(BPF_JMP | BPF_JEQ | BPF_K), what, kNone, value, label);
}
void BpfProgram::jump_if_not_equal(Register what, std::int32_t value, const std::string& label) {
  emit_jump(code(BPF_JMP | BPF_JNE | BPF_K), what, kNone, value, label);
}
void BpfProgram::jump_if_less(Register what, Register than, const std::string& label) {
  emit_jump(code(BPF_JMP | BPF_JLT | BPF_X), what, than, 0, label);
}

std::vector<bpf_insn> BpfProgram::assemble() const {
  std::vector<bpf_insn> out = code_;
  for (const auto& [name, at] : jumps_) {
    const std::string& wanted = name;
    const auto is_named = [&wanted](const auto& label) { return label.first == wanted; };
    PAVISE_CHECK(std::ranges::count_if(labels_, is_named) == 1);
    // Counted from the instruction behind the jump.
    const auto label = std::ranges::find_if(labels_, is_named);
    const auto distance =
        static_cast<std::ptrdiff_t>(label->second) - static_cast<std::ptrdiff_t>(at) - 1;
    PAVISE_CHECK(distance >= std::numeric_limits<std::int16_t>::min() &&
                 distance <= std::numeric_limits<std::int16_t>::max());
    out[at].off = static_cast<std::int16_t>(distance);
  }
  return out;
}

}  // namespace pavise::device
