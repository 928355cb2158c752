// An assembler for the kernel's eBPF machine, as much of it as the guard's programs need.
// Kernel documentation: bpf/standardization/instruction-set.rst.
//
//   BpfProgram program;
//   program.load(Size::word, kR7, kR1, offsetof(bpf_sock_addr, user_port));
//   program.jump_if_equal(kR7, 0, "refuse");
//   ...
//   PAVISE_TRY_ASSIGN(const auto code, program.assemble());
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace pavise::device {

enum class BpfRegister : std::uint8_t { r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, frame };

enum class BpfSize : std::uint8_t { byte = BPF_B, half = BPF_H, word = BPF_W, wide = BPF_DW };

// Instructions in the order of the calls. Labels may be used before they are set. Not thread-safe.
class BpfProgram {
 public:
  using Register = BpfRegister;

  void move(Register to, Register from);
  void set(Register to, std::int32_t value);
  void add(Register to, std::int32_t value);
  void add(Register to, Register other);
  void bit_and(Register to, std::int32_t mask);
  void shift_left(Register to, std::int32_t bits);
  void shift_right(Register to, std::int32_t bits);
  void bit_or(Register to, Register other);
  void host_order_16(Register to);  // from network order, clears the rest
  void load(BpfSize size, Register to, Register base, std::int16_t offset);
  void store(BpfSize size, Register base, std::int16_t offset, Register from);
  void store_value(BpfSize size, Register base, std::int16_t offset, std::int32_t value);
  void add_in_memory(Register base, std::int16_t offset, Register amount);  // atomic, 64 bits
  void set_map(Register to, int map_descriptor);
  void call(std::int32_t helper);  // BPF_FUNC_...; r0 is the answer, r1 to r5 are lost
  void exit();

  void label(std::string name);  // here
  void jump(const std::string& label);
  void jump_if_equal(Register what, std::int32_t value, const std::string& label);
  void jump_if_not_equal(Register what, std::int32_t value, const std::string& label);
  void jump_if_less(Register what, Register than, const std::string& label);  // unsigned

  // With every jump resolved. A label that was never set or set twice is a mistake of the caller
  // (checked).
  std::vector<bpf_insn> assemble() const;

 private:
  void emit(std::uint8_t code, Register to, Register from, std::int16_t offset, std::int32_t value);
  void emit_jump(std::uint8_t code, Register what, Register other, std::int32_t value,
                 const std::string& label);

  std::vector<bpf_insn> code_;
  std::vector<std::pair<std::string, std::size_t>> labels_;
  std::vector<std::pair<std::string, std::size_t>> jumps_;
};

}  // namespace pavise::device
