#include "cli/app/program_file.h"

#include <gtest/gtest.h>

#include <algorithm>

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
  EXPECT_EQ(std::ranges::count(out->libraries, "libc.so.6"), 1);
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

TEST(ProgramFile, LibrariesAreThoseOfTheDynamicSection) {
  const auto program =
      read_program(as_bytes(testing::elf_file_with({"libssl.so.3", "libc.so.6"}, "/lib64/ld.so")));
  ASSERT_TRUE(program) << program.error().message();
  EXPECT_EQ(program->libraries, (std::vector<std::string>{"libssl.so.3", "libc.so.6"}));
  EXPECT_EQ(program->interpreter, "/lib64/ld.so");
  EXPECT_TRUE(read_program(as_bytes(testing::elf_file_with({})))->libraries.empty());
}

TEST(ProgramFile, LibrariesHaveLimits) {
  const auto with = [](const std::vector<std::string>& libraries) {
    const auto out = read_program(as_bytes(testing::elf_file_with(libraries)));
    return out ? "good" : out.error().detail();
  };
  EXPECT_EQ(with(std::vector<std::string>(kLibrariesMax, "a")), "good");
  EXPECT_EQ(with(std::vector<std::string>(kLibrariesMax + 1, "a")), "too many libraries");
  EXPECT_EQ(with({std::string(kLibraryNameMax, 'a')}), "good");
  EXPECT_EQ(with({std::string(kLibraryNameMax + 1, 'a')}), "name of a library");
}

TEST(ProgramFile, ADynamicSectionThatLeadsOutsideIsRefused) {
  const std::string good = testing::elf_file_with({"libc.so.6"});
  const auto with = [&](std::size_t segment, auto Elf64_Phdr::* field, std::uint64_t value) {
    std::string bad = good;
    Elf64_Phdr changed{};
    char* const at = bad.data() + sizeof(Elf64_Ehdr) + segment * sizeof changed;
    std::memcpy(&changed, at, sizeof changed);
    changed.*field = value;
    std::memcpy(at, &changed, sizeof changed);
    const auto out = read_program(as_bytes(bad));
    return out ? "good" : out.error().detail();
  };
  EXPECT_EQ(with(1, &Elf64_Phdr::p_offset, good.size()), "dynamic section");
  EXPECT_EQ(with(1, &Elf64_Phdr::p_offset, ~0ULL), "dynamic section");
  EXPECT_EQ(with(1, &Elf64_Phdr::p_filesz, 0), "good");  // and needs nothing
  EXPECT_EQ(with(0, &Elf64_Phdr::p_offset, ~0ULL - 8), "name of a library");
  EXPECT_EQ(with(0, &Elf64_Phdr::p_vaddr, ~0ULL), "name of a library");
  EXPECT_EQ(with(0, &Elf64_Phdr::p_filesz, 1), "name of a library");
}

}  // namespace
}  // namespace pavise::cli::app
