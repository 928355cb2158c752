#include "cli/app/program_file.h"

#include <elf.h>

namespace pavise::cli::app {
namespace {

constexpr std::size_t kSegmentsMax = 256;
constexpr std::size_t kInterpreterMax = 256;

std::string_view processor_name(std::uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "aarch64";
    case EM_RISCV:
      return "riscv64";
    default:
      return {};
  }
}

template <class T>
bool copy_out(ByteView file, std::uint64_t at, T& out) {
  if (at > file.size() || file.size() - at < sizeof out) return false;
  std::memcpy(&out, file.data() + at, sizeof out);
  return true;
}

}  // namespace

Result<ProgramFile> read_program(ByteView file) {
  Elf64_Ehdr header{};
  if (!copy_out(file, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return Error(kNotProgram, "no ELF file");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
    return Error(kNotProgram, "not of 64 bits, little-endian");
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
    return Error(kNotProgram, "not linked as a program");
  ProgramFile out;
  out.processor = processor_name(header.e_machine);
  if (out.processor.empty())
    return Error(kNotProgram, "ELF machine " + std::to_string(header.e_machine));
  if (header.e_phnum > kSegmentsMax || header.e_phentsize != sizeof(Elf64_Phdr))
    return Error(kNotProgram, "program headers");
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    if (header.e_phoff > file.size() ||
        !copy_out(file, header.e_phoff + i * sizeof segment, segment))
      return Error(kNotProgram, "program headers");
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_filesz == 0 || segment.p_filesz > kInterpreterMax ||
        segment.p_offset > file.size() || file.size() - segment.p_offset < segment.p_filesz)
      return Error(kNotProgram, "interpreter");
    const std::string_view text = as_text(file.subspan(segment.p_offset, segment.p_filesz));
    out.interpreter = text.substr(0, text.find('\0'));
  }
  return out;
}

}  // namespace pavise::cli::app
