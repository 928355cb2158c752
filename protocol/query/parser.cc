#include <algorithm>
#include <array>
#include <cmath>

#include "protocol/query/internal.h"

namespace pavise::query {
namespace {

constexpr std::size_t kIndexMax = 1'000'000;
constexpr std::string_view kReserved[] = {"select", "top",   "from", "where",    "group", "by",
                                          "as",     "and",   "or",   "not",      "in",    "nin",
                                          "true",   "false", "null", "undefined"};

bool is_reserved(std::string_view name) {
  return std::ranges::any_of(kReserved,
                             [&](std::string_view word) { return equal_folded(word, name); });
}

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Result<Node> condition() {
    if (is_mark("*") && tokens_[at_ + 1].kind == TokenKind::end)
      return Node{.kind = NodeKind::literal, .literal = true};
    PAVISE_TRY_ASSIGN(Node node, expression());
    if (token().kind != TokenKind::end) return unexpected("the end");
    return node;
  }

  Result<Select> select() {
    Select out;
    if (!take_word("select")) return unexpected("SELECT");
    PAVISE_TRY(top(out));
    if (!take_mark("*")) PAVISE_TRY(projections(out));
    if (!take_word("from")) return unexpected("FROM");
    PAVISE_TRY(collection(out));
    for (Projection& projection : out.projections) drop_collection(projection.path);
    if (take_word("where")) {
      PAVISE_TRY_ASSIGN(out.where, expression());
    }
    if (take_word("group")) {
      if (!take_word("by")) return unexpected("BY");
      do {
        if (out.group_by.size() == kGroupKeysMax) return Error(kTooComplex, "GROUP BY");
        PAVISE_TRY_ASSIGN(Path path, this->path());
        out.group_by.push_back(std::move(path));
      } while (take_mark(","));
    }
    if (token().kind != TokenKind::end) return unexpected("the end");
    return out;
  }

 private:
  const Token& token() const { return tokens_[at_]; }
  bool is_mark(std::string_view mark) const {
    return token().kind == TokenKind::mark && token().raw == mark;
  }
  bool is_word(std::string_view word) const {
    return token().kind == TokenKind::name && equal_folded(token().text, word);
  }
  bool take_mark(std::string_view mark) {
    if (!is_mark(mark)) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    if (!is_word(word)) return false;
    ++at_;
    return true;
  }
  Error unexpected(std::string_view wanted) const {
    return {kSyntax, std::string(wanted)
                         .append(" was expected at byte ")
                         .append(std::to_string(token().position))};
  }

  Status top(Select& out) {
    if (!take_word("top")) return {};
    const double number = token().kind == TokenKind::number ? token().number : 0;
    if (number < 1 || number > static_cast<double>(kTopMax) || number != std::floor(number))
      return unexpected("a count from 1 to 1000000");
    out.top = static_cast<std::uint64_t>(number);
    ++at_;
    return {};
  }

  Status projections(Select& out) {
    do {
      if (out.projections.size() == kProjectionsMax) return Error(kTooComplex, "SELECT");
      PAVISE_TRY_ASSIGN(Projection projection, this->projection());
      out.projections.push_back(std::move(projection));
    } while (take_mark(","));
    return {};
  }

  Result<Projection> projection() {
    constexpr std::pair<std::string_view, Aggregate> kAggregates[] = {{"count", Aggregate::count},
                                                                      {"avg", Aggregate::average},
                                                                      {"sum", Aggregate::sum},
                                                                      {"min", Aggregate::minimum},
                                                                      {"max", Aggregate::maximum}};
    Projection out;
    const bool is_call = token().kind == TokenKind::name &&
                         tokens_[at_ + 1].kind == TokenKind::mark && tokens_[at_ + 1].raw == "(";
    if (is_call) {
      for (const auto& [name, aggregate] : kAggregates)
        if (is_word(name)) out.aggregate = aggregate;
      if (out.aggregate == Aggregate::none) return unexpected("an aggregate");
      out.alias = token().text;  // where no alias is given
      at_ += 2;
      if (out.aggregate != Aggregate::count) {
        PAVISE_TRY_ASSIGN(out.path, path());
      }
      if (!take_mark(")")) return unexpected(")");
    } else {
      PAVISE_TRY_ASSIGN(out.path, path());
    }
    if (take_word("as")) {
      if (token().kind != TokenKind::name && token().kind != TokenKind::quoted_name)
        return unexpected("an alias");
      out.alias = token().text;
      ++at_;
    }
    return out;
  }

