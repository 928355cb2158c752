#include <algorithm>
#include <cmath>
#include <compare>

#include "protocol/query/internal.h"

namespace pavise::query {
namespace {

bool is_undefined(const Value& value) {
  return std::holds_alternative<Undefined>(value);
}

// Order of two numbers or two strings; nullopt: there is none.
std::optional<std::partial_ordering> order(const Value& left, const Value& right) {
  const auto* a = std::get_if<std::int64_t>(&left);
  const auto* b = std::get_if<std::int64_t>(&right);
  if (a != nullptr && b != nullptr) return *a <=> *b;
  const auto x = number_of(left);
  const auto y = number_of(right);
  if (x && y) return *x <=> *y;
  const auto s = text_of(left);
  const auto t = text_of(right);
  if (s && t) return *s <=> *t;
  return std::nullopt;
}

// nullopt: undefined.
std::optional<bool> equal(const Value& left, const Value& right) {
  if (is_undefined(left) || is_undefined(right)) return std::nullopt;
  if (std::holds_alternative<Composite>(left) || std::holds_alternative<Composite>(right))
    return std::nullopt;
  if (const auto ordering = order(left, right)) return *ordering == 0;
  const auto* a = std::get_if<bool>(&left);
  const auto* b = std::get_if<bool>(&right);
  if (a != nullptr && b != nullptr) return *a == *b;
  return std::holds_alternative<std::nullptr_t>(left) &&
         std::holds_alternative<std::nullptr_t>(right);
}

Value to_value(std::optional<bool> value) {
  return value ? Value(*value) : Value(Undefined{});
}

Value compare(Operator op, const Value& left, const Value& right) {
  if (op == Operator::equal) return to_value(equal(left, right));
  if (op == Operator::not_equal) {
    const auto same = equal(left, right);
    return same ? Value(!*same) : Value(Undefined{});
  }
  const auto ordering = order(left, right);
  if (!ordering) return Undefined{};
  switch (op) {
    case Operator::less:
      return *ordering < 0;
    case Operator::less_equal:
      return *ordering <= 0;
    case Operator::greater:
      return *ordering > 0;
    default:
      return *ordering >= 0;
  }
}

Value arithmetic(Operator op, const Value& left, const Value& right) {
  const auto a = number_of(left);
  const auto b = number_of(right);
  if (!a || !b) return Undefined{};
  double out = 0;
  switch (op) {
    case Operator::add:
      out = *a + *b;
      break;
    case Operator::subtract:
      out = *a - *b;
      break;
    case Operator::multiply:
      out = *a * *b;
      break;
    case Operator::divide:
      out = *a / *b;
      break;
    default:
      out = std::fmod(*a, *b);
      break;
  }
  if (!std::isfinite(out)) return Undefined{};
  return out;
}

// All children true: true; one false: false, whatever the others are; else undefined. OR is the
// mirror image.
Value logical(const Node& node, const Scope& scope) {
  const bool decisive = node.kind == NodeKind::logical_or;
  bool all_boolean = true;
  for (const Node& child : node.children) {
    const Value value = evaluate(child, scope);
    const auto* boolean = std::get_if<bool>(&value);
    if (boolean != nullptr && *boolean == decisive) return decisive;
    all_boolean = all_boolean && boolean != nullptr;
  }
  if (!all_boolean) return Undefined{};
  return !decisive;
}

Value in_list(const Node& node, const Scope& scope) {
  const Value wanted = evaluate(node.children.front(), scope);
  if (is_undefined(wanted) || std::holds_alternative<Composite>(wanted)) return Undefined{};
  bool found = false;
  for (std::size_t i = 1; i < node.children.size() && !found; ++i)
    found = equal(wanted, evaluate(node.children[i], scope)).value_or(false);
  return found == (node.op == Operator::in);
}

Value call(const Node& node, const Scope& scope) {
  std::vector<Value> arguments;
  arguments.reserve(node.children.size());
  for (const Node& child : node.children) arguments.push_back(evaluate(child, scope));
  return call(node.function, std::move(arguments));
}

Value literal(const Literal& literal) {
  return std::visit(
      [](const auto& value) -> Value {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>)
          return std::string_view(value);
        else
          return value;
      },
      literal);
}

}  // namespace

bool is_true(const Value& value) {
  const auto* boolean = std::get_if<bool>(&value);
  return boolean != nullptr && *boolean;
}

std::optional<std::string_view> text_of(const Value& value) {
  if (const auto* view = std::get_if<std::string_view>(&value)) return *view;
  if (const auto* owned = std::get_if<std::string>(&value)) return *owned;
  return std::nullopt;
}

std::optional<double> number_of(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return static_cast<double>(*number);
  return std::nullopt;
}

Value to_value(const json::value* value) {
  if (value == nullptr) return Undefined{};
  switch (value->kind()) {
    case json::kind::null:
      return nullptr;
    case json::kind::bool_:
      return value->get_bool();
    case json::kind::int64:
      return value->get_int64();
    case json::kind::uint64:  // only above the range of int64
      return static_cast<double>(value->get_uint64());
    case json::kind::double_:
      return value->get_double();
    case json::kind::string:
      return std::string_view(value->get_string());
    case json::kind::array:
      return Composite{true};
    case json::kind::object:
      return Composite{false};
  }
  return Undefined{};
}

const json::value* find(const json::value& root, const Path& path, std::size_t first_part,
                        std::string_view* spelled) {
  const json::value* at = &root;
  for (std::size_t i = first_part; i < path.size(); ++i) {
    if (const auto* index = std::get_if<std::size_t>(&path[i])) {
      const auto* array = at->if_array();
      if (array == nullptr || *index >= array->size()) return nullptr;
      at = &(*array)[*index];
      continue;
    }
    const auto* object = at->if_object();
    if (object == nullptr) return nullptr;
    const auto& name = std::get<std::string>(path[i]);
    auto member = object->find(name);
    if (member == object->end())
      member = std::ranges::find_if(*object, [&](const json::key_value_pair& pair) {
        return equal_folded(pair.key(), name);
      });
    if (member == object->end()) return nullptr;
    if (spelled != nullptr) *spelled = member->key();
    at = &member->value();
  }
  return at;
}

Value evaluate(const Node& node, const Scope& scope) {
  switch (node.kind) {
    case NodeKind::literal:
      return literal(node.literal);
    case NodeKind::path:
      return scope.value_of(node.path);
    case NodeKind::array:
      return Composite{true};
    case NodeKind::logical_and:
    case NodeKind::logical_or:
      return logical(node, scope);
    case NodeKind::logical_not: {
      const Value value = evaluate(node.children.front(), scope);
      const auto* boolean = std::get_if<bool>(&value);
      return boolean == nullptr ? Value(Undefined{}) : Value(!*boolean);
    }
    case NodeKind::compare:
      return compare(node.op, evaluate(node.children[0], scope), evaluate(node.children[1], scope));
    case NodeKind::in_list:
      return in_list(node, scope);
    case NodeKind::arithmetic:
      return arithmetic(node.op, evaluate(node.children[0], scope),
                        evaluate(node.children[1], scope));
    case NodeKind::negate: {
      const auto number = number_of(evaluate(node.children.front(), scope));
      return number ? Value(-*number) : Value(Undefined{});
    }
    case NodeKind::call:
      return call(node, scope);
  }
  return Undefined{};
}

}  // namespace pavise::query
