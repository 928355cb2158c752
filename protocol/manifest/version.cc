#include "protocol/manifest/version.h"

#include <charconv>
#include <cstddef>
#include <system_error>

namespace pavise::manifest {

std::optional<Version> Version::parse(std::string_view text) {
  Version out;
  for (std::uint16_t* part : {&out.major, &out.minor, &out.patch}) {
    const auto [rest, failed] = std::from_chars(text.data(), text.data() + text.size(), *part);
    const auto length = static_cast<std::size_t>(rest - text.data());
    if (failed != std::errc{} || *part > kVersionPartMax || (length > 1 && text.front() == '0'))
      return std::nullopt;
    text.remove_prefix(length);
    if (part == &out.patch) break;
    if (!text.starts_with('.')) return std::nullopt;
    text.remove_prefix(1);
  }
  if (!text.empty()) return std::nullopt;
  return out;
}

std::string Version::text() const {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

}  // namespace pavise::manifest
