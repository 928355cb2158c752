// The smallest files that are programs as far as their ELF header goes.
#pragma once

#include <elf.h>

#include <cstring>
#include <string>
#include <vector>

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

// One that needs libraries, and a loader if one is named.
inline std::string elf_file_with(const std::vector<std::string>& libraries,
                                 const std::string& loader = {}) {
  Elf64_Ehdr header{};
  const std::string plain = elf_file();
  std::memcpy(&header, plain.data(), sizeof header);
  header.e_phoff = sizeof header;
  std::string names(1, '\0');
  std::vector<Elf64_Dyn> dynamic;
  for (const std::string& library : libraries) {
    dynamic.push_back({.d_tag = DT_NEEDED, .d_un = {.d_val = names.size()}});
    names += library + '\0';
  }
  constexpr std::uint64_t kAddress = 0x10000;  // of the file's first byte
  std::vector<Elf64_Phdr> segments(loader.empty() ? 2 : 3);
  const std::uint64_t names_at = sizeof header + segments.size() * sizeof(Elf64_Phdr);
  dynamic.push_back({.d_tag = DT_STRTAB, .d_un = {.d_ptr = kAddress + names_at}});
  dynamic.push_back({.d_tag = DT_NULL, .d_un = {.d_val = 0}});
  const std::uint64_t dynamic_at = names_at + names.size();
  const std::uint64_t loader_at = dynamic_at + dynamic.size() * sizeof(Elf64_Dyn);
  segments[0].p_type = PT_LOAD;
  segments[0].p_vaddr = kAddress;
  segments[0].p_filesz = loader_at;
  segments[1].p_type = PT_DYNAMIC;
  segments[1].p_offset = dynamic_at;
  segments[1].p_filesz = dynamic.size() * sizeof(Elf64_Dyn);
  if (!loader.empty()) {
    segments[2].p_type = PT_INTERP;
    segments[2].p_offset = loader_at;
    segments[2].p_filesz = loader.size() + 1;
  }
  header.e_phnum = static_cast<Elf64_Half>(segments.size());
  std::string out(reinterpret_cast<const char*>(&header), sizeof header);
  out.append(reinterpret_cast<const char*>(segments.data()), segments.size() * sizeof segments[0]);
  out += names;
  out.append(reinterpret_cast<const char*>(dynamic.data()), dynamic.size() * sizeof dynamic[0]);
  return loader.empty() ? out : out + loader + '\0';
}

}  // namespace pavise::cli::app::testing
