#include <charconv>

#include "protocol/mqtt/topic.h"
#include "protocol/query/internal.h"

namespace pavise::query {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

Error at(std::size_t position, std::string_view what) {
  return {kSyntax, std::string(what).append(" at byte ").append(std::to_string(position))};
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> run() {
    std::vector<Token> out;
    while (true) {
      while (at_ < text_.size() && std::string_view(" \t\r\n").contains(text_[at_])) ++at_;
      Token token;
      token.position = at_;
      if (at_ == text_.size()) {
        out.push_back(std::move(token));
        return out;
      }
      PAVISE_TRY(read(token));
      token.raw = text_.substr(token.position, at_ - token.position);
      out.push_back(std::move(token));
    }
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  Status read(Token& token) {
    const char c = peek();
    if (is_letter(c)) return read_name(token);
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return read_number(token);
    if (c == '\'' || c == '"') return read_string(token);
    if (c == '[' && peek(1) == '[') return read_quoted_name(token);
    for (const std::string_view mark : {"<=", ">=", "<>", "!="}) {
      if (!text_.substr(at_).starts_with(mark)) continue;
      token.kind = TokenKind::mark;
      at_ += mark.size();
      return {};
    }
    if (!std::string_view("()[],.*+-/%=<>").contains(c)) return at(at_, "an unexpected character");
    token.kind = TokenKind::mark;
    ++at_;
    return {};
  }

  Status read_name(Token& token) {
    token.kind = TokenKind::name;
    while (is_letter(peek()) || is_digit(peek()) ||
           (peek() == '-' && is_letter(text_[at_ - 1]) && is_letter(peek(1))))
      ++at_;
    token.text = text_.substr(token.position, at_ - token.position);
    return {};
  }

  Status read_quoted_name(Token& token) {
    const std::size_t end = text_.find("]]", at_ + 2);
    if (end == std::string_view::npos || end == at_ + 2) return at(at_, "a name in [[ ]]");
    token.kind = TokenKind::quoted_name;
    token.text = text_.substr(at_ + 2, end - at_ - 2);
    at_ = end + 2;
    return {};
  }

  Status read_number(Token& token) {
    token.kind = TokenKind::number;
    const char* const end = text_.data() + text_.size();
    const char* const start = text_.data() + at_;
    std::from_chars_result read{};
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
      std::uint64_t hex = 0;
      read = std::from_chars(start + 2, end, hex, 16);
      token.number = static_cast<double>(hex);
      if (read.ptr == start + 2) return at(at_, "a hexadecimal number");
    } else {
      read = std::from_chars(start, end, token.number);
    }
    if (read.ec != std::errc{}) return at(at_, "a number");
    at_ = static_cast<std::size_t>(read.ptr - text_.data());
    if (is_letter(peek()) || is_digit(peek())) return at(at_, "a number that runs into a name");
    return {};
  }

  Status read_string(Token& token) {
    token.kind = TokenKind::string;
    const char quote = text_[at_++];
    while (true) {
      if (at_ == text_.size()) return at(token.position, "a string without end");
      const char c = text_[at_++];
      if (c == quote) return {};
      if (static_cast<unsigned char>(c) < 0x20) return at(at_ - 1, "a control character");
      if (c != '\\') {
        token.text.push_back(c);
        continue;
      }
      PAVISE_TRY(read_escape(token.text));
    }
  }

  Status read_escape(std::string& out) {
    const char c = peek();
    ++at_;
    if (c == '\'' || c == '"' || c == '\\' || c == '/') {
      out.push_back(c);
      return {};
    }
    unsigned point = 0;
    const std::string_view digits = text_.substr(std::min(at_, text_.size()), 4);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), point, 16);
    if (c != 'u' || digits.size() != 4 || read.ptr != digits.data() + 4 || point == 0 ||
        (point >= 0xd800 && point <= 0xdfff))
      return at(at_ - 1, "an unknown escape");
    at_ += 4;
    append_utf8(point, out);
    return {};
  }

  static void append_utf8(unsigned point, std::string& out) {
    if (point < 0x80) {
      out.push_back(static_cast<char>(point));
    } else if (point < 0x800) {
      out.push_back(static_cast<char>(0xc0 | point >> 6U));
      out.push_back(static_cast<char>(0x80 | (point & 0x3f)));
    } else {
      out.push_back(static_cast<char>(0xe0 | point >> 12U));
      out.push_back(static_cast<char>(0x80 | (point >> 6U & 0x3f)));
      out.push_back(static_cast<char>(0x80 | (point & 0x3f)));
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view text) {
  if (text.size() > kTextSizeMax) return kTooLong;
  // Names and strings of a query come back in rows, which are JSON.
  if (!mqtt::is_valid_utf8(text)) return Error(kSyntax, "not UTF-8");
  return Lexer(text).run();
}

}  // namespace pavise::query
