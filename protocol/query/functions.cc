#include <algorithm>
#include <charconv>
#include <cmath>

#include "protocol/query/internal.h"

namespace pavise::query {
namespace {

constexpr std::size_t kConcatMax = 32;

struct Row {
  std::string_view name;
  Function function;
  Arity arity;
};
constexpr Row kRows[] = {
    {"is_defined", Function::is_defined, {1, 1}},
    {"abs", Function::abs, {1, 1}},
    {"exp", Function::exp, {1, 1}},
    {"power", Function::power, {2, 2}},
    {"square", Function::square, {1, 1}},
    {"ceiling", Function::ceiling, {1, 1}},
    {"floor", Function::floor, {1, 1}},
    {"sign", Function::sign, {1, 1}},
    {"sqrt", Function::sqrt, {1, 1}},
    {"as_number", Function::as_number, {1, 1}},
    {"is_array", Function::is_array, {1, 1}},
    {"is_bool", Function::is_bool, {1, 1}},
    {"is_null", Function::is_null, {1, 1}},
    {"is_number", Function::is_number, {1, 1}},
    {"is_object", Function::is_object, {1, 1}},
    {"is_primitive", Function::is_primitive, {1, 1}},
    {"is_string", Function::is_string, {1, 1}},
    {"concat", Function::concat, {2, kConcatMax}},
    {"length", Function::length, {1, 1}},
    {"lower", Function::lower, {1, 1}},
    {"upper", Function::upper, {1, 1}},
    {"substring", Function::substring, {2, 3}},
    {"index_of", Function::index_of, {2, 2}},
    {"starts_with", Function::starts_with, {2, 2}},
    {"ends_with", Function::ends_with, {2, 2}},
    {"contains", Function::contains, {2, 2}},
};

Value number(double value) {
  if (!std::isfinite(value)) return Undefined{};
  return value;
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

std::size_t count_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return !is_continuation(c); }));
}

// Byte offset of a code point; the size of the text if it has fewer.
std::size_t offset_of(std::string_view text, std::size_t point) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (!is_continuation(text[at]) && point-- == 0) return at;
    ++at;
  }
  return at;
}

Value type_test(Function function, const Value& value) {
  const auto* composite = std::get_if<Composite>(&value);
  const bool is_number = number_of(value).has_value();
  const bool is_text = text_of(value).has_value();
  const bool is_null = std::holds_alternative<std::nullptr_t>(value);
  const bool is_bool = std::holds_alternative<bool>(value);
  switch (function) {
    case Function::is_defined:
      return !std::holds_alternative<Undefined>(value);
    case Function::is_array:
      return composite != nullptr && composite->is_array;
    case Function::is_object:
      return composite != nullptr && !composite->is_array;
    case Function::is_bool:
      return is_bool;
    case Function::is_null:
      return is_null;
    case Function::is_number:
      return is_number;
    case Function::is_string:
      return is_text;
    default:
      return is_number || is_text || is_null || is_bool;
  }
}

Value as_number(const Value& value) {
  if (const auto already = number_of(value)) return *already;
  const auto text = text_of(value);
  if (!text) return Undefined{};
  double out = 0;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), out);
  if (read.ec != std::errc{} || read.ptr != text->data() + text->size()) return Undefined{};
  return number(out);
}

Value of_number(Function function, double x) {
  switch (function) {
    case Function::abs:
      return number(std::fabs(x));
    case Function::exp:
      return number(std::exp(x));
    case Function::square:
      return number(x * x);
    case Function::ceiling:
      return number(std::ceil(x));
    case Function::floor:
      return number(std::floor(x));
    case Function::sign:
      return number(x > 0 ? 1 : (x < 0 ? -1 : 0));
    default:
      return number(std::sqrt(x));
  }
}

std::string cased(std::string_view text, bool upper) {
  std::string out(text);
  for (char& c : out) {
    if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (!upper && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// A count or position; nullopt for what is none.
std::optional<std::size_t> count_of(const Value& value) {
  const auto count = number_of(value);
  if (!count || *count < 0 || *count > 1e9 || *count != std::floor(*count)) return std::nullopt;
  return static_cast<std::size_t>(*count);
}

Value substring(const std::vector<Value>& arguments) {
  const auto text = text_of(arguments[0]);
  const auto start = count_of(arguments[1]);
  if (!text || !start) return Undefined{};
  std::string_view rest = text->substr(offset_of(*text, *start));
  if (arguments.size() == 3) {
    const auto length = count_of(arguments[2]);
    if (!length) return Undefined{};
    rest = rest.substr(0, offset_of(rest, *length));
  }
  return std::string(rest);
}

Value concat(const std::vector<Value>& arguments) {
  std::string out;
  for (const Value& argument : arguments) {
    const auto text = text_of(argument);
    if (!text) return Undefined{};
    out.append(*text);
  }
  return out;
}

Value of_two_texts(Function function, const Value& left, const Value& right) {
  const auto text = text_of(left);
  const auto part = text_of(right);
  if (!text || !part) return Undefined{};
  switch (function) {
    case Function::starts_with:
      return text->starts_with(*part);
    case Function::ends_with:
      return text->ends_with(*part);
    case Function::contains:
      return text->contains(*part);
    default:
      break;
  }
  const std::size_t found = text->find(*part);
  if (found == std::string_view::npos) return -1.0;
  return static_cast<double>(count_points(text->substr(0, found)));
}

}  // namespace

std::optional<Function> function_named(std::string_view name) {
  for (const Row& row : kRows)
    if (equal_folded(row.name, name)) return row.function;
  return std::nullopt;
}

Arity arity_of(Function function) {
  for (const Row& row : kRows)
    if (row.function == function) return row.arity;
  return {0, 0};
}

Value call(Function function, std::vector<Value> arguments) {
  const Value& first = arguments.front();
  switch (function) {
    case Function::is_defined:
    case Function::is_array:
    case Function::is_bool:
    case Function::is_null:
    case Function::is_number:
    case Function::is_object:
    case Function::is_primitive:
    case Function::is_string:
      return type_test(function, first);
    case Function::as_number:
      return as_number(first);
    case Function::abs:
    case Function::exp:
    case Function::square:
    case Function::ceiling:
    case Function::floor:
    case Function::sign:
    case Function::sqrt: {
      const auto x = number_of(first);
      return x ? of_number(function, *x) : Value(Undefined{});
    }
    case Function::power: {
      const auto x = number_of(first);
      const auto y = number_of(arguments[1]);
      return x && y ? number(std::pow(*x, *y)) : Value(Undefined{});
    }
    case Function::concat:
      return concat(arguments);
    case Function::length:
    case Function::lower:
    case Function::upper: {
      const auto text = text_of(first);
      if (!text) return Undefined{};
      if (function == Function::length) return static_cast<double>(count_points(*text));
      return cased(*text, function == Function::upper);
    }
    case Function::substring:
      return substring(arguments);
    case Function::index_of:
    case Function::starts_with:
    case Function::ends_with:
    case Function::contains:
      return of_two_texts(function, first, arguments[1]);
  }
  return Undefined{};
}

}  // namespace pavise::query
