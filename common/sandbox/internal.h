// The two kernel mechanisms behind apply(). Not for use outside this folder.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include "common/sandbox/sandbox.h"

namespace pavise::sandbox {

inline std::string errno_text(std::string_view what, int error = errno) {
  return std::string(what) + ": " + std::strerror(error);
}

Status restrict_paths(const SandboxPolicy& policy);     // landlock.cc
Status restrict_syscalls(const SandboxPolicy& policy);  // seccomp.cc

}  // namespace pavise::sandbox
