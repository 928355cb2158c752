// Command line of pavise-signer.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>

#include "common/base/result.h"

namespace pavise::security::signer {

inline constexpr ErrorInfo kSignerUsage{
    "PV-SGN-008", Retry::needs_operator, "wrong command line",
    "pavise-signer --keys DIR --socket PATH [--allow-uid UID] [--without-landlock]"};

struct ProcessOptions {
  std::string keys_directory;
  std::string socket_path;
  uid_t allow_uid = 0;            // default: the signer's own user
  bool without_landlock = false;  // for kernels without it; says so on standard error
};

// `arguments` without the program's name. kSignerUsage.
Result<ProcessOptions> parse_options(std::span<const char* const> arguments, uid_t own_uid);

}  // namespace pavise::security::signer
