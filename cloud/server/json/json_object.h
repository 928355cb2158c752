// A JSON object of a request, read strictly: every member is asked for by name and type, and a
// member nobody asked for is refused.
//
//   PAVISE_TRY_ASSIGN(JsonObject body, JsonObject::parse(request.body));
//   PAVISE_TRY_ASSIGN(std::string name, body.text("name", 64));
//   PAVISE_TRY(body.finish());
//
// Not thread-safe, never blocks. The caller bounds the size of the text.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace pavise::server {

// Errors: PV-JSN-nnn.
inline constexpr ErrorInfo kNotJson{"PV-JSN-001", Retry::never, "the body is not a JSON object",
                                    "Send one JSON object in UTF-8, without comments."};
inline constexpr ErrorInfo kMemberMissing{"PV-JSN-002", Retry::never, "a member is missing",
                                          "See the operation in api/openapi.yaml."};
inline constexpr ErrorInfo kMemberMistyped{"PV-JSN-003", Retry::never,
                                           "a member has the wrong type or size",
                                           "See the operation in api/openapi.yaml."};
inline constexpr ErrorInfo kMemberUnknown{
    "PV-JSN-004", Retry::never, "the body has a member that this operation does not know",
    "Check its spelling; see the operation in api/openapi.yaml."};

inline constexpr std::size_t kJsonDepthMax = 16;

class JsonObject {
 public:
  // kNotJson: syntax, depth over kJsonDepthMax, a member named twice, bytes after the object.
  static Result<JsonObject> parse(std::string_view text);
  JsonObject() = default;  // no members

  // kMemberMissing, kMemberMistyped (not a string, empty, or longer than size_max bytes).
  Result<std::string> text(std::string_view name, std::size_t size_max);
  Result<std::optional<std::string>> optional_text(std::string_view name, std::size_t size_max);
  // kMemberMistyped: not an integer in [least, most].
  Result<std::optional<std::int64_t>> optional_integer(std::string_view name, std::int64_t least,
                                                       std::int64_t most);
  // kMemberMistyped: neither true nor false.
  Result<std::optional<bool>> optional_boolean(std::string_view name);
  Result<boost::json::object> object(std::string_view name);
  // The object as one of its own, to be finished by itself. kMemberMistyped.
  Result<std::optional<JsonObject>> optional_object(std::string_view name);
  // Absent: empty.
  Result<std::vector<std::string>> texts(std::string_view name, std::size_t count_max,
                                         std::size_t size_max);

  // Whether there is such a member; does not count as asking for it.
  bool has(std::string_view name) const { return members_.contains(name); }

  // kMemberUnknown when a member was not asked for.
  Status finish() const;

 private:
  explicit JsonObject(boost::json::object members) : members_(std::move(members)) {}
  const boost::json::value* take(std::string_view name);

  boost::json::object members_;
  std::set<std::string, std::less<>> taken_;
};

}  // namespace pavise::server
