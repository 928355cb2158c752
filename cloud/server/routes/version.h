#pragma once

#include <string_view>

namespace pavise::server {

// Of the programs and of the API; as in CMakeLists.txt and api/openapi.yaml (a test compares them).
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace pavise::server
