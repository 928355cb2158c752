#include "cli/app/program_file.h"

#include <elf.h>

#include <optional>

namespace pavise::cli::app {
namespace {

constexpr std::size_t kSegmentsMax = 256;
constexpr std::size_t kInterpreterMax = 256;
constexpr std::size_t kDynamicEntriesMax = 4096;

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

// The text at `at`, up to a zero that stands within `bytes_max`.
std::optional<std::string> text_at(ByteView file, std::uint64_t at, std::size_t bytes_max) {
  if (at >= file.size()) return std::nullopt;
  const std::string_view rest = as_text(file.subspan(at));
  const std::size_t end = rest.substr(0, bytes_max + 1).find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return std::string(rest.substr(0, end));
}

// Where the byte that will stand at an address stands in the file.
std::optional<std::uint64_t> offset_of(ByteView file, const std::vector<Elf64_Phdr>& segments,
                                       std::uint64_t address) {
  for (const Elf64_Phdr& segment : segments)
    if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
        address - segment.p_vaddr < segment.p_filesz && segment.p_filesz <= file.size() &&
        segment.p_offset <= file.size() - segment.p_filesz)
      return segment.p_offset + (address - segment.p_vaddr);
  return std::nullopt;
}

Result<std::vector<std::string>> read_libraries(ByteView file,
                                                const std::vector<Elf64_Phdr>& segments,
                                                const Elf64_Phdr& dynamic) {
  std::vector<std::uint64_t> names;
  std::uint64_t table = 0;
  for (std::size_t i = 0; i < kDynamicEntriesMax; ++i) {
    Elf64_Dyn entry{};
    if ((i + 1) * sizeof entry > dynamic.p_filesz) break;
    if (dynamic.p_offset > file.size() ||
        !copy_out(file, dynamic.p_offset + i * sizeof entry, entry))
      return Error(kNotProgram, "dynamic section");
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_STRTAB) table = entry.d_un.d_ptr;
    if (entry.d_tag == DT_NEEDED) names.push_back(entry.d_un.d_val);
  }
  if (names.size() > kLibrariesMax) return Error(kNotProgram, "too many libraries");
  std::vector<std::string> out;
  for (const std::uint64_t name : names) {
    const auto at = offset_of(file, segments, table + name);
    const auto text = at ? text_at(file, *at, kLibraryNameMax) : std::nullopt;
    if (!text) return Error(kNotProgram, "name of a library");
    out.push_back(*text);
  }
  return out;
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
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  for (std::size_t i = 0; i < header.e_phnum; ++i)
    if (header.e_phoff > file.size() ||
        !copy_out(file, header.e_phoff + i * sizeof(Elf64_Phdr), segments[i]))
      return Error(kNotProgram, "program headers");
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_DYNAMIC) {
      PAVISE_TRY_ASSIGN(out.libraries, read_libraries(file, segments, segment));
    }
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
