#include "cli/view/answer.h"

#include <array>
#include <charconv>

namespace pavise::cli::view {

namespace json = boost::json;

const json::value& member(const json::value& value, std::string_view name) {
  static const json::value none;
  const json::object* object = value.if_object();
  const json::value* found = object == nullptr ? nullptr : object->if_contains(name);
  return found == nullptr ? none : *found;
}

const json::array& items(const json::value& value, std::string_view name) {
  static const json::array none;
  const json::array* found = member(value, name).if_array();
  return found == nullptr ? none : *found;
}

// A scalar as text; anything else is "-".
std::string scalar(const json::value& value) {
  switch (value.kind()) {
    case json::kind::string:
      return value.as_string().empty() ? "-" : std::string(value.as_string());
    case json::kind::bool_:
      return value.as_bool() ? "yes" : "no";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return json::serialize(value);
    default:
      return "-";
  }
}

// JSON on one line; Boost writes 0.5 as 5E-1, which is right but hard on the eye.
std::string compact(const json::value& value) {
  std::string out;
  if (const json::object* object = value.if_object()) {
    for (const auto& [name, item] : *object)
      out += (out.empty() ? "" : ",") + json::serialize(name) + ":" + compact(item);
    return "{" + out + "}";
  }
  if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) out += (out.empty() ? "" : ",") + compact(item);
    return "[" + out + "]";
  }
  if (const double* number = value.if_double()) {
    std::array<char, 32> digits{};
    const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), *number);
    if (written.ec == std::errc{}) return {digits.data(), written.ptr};
  }
  return json::serialize(value);
}

std::string text(const json::value& value, std::string_view name) {
  return scalar(member(value, name));
}

// "2 devices" under a list, so that an empty list says something, too.
std::string count_line(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s") + "\n";
}

Table list_of(const json::array& all, std::vector<std::string> header,
              std::vector<Cell> (*row)(const json::value&)) {
  Table table(std::move(header));
  for (const json::value& item : all) table.add(row(item));
  return table;
}

}  // namespace pavise::cli::view
