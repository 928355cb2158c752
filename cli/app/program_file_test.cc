#include "cli/app/program_file.h"

#include <gtest/gtest.h>

#include "cli/app/files.h"
#include "cli/app/testing/elf_files.h"

namespace pavise::cli::app {
namespace {

using testing::elf_file;

TEST(ProgramFile, KnowsProcessorAndLoader) {
  const auto fixed = read_program(as_bytes(elf_file()));
  ASSERT_TRUE(fixed) << fixed.error().message();
  EXPECT_EQ(fixed->processor, "x86-64");
  EXPECT_EQ(fixed->interpreter, "");
  const auto linked = read_program(as_bytes(elf_file(EM_AARCH64, "/lib/ld-linux-aarch64.so.1")));
  ASSERT_TRUE(linked);
  EXPECT_EQ(linked->processor, "aarch64");
  EXPECT_EQ(linked->interpreter, "/lib/ld-linux-aarch64.so.1");
  EXPECT_EQ(read_program(as_bytes(elf_file(EM_RISCV)))->processor, "riscv64");
}

TEST(ProgramFile, ReadsARealOne) {
  const auto bytes = read_whole("/proc/self/exe", std::size_t{1} << 30U);
  ASSERT_TRUE(bytes);
  const auto out = read_program(*bytes);
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_FALSE(out->interpreter.empty());
}

TEST(ProgramFile, RefusesWhatIsNone) {
  const auto changed = [](std::size_t at, char value) {
    std::string out = elf_file(EM_X86_64, "/lib/ld.so");
    out[at] = value;
    const auto outcome = read_program(as_bytes(out));
    return outcome ? std::string("accepted") : outcome.error().detail();
  };
  EXPECT_EQ(read_program(as_bytes("#!/bin/sh\n")).error().detail(), "no ELF file");
  EXPECT_EQ(changed(0, 'x'), "no ELF file");
  EXPECT_EQ(changed(EI_CLASS, ELFCLASS32), "not of 64 bits, little-endian");
  EXPECT_EQ(changed(EI_DATA, ELFDATA2MSB), "not of 64 bits, little-endian");
  EXPECT_EQ(changed(16, ET_REL), "not linked as a program");
  EXPECT_EQ(changed(18, 3), "ELF machine 3");
  EXPECT_EQ(changed(54, 0), "program headers");    // their size
  EXPECT_EQ(changed(56, 2), "program headers");    // one more than there are bytes
  EXPECT_EQ(changed(57, 2), "program headers");    // too many
  EXPECT_EQ(changed(39, 1), "program headers");    // far away
  EXPECT_EQ(changed(64 + 8, 127), "interpreter");  // its place
  EXPECT_EQ(changed(64 + 32, 0), "interpreter");   // its length
  const std::string whole = elf_file(EM_X86_64, "/lib/ld.so");
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(read_program(as_bytes(whole.substr(0, size)))) << size;
}

}  // namespace
}  // namespace pavise::cli::app
