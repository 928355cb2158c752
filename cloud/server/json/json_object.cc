#include "cloud/server/json/json_object.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "common/json/exact_json.h"

namespace pavise::server {
namespace {

namespace json = boost::json;

// Boost.JSON keeps the last of two members with one name; readers that differ on that are how
// checks are bypassed, so the text is read once more for names only.
class NameHandler {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  bool repeated() const { return repeated_; }

  using Code = boost::system::error_code;
  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) {
    names_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, Code&) {
    names_.pop_back();
    return true;
  }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(std::size_t, Code&) { return true; }
  bool on_key_part(json::string_view part, std::size_t, Code&) {
    key_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, std::size_t, Code&) {
    key_.append(part.data(), part.size());
    repeated_ = !names_.back().insert(std::exchange(key_, {})).second || repeated_;
    return true;
  }
  bool on_string_part(json::string_view, std::size_t, Code&) { return true; }
  bool on_string(json::string_view, std::size_t, Code&) { return true; }
  bool on_number_part(json::string_view, Code&) { return true; }
  bool on_int64(std::int64_t, json::string_view, Code&) { return true; }
  bool on_uint64(std::uint64_t, json::string_view, Code&) { return true; }
  bool on_double(double, json::string_view, Code&) { return true; }
  bool on_bool(bool, Code&) { return true; }
  bool on_null(Code&) { return true; }
  bool on_comment_part(json::string_view, Code&) { return true; }
  bool on_comment(json::string_view, Code&) { return true; }

 private:
  std::vector<std::set<std::string>> names_;
  std::string key_;
  bool repeated_ = false;
};

bool has_repeated_names(std::string_view text, const json::parse_options& options) {
  json::basic_parser<NameHandler> parser(options);
  boost::system::error_code ec;
  parser.write_some(false, text.data(), text.size(), ec);
  return parser.handler().repeated();
}

Error mistyped(std::string_view name, std::string_view wanted) {
  return {kMemberMistyped, std::string(name).append(": ").append(wanted)};
}

}  // namespace

Result<JsonObject> JsonObject::parse(std::string_view text) {
  json::parse_options options;
  options.max_depth = kJsonDepthMax;
  boost::system::error_code ec;
  json::value value = parse_finite(text, kJsonDepthMax, ec);
  if (ec) return Error(kNotJson, ec.message());
  if (!value.is_object()) return Error(kNotJson, "not an object");
  if (has_repeated_names(text, options)) return Error(kNotJson, "a member is named twice");
  return JsonObject(std::move(value.get_object()));
}

const boost::json::value* JsonObject::take(std::string_view name) {
  taken_.emplace(name);
  return members_.if_contains(json::string_view(name.data(), name.size()));
}

Result<std::optional<std::string>> JsonObject::optional_text(std::string_view name,
                                                             std::size_t size_max) {
  const json::value* const value = take(name);
  if (value == nullptr) return std::optional<std::string>();
  const json::string* const text = value->if_string();
  if (text == nullptr || text->empty() || text->size() > size_max)
    return mistyped(name, "a string of 1 to " + std::to_string(size_max) + " bytes");
  return std::optional(std::string(text->data(), text->size()));
}

Result<std::string> JsonObject::text(std::string_view name, std::size_t size_max) {
  PAVISE_TRY_ASSIGN(auto value, optional_text(name, size_max));
  if (!value) return Error(kMemberMissing, std::string(name));
  return *std::move(value);
}

Result<std::optional<std::int64_t>> JsonObject::optional_integer(std::string_view name,
                                                                 std::int64_t least,
                                                                 std::int64_t most) {
  const json::value* const value = take(name);
  if (value == nullptr) return std::optional<std::int64_t>();
  const std::int64_t* const number = value->if_int64();
  if (number == nullptr || *number < least || *number > most)
    return mistyped(name,
                    "an integer from " + std::to_string(least) + " to " + std::to_string(most));
  return std::optional(*number);
}

Result<std::optional<bool>> JsonObject::optional_boolean(std::string_view name) {
  const json::value* const value = take(name);
  if (value == nullptr) return std::optional<bool>();
  if (!value->is_bool()) return mistyped(name, "true or false");
  return std::optional(value->get_bool());
}

Result<std::optional<JsonObject>> JsonObject::optional_object(std::string_view name) {
  const json::value* const value = take(name);
  if (value == nullptr) return std::optional<JsonObject>();
  if (!value->is_object()) return mistyped(name, "an object");
  return std::optional(JsonObject(value->get_object()));
}

Result<json::object> JsonObject::object(std::string_view name) {
  const json::value* const value = take(name);
  if (value == nullptr) return Error(kMemberMissing, std::string(name));
  if (!value->is_object()) return mistyped(name, "an object");
  return value->get_object();
}

Result<std::vector<std::string>> JsonObject::texts(std::string_view name, std::size_t count_max,
                                                   std::size_t size_max) {
  std::vector<std::string> out;
  const json::value* const value = take(name);
  if (value == nullptr) return out;
  const json::array* const items = value->if_array();
  if (items == nullptr || items->size() > count_max)
    return mistyped(name, "an array of at most " + std::to_string(count_max) + " strings");
  for (const json::value& item : *items) {
    const json::string* const text = item.if_string();
    if (text == nullptr || text->empty() || text->size() > size_max)
      return mistyped(name, "strings of 1 to " + std::to_string(size_max) + " bytes");
    out.emplace_back(text->data(), text->size());
  }
  return out;
}

Status JsonObject::finish() const {
  for (const auto& member : members_)
    if (!taken_.contains(std::string_view(member.key().data(), member.key().size())))
      return Error(kMemberUnknown, std::string(member.key().substr(0, 64)));
  return {};
}

}  // namespace pavise::server
