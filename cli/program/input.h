// What people write in arguments. Internal to this folder.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace pavise::cli {

inline constexpr std::size_t kJsonArgumentSizeMax = 1024UL * 1024;

// JSON given as text, or read from @FILE. kBadArgument with the option's name, kFileUnreadable.
Result<boost::json::value> json_argument(const std::string& given, std::string_view option);
// The same, which must be an object.
Result<boost::json::object> object_argument(const std::string& given, std::string_view option);

}  // namespace pavise::cli
