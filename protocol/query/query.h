// Queries and conditions (reference: iothub-dps-wire D1 "Query language"). Immutable once parsed,
// and then thread-safe; copies are cheap.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "protocol/query/errors.h"

namespace pavise::query {

inline constexpr std::size_t kTextSizeMax = 8192;  // documented
inline constexpr std::size_t kDepthMax = 32;       // of an expression
inline constexpr std::size_t kNodesMax = 2048;     // of all expressions of a query
inline constexpr std::size_t kProjectionsMax = 64;
inline constexpr std::size_t kGroupKeysMax = 8;
inline constexpr std::size_t kGroupsMax = 10'000;
inline constexpr std::uint64_t kTopMax = 1'000'000;
inline constexpr std::size_t kDocumentDepthMax = 64;

// One JSON document: a twin, a job, a message.
class Document {
 public:
  static Result<Document> parse(std::string_view json);  // kBadDocument
  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit Document(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// A WHERE body on its own: targetCondition of a configuration, queryCondition of a job. "*" holds
// for every document.
class Condition {
 public:
  // kSyntax (the detail names the byte), kTooLong, kTooComplex.
  static Result<Condition> parse(std::string_view text);
  bool matches(const Document& document) const;
  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit Condition(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

enum class Collection { devices, modules, jobs };

// SELECT [TOP n] * | projections FROM devices | devices.modules | devices.jobs
// [WHERE condition] [GROUP BY paths]
class Query {
 public:
  // Those of Condition, and kNotSupported: projections or groups over jobs; next to an aggregate or
  // in groups, a projection that is not a group's key; SELECT * with GROUP BY.
  static Result<Query> parse(std::string_view text);

  Collection collection() const;
  std::optional<std::uint64_t> top() const;  // most rows wanted
  bool selects_all() const;                  // SELECT *: a row is the document itself
  bool aggregates() const;                   // rows come from an Aggregation, not from row()

  // Members of the documents at which its condition, groups and projections look, spelled as in the
  // query. To match, group and project, documents need no others; rows of SELECT * are whole ones.
  const std::vector<std::string>& members() const;

  bool matches(const Document& document) const;
  // The projection of one document as JSON; the document itself for SELECT *. Precondition:
  // !aggregates().
  std::string row(const Document& document) const;
  struct Impl;

 private:
  friend class Aggregation;
  explicit Query(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// Collects the documents that match. Not thread-safe. Precondition: query.aggregates().
class Aggregation {
 public:
  explicit Aggregation(const Query& query);
  Aggregation(Aggregation&&) noexcept;
  Aggregation& operator=(Aggregation&&) noexcept;
  ~Aggregation();

  Status add(const Document& document);  // kTooManyGroups
  // One JSON object for each group in the order in which groups appeared, at most TOP of them;
  // without GROUP BY exactly one.
  std::vector<std::string> rows() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pavise::query
