#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "protocol/query/internal.h"

namespace pavise::query {
namespace {

// One aggregate of one group.
struct Accumulator {
  std::uint64_t count = 0;  // of documents, or of the values that count
  double sum = 0;
  bool all_integers = true;
  std::int64_t integer_sum = 0;
  json::value minimum = nullptr;  // a number or a string once count is not 0
  json::value maximum = nullptr;

  void add(const Projection& projection, const json::value& root);
  // Null if there is nothing to say.
  std::optional<json::value> result(Aggregate aggregate) const;
};

// Numbers come before strings.
bool less(const json::value& a, const json::value& b) {
  if (a.is_string() != b.is_string()) return b.is_string();
  if (a.is_string()) return a.get_string() < b.get_string();
  if (a.is_int64() && b.is_int64()) return a.get_int64() < b.get_int64();
  return a.to_number<double>() < b.to_number<double>();
}

void Accumulator::add(const Projection& projection, const json::value& root) {
  if (projection.aggregate == Aggregate::count) {
    ++count;
    return;
  }
  const json::value* value = find(root, projection.path);
  if (value == nullptr) return;
  const bool extreme =
      projection.aggregate == Aggregate::minimum || projection.aggregate == Aggregate::maximum;
  if (!value->is_number() && !(extreme && value->is_string())) return;
  if (extreme) {
    if (count == 0 || less(*value, minimum)) minimum = *value;
    if (count == 0 || less(maximum, *value)) maximum = *value;
  } else {
    sum += value->to_number<double>();
    all_integers = all_integers && value->is_int64() &&
                   !__builtin_add_overflow(integer_sum, value->get_int64(), &integer_sum);
  }
  ++count;
}

std::optional<json::value> Accumulator::result(Aggregate aggregate) const {
  switch (aggregate) {
    case Aggregate::count:
      return json::value(count);
    case Aggregate::sum:
      if (all_integers) return json::value(integer_sum);
      return std::isfinite(sum) ? std::optional(json::value(sum)) : std::nullopt;
    case Aggregate::average:
      if (count == 0 || !std::isfinite(sum)) return std::nullopt;
      return json::value(sum / static_cast<double>(count));
    case Aggregate::minimum:
      return count == 0 ? std::nullopt : std::optional(minimum);
    case Aggregate::maximum:
      return count == 0 ? std::nullopt : std::optional(maximum);
    case Aggregate::none:
      break;
  }
  return std::nullopt;
}

struct Group {
  json::object keys;  // what is selected of the group's own values, under its name
  std::vector<Accumulator> accumulators;
};

Group make_group(const Select& select, const json::value* root) {
  Group out;
  out.accumulators.resize(select.projections.size());
  for (const Projection& projection : select.projections) {
    if (projection.aggregate != Aggregate::none || root == nullptr) continue;
    std::string_view name;
    if (const json::value* value = find(*root, projection.path, 0, &name))
      out.keys.insert_or_assign(
          projection.alias.empty() ? name : std::string_view(projection.alias), *value);
  }
  return out;
}

// The values of GROUP BY as text; undefined differs from every value.
std::string key_of(const Select& select, const json::value& root) {
  std::string out;
  for (const Path& path : select.group_by) {
    const json::value* value = find(root, path);
    out.append(value == nullptr ? "" : json::serialize(*value)).push_back('\n');
  }
  return out;
}

}  // namespace

struct Aggregation::State {
  std::shared_ptr<const Query::Impl> query;
  std::vector<Group> groups;
  std::unordered_map<std::string, std::size_t> index;
};

Aggregation::Aggregation(const Query& query) : state_(std::make_unique<State>()) {
  PAVISE_CHECK(query.aggregates());
  state_->query = query.impl_;
  const Select& select = query.impl_->select;
  if (select.group_by.empty()) state_->groups.push_back(make_group(select, nullptr));
}

Aggregation::Aggregation(Aggregation&&) noexcept = default;
Aggregation& Aggregation::operator=(Aggregation&&) noexcept = default;
Aggregation::~Aggregation() = default;

Status Aggregation::add(const Document& document) {
  const Select& select = state_->query->select;
  const json::value& root = document.impl().root;
  std::size_t at = 0;
  if (!select.group_by.empty()) {
    std::string key = key_of(select, root);
    const auto found = state_->index.find(key);
    at = found == state_->index.end() ? state_->groups.size() : found->second;
    if (found == state_->index.end()) {
      if (at == kGroupsMax) return kTooManyGroups;
      state_->groups.push_back(make_group(select, &root));
      state_->index.emplace(std::move(key), at);
    }
  }
  Group& group = state_->groups[at];
  for (std::size_t i = 0; i < select.projections.size(); ++i)
    if (select.projections[i].aggregate != Aggregate::none)
      group.accumulators[i].add(select.projections[i], root);
  return {};
}

std::vector<std::string> Aggregation::rows() const {
  const Select& select = state_->query->select;
  std::vector<std::string> out;
  for (const Group& group : state_->groups) {
    if (select.top && out.size() >= *select.top) break;
    json::object row = group.keys;
    for (std::size_t i = 0; i < select.projections.size(); ++i) {
      const Projection& projection = select.projections[i];
      if (projection.aggregate == Aggregate::none) continue;
      if (auto value = group.accumulators[i].result(projection.aggregate))
        row.insert_or_assign(projection.alias, *std::move(value));
    }
    out.push_back(json::serialize(row));
  }
  return out;
}

}  // namespace pavise::query
