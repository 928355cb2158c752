// Parts of an answer as text. Internal to this folder.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/view/text.h"

namespace pavise::cli::view {

// null when there is no such member, or `value` is no object.
const boost::json::value& member(const boost::json::value& value, std::string_view name);
// Empty when there is no such list.
const boost::json::array& items(const boost::json::value& value, std::string_view name);
// A scalar as text; anything else is "-".
std::string scalar(const boost::json::value& value);
// JSON on one line, numbers as people write them.
std::string compact(const boost::json::value& value);
// scalar() of a member.
std::string text(const boost::json::value& value, std::string_view name);
// "2 devices" under a list, so that an empty list says something, too.
std::string count_line(std::size_t count, std::string_view noun);

Table list_of(const boost::json::array& all, std::vector<std::string> header,
              std::vector<Cell> (*row)(const boost::json::value&));

}  // namespace pavise::cli::view
