#include "common/json/exact_json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>
#include <limits>

namespace pavise {

namespace json = boost::json;

namespace {

// What basic_parser calls; true: go on.
struct Builder {
  using Code = boost::system::error_code;
  using Text = json::string_view;
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return true; }
  bool on_object_end(std::size_t members, Code&) { return stack.push_object(members), true; }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(std::size_t items, Code&) { return stack.push_array(items), true; }
  bool on_key_part(Text part, std::size_t, Code&) { return stack.push_chars(part), true; }
  bool on_key(Text rest, std::size_t, Code&) { return stack.push_key(rest), true; }
  bool on_string_part(Text part, std::size_t, Code&) { return stack.push_chars(part), true; }
  bool on_string(Text rest, std::size_t, Code&) { return stack.push_string(rest), true; }
  bool on_number_part(Text, Code&) { return true; }  // only of text that comes in pieces
  bool on_int64(std::int64_t value, Text, Code&) { return stack.push_int64(value), true; }
  bool on_uint64(std::uint64_t value, Text, Code&) { return stack.push_uint64(value), true; }
  bool on_double(double nearly, Text text, Code& failed) {
    double exact = nearly;
    // Beyond the range it stays what the parser said: 0 or infinite.
    (void)std::from_chars(text.data(), text.data() + text.size(), exact).ptr;
    if (only_finite && !std::isfinite(exact)) {
      failed = json::error::exponent_overflow;
      return false;
    }
    return stack.push_double(exact), true;
  }
  bool on_bool(bool value, Code&) { return stack.push_bool(value), true; }
  bool on_null(Code&) { return stack.push_null(), true; }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }

  bool only_finite = false;
  json::value_stack stack{};
};

json::value parsed(std::string_view text, std::size_t depth_max, bool only_finite,
                   boost::system::error_code& failed) {
  json::parse_options options;
  options.max_depth = depth_max;
  json::basic_parser<Builder> parser(options);
  parser.handler().only_finite = only_finite;
  parser.handler().stack.reset();
  const std::size_t used = parser.write_some(false, text.data(), text.size(), failed);
  if (!failed && used < text.size()) failed = json::error::extra_data;
  if (failed) return nullptr;
  return parser.handler().stack.release();
}

}  // namespace

json::value parse_exactly(std::string_view text, std::size_t depth_max,
                          boost::system::error_code& failed) {
  return parsed(text, depth_max, false, failed);
}

json::value parse_finite(std::string_view text, std::size_t depth_max,
                         boost::system::error_code& failed) {
  return parsed(text, depth_max, true, failed);
}

}  // namespace pavise
