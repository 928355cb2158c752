#include "cli/program/input.h"

#include "cli/program/session.h"

namespace pavise::cli {

namespace json = boost::json;

Result<json::value> json_argument(const std::string& given, std::string_view option) {
  std::string text = given;
  if (given.starts_with('@')) {
    PAVISE_TRY_ASSIGN(text, read_text_file(given.substr(1), kJsonArgumentSizeMax));
  }
  boost::system::error_code failed;
  json::value value = json::parse(text, failed);
  if (failed) return Error(kBadArgument, std::string(option) + " wants JSON");
  return value;
}

Result<json::object> object_argument(const std::string& given, std::string_view option) {
  PAVISE_TRY_ASSIGN(json::value value, json_argument(given, option));
  if (!value.is_object()) return Error(kBadArgument, std::string(option) + " wants a JSON object");
  return std::move(value.as_object());
}

}  // namespace pavise::cli
