// How apps are named.
#pragma once

#include <algorithm>
#include <string_view>

namespace pavise::manifest {

inline constexpr std::size_t kNameLengthMax = 32;

// A lower-case letter, then lower-case letters, digits and '-', not ending with '-'.
constexpr bool is_app_name(std::string_view text) {
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  return !text.empty() && text.size() <= kNameLengthMax && is_lower(text.front()) &&
         text.back() != '-' && std::ranges::all_of(text, [&](char c) {
           return is_lower(c) || (c >= '0' && c <= '9') || c == '-';
         });
}

}  // namespace pavise::manifest
