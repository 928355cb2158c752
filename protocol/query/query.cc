#include "protocol/query/query.h"

#include <algorithm>

#include "common/json/exact_json.h"
#include "protocol/query/internal.h"

namespace pavise::query {
namespace {

bool same_path(const Path& a, const Path& b) {
  return std::ranges::equal(a, b, [](const PathPart& x, const PathPart& y) {
    const auto* s = std::get_if<std::string>(&x);
    const auto* t = std::get_if<std::string>(&y);
    return s != nullptr && t != nullptr ? equal_folded(*s, *t) : x == y;
  });
}

bool has_aggregate(const Select& select) {
  return !select.group_by.empty() ||
         std::ranges::any_of(select.projections, [](const Projection& projection) {
           return projection.aggregate != Aggregate::none;
         });
}

Status check(const Select& select) {
  const bool all = select.projections.empty();
  if (select.collection == Collection::jobs && (!all || !select.group_by.empty()))
    return Error(kNotSupported, "devices.jobs allows SELECT * only, without GROUP BY");
  if (!has_aggregate(select)) return {};
  if (all) return Error(kNotSupported, "SELECT * with GROUP BY");
  for (const Projection& projection : select.projections) {
    if (projection.aggregate != Aggregate::none) continue;
    if (std::ranges::none_of(select.group_by,
                             [&](const Path& path) { return same_path(path, projection.path); }))
      return Error(kNotSupported, "beside aggregates only what is grouped by can be selected");
  }
  return {};
}

void add_member(const Path& path, std::vector<std::string>& out) {
  if (!path.empty()) out.push_back(std::get<std::string>(path.front()));
}

void add_members(const Node& node, std::vector<std::string>& out) {
  add_member(node.path, out);
  for (const Node& child : node.children) add_members(child, out);
}

std::vector<std::string> members_of(const Select& select) {
  std::vector<std::string> out;
  if (select.where) add_members(*select.where, out);
  for (const Path& path : select.group_by) add_member(path, out);
  for (const Projection& projection : select.projections) add_member(projection.path, out);
  return out;
}

}  // namespace

Result<Document> Document::parse(std::string_view text) {
  boost::system::error_code failed;
  json::value root = parse_exactly(text, kDocumentDepthMax, failed);
  if (failed) return Error(kBadDocument, failed.message());
  auto impl = std::make_shared<Impl>();
  impl->root = std::move(root);
  return Document(std::move(impl));
}

Result<Condition> Condition::parse(std::string_view text) {
  PAVISE_TRY_ASSIGN(Node node, parse_condition(text));
  return Condition(std::make_shared<const Impl>(Impl{std::move(node)}));
}

bool Condition::matches(const Document& document) const {
  return is_true(evaluate(impl_->node, DocumentScope(document.impl().root)));
}

Result<Query> Query::parse(std::string_view text) {
  PAVISE_TRY_ASSIGN(Select select, parse_select(text));
  PAVISE_TRY(check(select));
  std::vector<std::string> members = members_of(select);
  return Query(std::make_shared<const Impl>(Impl{std::move(select), std::move(members)}));
}

Collection Query::collection() const {
  return impl_->select.collection;
}

std::optional<std::uint64_t> Query::top() const {
  return impl_->select.top;
}

bool Query::selects_all() const {
  return impl_->select.projections.empty();
}

bool Query::aggregates() const {
  return has_aggregate(impl_->select);
}

const std::vector<std::string>& Query::members() const {
  return impl_->members;
}

bool Query::matches(const Document& document) const {
  const auto& where = impl_->select.where;
  return !where || is_true(evaluate(*where, DocumentScope(document.impl().root)));
}

std::string Query::row(const Document& document) const {
  PAVISE_CHECK(!aggregates());
  const json::value& root = document.impl().root;
  if (selects_all()) return json::serialize(root);
  json::object out;
  for (const Projection& projection : impl_->select.projections) {
    std::string_view name;
    const json::value* value = find(root, projection.path, 0, &name);
    if (value == nullptr) continue;
    out.insert_or_assign(projection.alias.empty() ? name : std::string_view(projection.alias),
                         *value);
  }
  return json::serialize(out);
}

}  // namespace pavise::query
