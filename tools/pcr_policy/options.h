// Command line of pavise-pcr-policy.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "protocol/pcr_policy/pcr_policy.h"

namespace pavise::tools::pcr_policy {

// Errors: PV-PPT-nnn.
inline constexpr ErrorInfo kUsage{"PV-PPT-001", Retry::never, "the command line is wrong",
                                  "Use: pavise-pcr-policy --key policy.pem --pcr N=HEX [--pcr "
                                  "N=HEX]... [--or --pcr N=HEX...]... --out FILE."};
inline constexpr ErrorInfo kFile{"PV-PPT-002", Retry::needs_operator,
                                 "a file cannot be read or written",
                                 "Check the path and its permissions."};

struct Options {
  std::string key_path;
  std::string out_path;
  std::vector<pavise::pcr_policy::PcrValues> states;
};

// Arguments without the program's name. kUsage with the offending argument.
Result<Options> parse_options(std::span<const char* const> arguments);

}  // namespace pavise::tools::pcr_policy
