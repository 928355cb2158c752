// The query of a management call: names and values, each name at most once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace pavise::server {

inline constexpr std::size_t kQueryParametersMax = 16;

class Query {
 public:
  // application/x-www-form-urlencoded without '+' for space. kBadQuery: broken escape, control
  // character after decoding, a name twice or without '=', a name not in `known`, too many.
  static Result<Query> parse(std::string_view text, std::span<const std::string_view> known);
  Query() = default;

  std::optional<std::string> text(std::string_view name) const;
  // kBadQuery: not a decimal number in [least, most].
  Result<std::uint64_t> number(std::string_view name, std::uint64_t least, std::uint64_t most,
                               std::uint64_t otherwise) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace pavise::server
