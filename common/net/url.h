// Addresses of servers, as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace pavise::net {

inline constexpr ErrorInfo kBadUrl{"PV-NET-017", Retry::never, "this is no URL of a server",
                                   "Write it as https://HOST:PORT."};

struct Url {
  std::string host;
  std::uint16_t port = 443;

  // https://HOST[:PORT][/], HOST a name, an IPv4 address or an IPv6 address in brackets. kBadUrl.
  static Result<Url> parse(std::string_view text);
};

}  // namespace pavise::net
