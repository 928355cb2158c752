// The version of an app: MAJOR.MINOR.PATCH.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pavise::manifest {

inline constexpr std::uint16_t kVersionPartMax = 9999;

struct Version {
  std::uint16_t major = 0, minor = 0, patch = 0;

  static std::optional<Version> parse(std::string_view text);  // "1.2.0", each up to 9999
  std::string text() const;
  auto operator<=>(const Version&) const = default;
};

}  // namespace pavise::manifest