  Status collection(Select& out) {
    if (!take_word("devices")) return unexpected("devices, devices.modules or devices.jobs");
    collection_ = {"devices"};
    if (take_mark(".")) {
      if (take_word("modules"))
        out.collection = Collection::modules;
      else if (take_word("jobs"))
        out.collection = Collection::jobs;
      else
        return unexpected("modules or jobs");
      collection_.emplace_back(out.collection == Collection::jobs ? "jobs" : "modules");
    }
    return {};
  }

  // name { "." name | "[" index "]" }; the name of the collection in front is dropped.
  Result<Path> path() {
    Path out;
    if (token().kind == TokenKind::name && is_reserved(token().text)) return unexpected("a name");
    do {
      if (token().kind != TokenKind::name && token().kind != TokenKind::quoted_name)
        return unexpected("a name");
      out.emplace_back(token().text);
      ++at_;
      while (is_mark("[")) {
        ++at_;
        const double number = token().kind == TokenKind::number ? token().number : -1;
        if (number < 0 || number > static_cast<double>(kIndexMax) || number != std::floor(number))
          return unexpected("an index");
        out.emplace_back(static_cast<std::size_t>(number));
        ++at_;
        if (!take_mark("]")) return unexpected("]");
      }
      if (out.size() > 4 * kDepthMax) return Error(kTooComplex, "a path");
    } while (take_mark("."));
    drop_collection(out);
    return out;
  }

  // "devices.deviceId" is also written where the collection is devices.modules.
  void drop_collection(Path& path) const {
    for (const std::string& word : collection_) {
      if (path.size() < 2 || !std::holds_alternative<std::string>(path[1])) return;
      const auto* name = std::get_if<std::string>(&path[0]);
      if (name == nullptr || !equal_folded(*name, word)) return;
      path.erase(path.begin());
    }
  }

  // --- Expressions, loosest first ---

  Result<Node> make(NodeKind kind, std::vector<Node> children, Operator op = Operator::equal) {
    if (++nodes_ > kNodesMax) return Error(kTooComplex, "too many parts");
    Node out{.kind = kind, .op = op, .children = std::move(children)};
    for (const Node& child : out.children) out.depth = std::max(out.depth, child.depth + 1);
    if (out.depth > kDepthMax) return Error(kTooComplex, "nested too deeply");
    return out;
  }

  template <class Next>
  Result<Node> chain(NodeKind kind, std::string_view word, Next next) {
    PAVISE_TRY_ASSIGN(Node first, next());
    if (!is_word(word)) return first;
    std::vector<Node> children;
    children.push_back(std::move(first));
    while (take_word(word)) {
      PAVISE_TRY_ASSIGN(Node more, next());
      children.push_back(std::move(more));
    }
    return make(kind, std::move(children));
  }

  Result<Node> expression() {
    if (++open_ > kDepthMax) return Error(kTooComplex, "nested too deeply");
    auto out = chain(NodeKind::logical_or, "or", [this] {
      return chain(NodeKind::logical_and, "and", [this] { return negation(); });
    });
    --open_;
    return out;
  }

  Result<Node> negation() {
    std::size_t count = 0;
    while (take_word("not"))
      if (++count > kDepthMax) return Error(kTooComplex, "nested too deeply");
    PAVISE_TRY_ASSIGN(Node out, comparison());
    for (; count != 0; --count) {
      PAVISE_TRY_ASSIGN(out, make(NodeKind::logical_not, one(std::move(out))));
    }
    return out;
  }

  Result<Node> comparison() {
    constexpr std::pair<std::string_view, Operator> kOperators[] = {
        {"=", Operator::equal},       {"!=", Operator::not_equal},     {"<>", Operator::not_equal},
        {"<=", Operator::less_equal}, {">=", Operator::greater_equal}, {"<", Operator::less},
        {">", Operator::greater}};
    PAVISE_TRY_ASSIGN(Node left, sum());
    for (const auto& [mark, op] : kOperators) {
      if (!take_mark(mark)) continue;
      PAVISE_TRY_ASSIGN(Node right, sum());
      return make(NodeKind::compare, two(std::move(left), std::move(right)), op);
    }
    const bool is_in = is_word("in");
    if (!is_in && !is_word("nin")) return left;
    ++at_;
    if (!is_mark("[")) return unexpected("[");
    PAVISE_TRY_ASSIGN(std::vector<Node> children, items());
    children.insert(children.begin(), std::move(left));
    return make(NodeKind::in_list, std::move(children), is_in ? Operator::in : Operator::not_in);
  }

