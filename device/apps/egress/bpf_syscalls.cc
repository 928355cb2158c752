#include "device/apps/egress/bpf_syscalls.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace pavise::device {
namespace {

constexpr std::size_t kVerifierTextBytes = 4096;

long bpf(bpf_cmd command, bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

std::uint64_t address_of(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

Error refused(const char* what) {
  return {kGuardRefused, std::string(what) + ": " + std::strerror(errno)};
}

}  // namespace

Result<UniqueFd> create_map(const BpfMapShape& shape) {
  bpf_attr attributes{};
  attributes.map_type = shape.type;
  attributes.key_size = shape.key_bytes;
  attributes.value_size = shape.value_bytes;
  attributes.max_entries = shape.entries_max;
  attributes.map_flags = shape.flags;
  UniqueFd map(static_cast<int>(bpf(BPF_MAP_CREATE, attributes)));
  if (!map) return refused("table");
  return map;
}

Status put_in_map(int map, ByteView key, ByteView value) {
  bpf_attr attributes{};
  attributes.map_fd = static_cast<std::uint32_t>(map);
  attributes.key = address_of(key.data());
  attributes.value = address_of(value.data());
  if (bpf(BPF_MAP_UPDATE_ELEM, attributes) == 0) return {};
  if (errno == E2BIG || errno == ENOSPC) return kGuardTableFull;
  return refused("entry");
}

Status erase_from_map(int map, ByteView key) {
  bpf_attr attributes{};
  attributes.map_fd = static_cast<std::uint32_t>(map);
  attributes.key = address_of(key.data());
  if (bpf(BPF_MAP_DELETE_ELEM, attributes) == 0 || errno == ENOENT) return {};
  return refused("entry");
}

bool next_key_of_map(int map, ByteView key, std::span<std::byte> next) {
  bpf_attr attributes{};
  attributes.map_fd = static_cast<std::uint32_t>(map);
  attributes.key = key.empty() ? 0 : address_of(key.data());
  attributes.next_key = address_of(next.data());
  return bpf(BPF_MAP_GET_NEXT_KEY, attributes) == 0;
}

bool look_up_in_map(int map, ByteView key, std::span<std::byte> value) {
  bpf_attr attributes{};
  attributes.map_fd = static_cast<std::uint32_t>(map);
  attributes.key = address_of(key.data());
  attributes.value = address_of(value.data());
  return bpf(BPF_MAP_LOOKUP_ELEM, attributes) == 0;
}

Result<UniqueFd> load_program(bpf_prog_type type, bpf_attach_type hook,
                              std::span<const bpf_insn> code) {
  bpf_attr attributes{};
  attributes.prog_type = type;
  attributes.expected_attach_type = hook;
  attributes.insns = address_of(code.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(code.size());
  attributes.license = address_of("Apache-2.0");
  UniqueFd program(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));
  if (program) return program;
  const int why = errno;
  // Once more for the verifier's words: asking for them costs on every load.
  std::array<char, kVerifierTextBytes> text{};
  attributes.log_buf = address_of(text.data());
  attributes.log_size = text.size();
  attributes.log_level = 1;
  program = UniqueFd(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));
  if (program) return program;
  text.back() = '\0';
  return Error(kGuardRefused, std::string(std::strerror(why)) + ": " + text.data());
}

Status attach_program(int cgroup, int program, bpf_attach_type hook) {
  bpf_attr attributes{};
  attributes.target_fd = static_cast<std::uint32_t>(cgroup);
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program);
  attributes.attach_type = hook;
  if (bpf(BPF_PROG_ATTACH, attributes) == 0) return {};
  return refused("attach");
}

}  // namespace pavise::device
