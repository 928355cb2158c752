// Shared by this module's .cc files only: tokens, tree, values.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/ascii.h"
#include "protocol/query/query.h"

namespace pavise::query {

namespace json = boost::json;

// --- Tokens -----------------------------------------------------------------------------------

enum class TokenKind { name, quoted_name, string, number, mark, end };

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view raw;  // as in the text; marks: "<=", "(", ...
  std::string text;      // of a string, decoded; of a name, without its brackets
  double number = 0;
  std::size_t position = 0;
};

// All tokens, the last of kind `end`. kSyntax, kTooLong.
Result<std::vector<Token>> tokenize(std::string_view text);

// --- Tree ---------------------------------------------------------------------------------------

enum class NodeKind {
  literal,
  path,
  array,
  logical_and,  // any number of children
  logical_or,
  logical_not,
  compare,
  in_list,  // children: the value, then the items
  arithmetic,
  negate,
  call,
};
enum class Operator {
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in,
  add,
  subtract,
  multiply,
  divide,
  modulo
};
enum class Function {
  is_defined,
  abs,
  exp,
  power,
  square,
  ceiling,
  floor,
  sign,
  sqrt,
  as_number,
  is_array,
  is_bool,
  is_null,
  is_number,
  is_object,
  is_primitive,
  is_string,
  concat,
  length,
  lower,
  upper,
  substring,
  index_of,
  starts_with,
  ends_with,
  contains
};

// A name, or an index into an array.
using PathPart = std::variant<std::string, std::size_t>;
using Path = std::vector<PathPart>;

struct Undefined {};
// An array or object: only its type can be asked for.
struct Composite {
  bool is_array = false;
};
// Strings are borrowed from the tree or the document, or owned where a function made them.
using Value = std::variant<Undefined, std::nullptr_t, bool, double, std::int64_t, std::string_view,
                           std::string, Composite>;
using Literal = std::variant<Undefined, std::nullptr_t, bool, double, std::int64_t, std::string>;

struct Node {
  NodeKind kind = NodeKind::literal;
  Operator op = Operator::equal;
  Function function = Function::is_defined;
  Literal literal = {};
  Path path = {};
  std::vector<Node> children = {};
  std::size_t depth = 1;
};

enum class Aggregate { none, count, average, sum, minimum, maximum };

struct Projection {
  Aggregate aggregate = Aggregate::none;
  Path path;
  std::string alias;  // empty: the last part of the path
};

struct Select {
  std::optional<std::uint64_t> top;
  std::vector<Projection> projections;  // empty: *
  Collection collection = Collection::devices;
  std::optional<Node> where;
  std::vector<Path> group_by;
};

Result<Select> parse_select(std::string_view text);
Result<Node> parse_condition(std::string_view text);

// --- Evaluation ---------------------------------------------------------------------------------

// Where paths begin: a document, or the parts of a message.
class Scope {
 public:
  virtual ~Scope() = default;
  virtual Value value_of(const Path& path) const = 0;
};

// The value at a path inside a document and, through `spelled`, the last name as the document
// spells it. Null if there is none. The first part must be a name.
const json::value* find(const json::value& root, const Path& path, std::size_t first_part = 0,
                        std::string_view* spelled = nullptr);
Value to_value(const json::value* value);

Value evaluate(const Node& node, const Scope& scope);
Value call(Function function, std::vector<Value> arguments);
// Number of arguments that a function takes.
struct Arity {
  std::size_t min;
  std::size_t max;
};
std::optional<Function> function_named(std::string_view name);
Arity arity_of(Function function);

bool is_true(const Value& value);
std::optional<std::string_view> text_of(const Value& value);
std::optional<double> number_of(const Value& value);

class DocumentScope final : public Scope {
 public:
  explicit DocumentScope(const json::value& root) : root_(root) {}
  Value value_of(const Path& path) const override { return to_value(find(root_, path)); }

 private:
  const json::value& root_;
};

struct Document::Impl {
  json::value root;
};
struct Condition::Impl {
  Node node;
};
struct Query::Impl {
  Select select;
  std::vector<std::string> members;  // see members()
};

}  // namespace pavise::query