  Result<Node> sum() {
    PAVISE_TRY_ASSIGN(Node out, product());
    while (is_mark("+") || is_mark("-")) {
      const Operator op = is_mark("+") ? Operator::add : Operator::subtract;
      ++at_;
      PAVISE_TRY_ASSIGN(Node right, product());
      PAVISE_TRY_ASSIGN(out, make(NodeKind::arithmetic, two(std::move(out), std::move(right)), op));
    }
    return out;
  }

  Result<Node> product() {
    PAVISE_TRY_ASSIGN(Node out, unary());
    while (is_mark("*") || is_mark("/") || is_mark("%")) {
      const Operator op = is_mark("*")   ? Operator::multiply
                          : is_mark("/") ? Operator::divide
                                         : Operator::modulo;
      ++at_;
      PAVISE_TRY_ASSIGN(Node right, unary());
      PAVISE_TRY_ASSIGN(out, make(NodeKind::arithmetic, two(std::move(out), std::move(right)), op));
    }
    return out;
  }

  Result<Node> unary() {
    std::size_t count = 0;
    while (take_mark("-"))
      if (++count > kDepthMax) return Error(kTooComplex, "nested too deeply");
    PAVISE_TRY_ASSIGN(Node out, primary());
    for (; count != 0; --count) {
      PAVISE_TRY_ASSIGN(out, make(NodeKind::negate, one(std::move(out))));
    }
    return out;
  }

  Result<Node> primary() {
    const Token& first = token();
    switch (first.kind) {
      case TokenKind::number:
        ++at_;
        return literal(first.number);
      case TokenKind::string:
        ++at_;
        return literal(first.text);
      case TokenKind::name:
        return name();
      case TokenKind::quoted_name:
        return path_node();
      default:
        break;
    }
    if (take_mark("(")) {
      PAVISE_TRY_ASSIGN(Node out, expression());
      if (!take_mark(")")) return unexpected(")");
      return out;
    }
    if (is_mark("[")) {
      PAVISE_TRY_ASSIGN(std::vector<Node> children, items());
      return make(NodeKind::array, std::move(children));
    }
    return unexpected("a value");
  }

  Result<Node> name() {
    if (take_word("true")) return literal(true);
    if (take_word("false")) return literal(false);
    if (take_word("null")) return literal(nullptr);
    if (take_word("undefined")) return literal(Undefined{});
    const Token& next = tokens_[at_ + 1];
    if (next.kind != TokenKind::mark || next.raw != "(") return path_node();
    const auto function = function_named(token().text);
    if (!function) return unexpected("a function");
    ++at_;
    PAVISE_TRY_ASSIGN(std::vector<Node> arguments, list("(", ")"));
    const Arity arity = arity_of(*function);
    if (arguments.size() < arity.min || arguments.size() > arity.max)
      return unexpected("another number of arguments");
    PAVISE_TRY_ASSIGN(Node out, make(NodeKind::call, std::move(arguments)));
    out.function = *function;
    return out;
  }

  Result<Node> path_node() {
    PAVISE_TRY_ASSIGN(Path path, this->path());
    PAVISE_TRY_ASSIGN(Node out, make(NodeKind::path, {}));
    out.path = std::move(path);
    return out;
  }

  Result<Node> literal(Literal value) {
    PAVISE_TRY_ASSIGN(Node out, make(NodeKind::literal, {}));
    out.literal = std::move(value);
    return out;
  }

  Result<std::vector<Node>> items() { return list("[", "]"); }

  Result<std::vector<Node>> list(std::string_view open, std::string_view close) {
    if (!take_mark(open)) return unexpected(open);
    std::vector<Node> out;
    if (take_mark(close)) return out;
    do {
      PAVISE_TRY_ASSIGN(Node item, expression());
      out.push_back(std::move(item));
    } while (take_mark(","));
    if (!take_mark(close)) return unexpected(close);
    return out;
  }

  static std::vector<Node> one(Node node) {
    std::vector<Node> out;
    out.push_back(std::move(node));
    return out;
  }
  static std::vector<Node> two(Node left, Node right) {
    std::vector<Node> out = one(std::move(left));
    out.push_back(std::move(right));
    return out;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t open_ = 0;   // expressions being read
  std::size_t nodes_ = 0;  // made so far
  std::vector<std::string> collection_;
};

}  // namespace

Result<Node> parse_condition(std::string_view text) {
  PAVISE_TRY_ASSIGN(std::vector<Token> tokens, tokenize(text));
  return Parser(std::move(tokens)).condition();
}

Result<Select> parse_select(std::string_view text) {
  PAVISE_TRY_ASSIGN(std::vector<Token> tokens, tokenize(text));
  return Parser(std::move(tokens)).select();
}

}  // namespace pavise::query
