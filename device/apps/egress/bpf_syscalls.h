// The bpf(2) system call with our errors. Needs CAP_BPF and CAP_NET_ADMIN.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <span>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace pavise::device {

inline constexpr ErrorInfo kGuardRefused{
    "PV-EGR-001", Retry::never, "the kernel does not take the guard of an app's network",
    "Build the image with its own kernel configuration (CONFIG_BPF_SYSCALL, CONFIG_CGROUP_BPF)."};
inline constexpr ErrorInfo kGuardTableFull{
    "PV-EGR-002", Retry::later, "an app's table of peers is full",
    "List fewer hosts in the app's manifest, or wait until earlier answers have expired."};

struct BpfMapShape {
  bpf_map_type type;
  std::uint32_t key_bytes;
  std::uint32_t value_bytes;
  std::uint32_t entries_max;
  std::uint32_t flags = 0;  // BPF_F_...
};

Result<UniqueFd> create_map(const BpfMapShape& shape);  // kGuardRefused
// Adds or replaces. kGuardTableFull, kGuardRefused.
Status put_in_map(int map, ByteView key, ByteView value);
Status erase_from_map(int map, ByteView key);  // missing is no error; kGuardRefused
// The key behind `key` (empty: the first) into `next`; false: there is none.
bool next_key_of_map(int map, ByteView key, std::span<std::byte> next);
bool look_up_in_map(int map, ByteView key, std::span<std::byte> value);

// What the verifier says goes into the error. kGuardRefused.
Result<UniqueFd> load_program(bpf_prog_type type, bpf_attach_type hook,
                              std::span<const bpf_insn> code);
// It stays until the control group is gone, whatever becomes of the caller. kGuardRefused.
Status attach_program(int cgroup, int program, bpf_attach_type hook);

}  // namespace pavise::device
