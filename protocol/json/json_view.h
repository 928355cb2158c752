// JSON (RFC 8259) for programs of the device: a checked view, no tree, no allocation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace pavise::json {

inline constexpr ErrorInfo kBadJson{"PV-JSV-001", Retry::never, "the text is not well-formed JSON",
                                    "Correct the sender; the detail says at which byte."};

inline constexpr std::size_t kJsonSizeMax = 256UL * 1024;
inline constexpr int kJsonDepthMax = 32;

// A well-formed JSON value inside a text that the caller keeps alive. Cheap to copy.
class JsonView {
 public:
  enum class Kind { object, array, string, number, boolean, null };

  // The whole text must be one value. kBadJson: malformed, larger than kJsonSizeMax, deeper than
  // kJsonDepthMax.
  static Result<JsonView> parse(std::string_view text);

  Kind kind() const;
  // Raw text of the value, without surrounding white space.
  std::string_view text() const { return text_; }
  // The first member with this name; nullopt if there is none or this is no object. Names are
  // compared as written: one spelled with escapes is not found.
  std::optional<JsonView> member(std::string_view name) const;
  // Set for a number without fraction and exponent that fits.
  std::optional<std::int64_t> integer() const;
  // The characters of a string, escapes resolved (section 7), as UTF-8. nullopt: no string, or half
  // a surrogate pair.
  std::optional<std::string> string() const;

 private:
  friend class JsonWalk;
  explicit JsonView(std::string_view text) : text_(text) {}
  std::string_view text_;
};

// Goes through the members of an object or the elements of an array, in the order of the text.
// Anything else has no steps.
class JsonWalk {
 public:
  struct Step {
    std::string_view name;  // between its quotes, as written; empty for an element
    JsonView value;
  };

  explicit JsonWalk(const JsonView& container);
  std::optional<Step> next();

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  bool named_ = false;
  bool more_ = false;
};

// Appends the text as a JSON string in quotes. Bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace pavise::json
