// JSON (RFC 8259) for small programs: a checked view, no tree, no allocation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace pavise::agent {

inline constexpr ErrorInfo kBadJson{"PV-AGT-001", Retry::never, "the text is not well-formed JSON",
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

 private:
  explicit JsonView(std::string_view text) : text_(text) {}
  std::string_view text_;
};

// Appends the text as a JSON string in quotes. Bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace pavise::agent
