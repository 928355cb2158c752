#include "protocol/json/json_view.h"

#include <charconv>

#include "protocol/mqtt/topic.h"

namespace pavise::json {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Walks over one value; `at` stays where it failed.
class Scanner {
 public:
  explicit Scanner(std::string_view text, std::size_t at = 0) : text_(text), at_(at) {}

  std::size_t at() const { return at_; }
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  void skip_blank() {
    while (!at_end() && kBlank.find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool value(int depth) {
    switch (peek()) {
      case '{':
        return depth > 0 && object(depth);
      case '[':
        return depth > 0 && array(depth);
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool string() {
    if (!take('"')) return false;
    while (!at_end()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\' && !escape()) return false;
    }
    return false;
  }

 private:
  bool word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  bool escape() {
    if (at_end()) return false;
    const char c = text_[at_++];
    if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
    for (int i = 0; i < 4; ++i)
      if (at_end() || !is_hex(text_[at_++])) return false;
    return true;
  }

  bool digits() {
    if (!is_digit(peek())) return false;
    while (is_digit(peek())) ++at_;
    return true;
  }

  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }

  bool object(int depth) {
    take('{');
    skip_blank();
    if (take('}')) return true;
    do {
      skip_blank();
      if (!string()) return false;
      skip_blank();
      if (!take(':')) return false;
      skip_blank();
      if (!value(depth - 1)) return false;
      skip_blank();
    } while (take(','));
    return take('}');
  }

  bool array(int depth) {
    take('[');
    skip_blank();
    if (take(']')) return true;
    do {
      skip_blank();
      if (!value(depth - 1)) return false;
      skip_blank();
    } while (take(','));
    return take(']');
  }

  std::string_view text_;
  std::size_t at_;
};

void append_utf8(std::string& out, std::uint32_t point) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xc0U | point >> 6U);
  } else {
    if (point < 0x1'0000) {
      put(0xe0U | point >> 12U);
    } else {
      put(0xf0U | point >> 18U);
      put(0x80U | (point >> 12U & 0x3fU));
    }
    put(0x80U | (point >> 6U & 0x3fU));
  }
  put(0x80U | (point & 0x3fU));
}

// The code point of an escape whose backslash stands before `at`; `at` moves behind it.
// Section 7: beyond the basic plane it is a pair of surrogates.
std::optional<std::uint32_t> escaped_point(std::string_view text, std::size_t& at) {
  constexpr std::string_view kShort = "\"\\/bfnrt";
  constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
  const char kind = text[at++];
  if (kind != 'u') return static_cast<unsigned char>(kMeant[kShort.find(kind)]);
  const auto unit = [text, &at] {
    std::uint32_t out = 0;
    std::from_chars(text.data() + at, text.data() + at + 4, out, 16);
    at += 4;
    return out;
  };
  const std::uint32_t high = unit();
  if (high < 0xd800 || high > 0xdfff) return high;
  if (high > 0xdbff || !text.substr(at).starts_with("\\u")) return std::nullopt;
  at += 2;
  const std::uint32_t low = unit();
  if (low < 0xdc00 || low > 0xdfff) return std::nullopt;
  return 0x1'0000U + ((high - 0xd800U) << 10U) + (low - 0xdc00U);
}

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '\\') {
      out.push_back(text[at++]);
      continue;
    }
    const auto point = escaped_point(text, ++at);
    if (!point) return std::nullopt;
    append_utf8(out, *point);
  }
  return out;
}

}  // namespace

Result<JsonView> JsonView::parse(std::string_view text) {
  if (text.size() > kJsonSizeMax) return Error(kBadJson, "too large");
  // RFC 8259 section 8.1 asks for UTF-8; U+0000 may not stand in JSON as a raw byte anyway.
  if (!mqtt::is_valid_utf8(text)) return Error(kBadJson, "not UTF-8");
  Scanner scanner(text);
  scanner.skip_blank();
  const std::size_t begin = scanner.at();
  if (!scanner.value(kJsonDepthMax)) return Error(kBadJson, "byte " + std::to_string(scanner.at()));
  const std::size_t end = scanner.at();
  scanner.skip_blank();
  if (!scanner.at_end()) return Error(kBadJson, "byte " + std::to_string(scanner.at()));
  return JsonView(text.substr(begin, end - begin));
}

JsonView::Kind JsonView::kind() const {
  switch (text_.front()) {
    case '{':
      return Kind::object;
    case '[':
      return Kind::array;
    case '"':
      return Kind::string;
    case 't':
    case 'f':
      return Kind::boolean;
    case 'n':
      return Kind::null;
    default:
      return Kind::number;
  }
}

JsonWalk::JsonWalk(const JsonView& container)
    : text_(container.text()), at_(1), named_(container.kind() == JsonView::Kind::object) {
  if (!named_ && container.kind() != JsonView::Kind::array) return;
  Scanner scanner(text_, at_);
  scanner.skip_blank();
  more_ = scanner.peek() != (named_ ? '}' : ']');
}

// The text was checked by parse(), so what stands here is what the grammar says.
std::optional<JsonWalk::Step> JsonWalk::next() {
  if (!more_) return std::nullopt;
  Scanner scanner(text_, at_);
  scanner.skip_blank();
  std::string_view name;
  if (named_) {
    const std::size_t name_at = scanner.at();
    scanner.string();
    name = text_.substr(name_at + 1, scanner.at() - name_at - 2);
    scanner.skip_blank();
    scanner.take(':');
    scanner.skip_blank();
  }
  const std::size_t value_at = scanner.at();
  scanner.value(kJsonDepthMax);
  const JsonView value(text_.substr(value_at, scanner.at() - value_at));
  scanner.skip_blank();
  more_ = scanner.take(',');
  at_ = scanner.at();
  return Step{name, value};
}

std::optional<JsonView> JsonView::member(std::string_view name) const {
  if (kind() != Kind::object) return std::nullopt;
  JsonWalk walk(*this);
  while (const auto step = walk.next())
    if (step->name == name) return step->value;
  return std::nullopt;
}

std::optional<std::string> JsonView::string() const {
  if (kind() != Kind::string) return std::nullopt;
  return unescape(text_.substr(1, text_.size() - 2));
}

std::optional<std::int64_t> JsonView::integer() const {
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), out);
  if (error != std::errc{} || end != text_.data() + text_.size()) return std::nullopt;
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const bool readable = mqtt::is_valid_utf8(text);
  out.push_back('"');
  for (const char c : text) {
    const auto value = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (value < 0x20) {
      out.append("\\u00").push_back(kHex[value >> 4U]);
      out.push_back(kHex[value & 15U]);
    } else if (value >= 0x80 && !readable) {
      out.append("\\ufffd");
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace pavise::json
