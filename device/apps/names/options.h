// Command line of pavise-names, and where it finds the network's name server.
#pragma once

#include <netinet/in.h>
#include <sys/types.h>

#include <optional>
#include <span>
#include <string_view>

#include "common/base/result.h"

namespace pavise::device {

inline constexpr ErrorInfo kNamesUsage{
    "PV-NAM-007", Retry::never, "pavise-names got an argument that it does not understand",
    "Use --user UID (not root) and, if need be, --upstream A.B.C.D[:PORT]."};

inline constexpr int kNamesChannel = 3;  // the launcher

struct NamesOptions {
  uid_t user = 0;
  std::optional<sockaddr_in> upstream{};
};

// Arguments without the program's name. kNamesUsage with the offending argument.
Result<NamesOptions> parse_names_options(std::span<const char* const> arguments);

// The first name server of /proc/net/pnp, where the kernel's DHCP client writes it.
std::optional<sockaddr_in> upstream_of_pnp(std::string_view text);

}  // namespace pavise::device
