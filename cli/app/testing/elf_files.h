// The smallest files that are programs as far as their ELF header goes.
#pragma once

#include <elf.h>

#include <cstring>
#include <string>

namespace pavise::cli::app::testing {

inline std::string elf_file(std::uint16_t machine = EM_X86_64, const std::string& loader = {}) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_DYN;
  header.e_machine = machine;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = loader.empty() ? 0 : 1;
  header.e_phoff = sizeof header;
  std::string out(reinterpret_cast<const char*>(&header), sizeof header);
  if (loader.empty()) return out;
  Elf64_Phdr segment{};
  segment.p_type = PT_INTERP;
  segment.p_offset = sizeof header + sizeof segment;
  segment.p_filesz = loader.size() + 1;
  out.append(reinterpret_cast<const char*>(&segment), sizeof segment);
  return out + loader + '\0';
}

}  // namespace pavise::cli::app::testing
