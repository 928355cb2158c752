// Result<T>: a value or an Error. Outcomes of parsing and verification are data: they are returned,
// tabulated and tested, never thrown. Member names follow std::expected.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace pavise {

// What the caller may do about a failure.
enum class Retry {
  never,           // the same input fails the same way
  later,           // a passing condition: load, network, lock
  after_reattest,  // the device must attest again first
  needs_operator,  // a person has to change something
};

constexpr std::string_view to_string(Retry retry) {
  switch (retry) {
    case Retry::never:
      return "never";
    case Retry::later:
      return "later";
    case Retry::after_reattest:
      return "after_reattest";
    case Retry::needs_operator:
      return "needs_operator";
  }
  return "unknown";
}

// One row of a module's error table; a module defines each as `inline constexpr ErrorInfo
// kThing{...}` in its error header. The code is stable for ever ("PV-ATT-007") and has an entry in
// docs/errors.md.
struct ErrorInfo {
  std::string_view code;
  Retry retry;
  std::string_view what;       // what failed, one clause, no trailing stop
  std::string_view next_step;  // what a person does next, imperative sentence

  constexpr bool operator==(const ErrorInfo& other) const { return code == other.code; }
};

// A failure: which row, where it was raised, and at most one short dynamic detail.
// The detail must never hold a secret. Copyable, cheap without detail.
class [[nodiscard]] Error {
 public:
  // `info` must have static storage duration. Implicit: `return kQuoteTooShort;` reads well.
  Error(const ErrorInfo& info, std::string detail = {},  // NOLINT(google-explicit-constructor)
        std::source_location where = std::source_location::current())
      : info_(&info), detail_(std::move(detail)), where_(where) {}

  const ErrorInfo& info() const { return *info_; }
  std::string_view code() const { return info_->code; }
  Retry retry() const { return info_->retry; }
  const std::string& detail() const { return detail_; }
  const std::source_location& where() const { return where_; }
  bool is(const ErrorInfo& info) const { return *info_ == info; }

  // "PV-ATT-007: the quote is over other PCRs (got 0,1). Next: ..." for people.
  std::string message() const {
    std::string out{info_->code};
    out.append(": ").append(info_->what);
    if (!detail_.empty()) out.append(" (").append(detail_).append(")");
    if (!info_->next_step.empty()) out.append(". Next: ").append(info_->next_step);
    return out;
  }

 private:
  const ErrorInfo* info_;
  std::string detail_;
  std::source_location where_;
};

[[noreturn]] inline void check_failed(const char* expression, std::source_location where) {
  std::fprintf(stderr, "%s:%u: invariant broken: %s\n", where.file_name(), where.line(),
               expression);
  std::abort();
}

// For invariants of our own code, never for input. Always compiled in.
#define PAVISE_CHECK(expression)                                            \
  do {                                                                      \
    if (!(expression)) [[unlikely]]                                         \
      ::pavise::check_failed(#expression, std::source_location::current()); \
  } while (false)

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT
  Result(const ErrorInfo& info,
         std::source_location where = std::source_location::current())  // NOLINT
      : state_(std::in_place_index<1>, Error(info, {}, where)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // Precondition: has_value(); checked.
  T& value() & {
    check();
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    check();
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    check();
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Precondition: !has_value(); checked.
  const Error& error() const& {
    PAVISE_CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    PAVISE_CHECK(!has_value());
    return std::move(*std::get_if<1>(&state_));
  }

  T value_or(T other) const& { return has_value() ? value() : std::move(other); }

 private:
  void check() const {
    if (!has_value()) [[unlikely]] {
      std::fprintf(stderr, "value() of a failed Result: %s\n",
                   std::get_if<1>(&state_)->message().c_str());
      std::abort();
    }
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() : state_(std::monostate{}) {}
  Result(Error error) : state_(std::move(error)) {}  // NOLINT
  Result(const ErrorInfo& info,
         std::source_location where = std::source_location::current())  // NOLINT
      : state_(Error(info, {}, where)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  void value() const { PAVISE_CHECK(has_value()); }
  const Error& error() const& {
    PAVISE_CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<std::monostate, Error> state_;
};

using Status = Result<void>;

// PAVISE_TRY(status_expression);            returns its error from the enclosing function
// PAVISE_TRY_ASSIGN(auto x, expression);    declares x from the value, or returns the error
// Two statements, no expression: fit for co_await. NOLINTBEGIN(bugprone-macro-parentheses)
#define PAVISE_CONCAT_(a, b) a##b
#define PAVISE_CONCAT(a, b) PAVISE_CONCAT_(a, b)
#define PAVISE_TRY(expression)                                                                \
  do {                                                                                        \
    if (auto try_status_ = (expression); !try_status_) return std::move(try_status_).error(); \
  } while (false)
#define PAVISE_TRY_ASSIGN(declaration, expression) \
  PAVISE_TRY_ASSIGN_(PAVISE_CONCAT(try_result_, __LINE__), declaration, expression)
#define PAVISE_TRY_ASSIGN_(temporary, declaration, expression) \
  auto temporary = (expression);                               \
  if (!temporary) return std::move(temporary).error();         \
  declaration = *std::move(temporary)
// NOLINTEND(bugprone-macro-parentheses)
}  // namespace pavise
