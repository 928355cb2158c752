#include "device/apps/egress/bpf_program.h"

#include <gtest/gtest.h>

#include <cstring>

#include "device/apps/egress/guard_programs.h"

namespace pavise::device {
namespace {

using enum BpfRegister;

std::uint64_t raw(const bpf_insn& instruction) {
  std::uint64_t out = 0;
  static_assert(sizeof(bpf_insn) == sizeof(out));
  std::memcpy(&out, &instruction, sizeof out);
  return out;
}

// Encodings as the specification's tables give them, little-endian.
TEST(BpfProgram, Encodings) {
  BpfProgram p;
  p.move(r6, r1);
  p.set(r0, 1);
  p.load(BpfSize::word, r7, r1, 24);
  p.store(BpfSize::word, frame, -20, r7);
  p.host_order_16(r7);
  p.call(1);
  p.exit();
  const auto code = p.assemble();
  ASSERT_EQ(code.size(), 7U);
  EXPECT_EQ(raw(code[0]), 0x00000000'0000'16bfU);
  EXPECT_EQ(raw(code[1]), 0x00000001'0000'00b7U);
  EXPECT_EQ(raw(code[2]), 0x00000000'0018'1761U);
  EXPECT_EQ(raw(code[3]), 0x00000000'ffec'7a63U);
  EXPECT_EQ(raw(code[4]), 0x00000010'0000'07dcU);
  EXPECT_EQ(raw(code[5]), 0x00000001'0000'0085U);
  EXPECT_EQ(raw(code[6]), 0x00000000'0000'0095U);
}

TEST(BpfProgram, AMapTakesTwoWords) {
  BpfProgram p;
  p.set_map(r1, 5);
  p.exit();
  const auto code = p.assemble();
  ASSERT_EQ(code.size(), 3U);
  EXPECT_EQ(raw(code[0]), 0x00000005'0000'1118U);
  EXPECT_EQ(raw(code[1]), 0U);
}

TEST(BpfProgram, JumpsGoForwardAndBack) {
  BpfProgram p;
  p.label("begin");
  p.jump_if_equal(r1, 0, "end");
  p.jump("begin");
  p.label("end");
  p.exit();
  const auto code = p.assemble();
  EXPECT_EQ(code[0].off, 1);
  EXPECT_EQ(code[1].off, -2);
}

TEST(BpfProgramDeathTest, ALabelIsSetOnce) {
  BpfProgram missing;
  missing.jump("nowhere");
  EXPECT_DEATH((void)missing.assemble(), "invariant");
  BpfProgram twice;
  twice.label("here");
  twice.label("here");
  twice.jump("here");
  EXPECT_DEATH((void)twice.assemble(), "invariant");
}

}  // namespace
}  // namespace pavise::device
