#include "cloud/hub/configurations/plan.h"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "common/json/exact_json.h"

namespace pavise::hub::configurations {

namespace json = boost::json;

namespace {

// Numbers are equal by their value, however they are written.
bool same(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return a.to_number<double>() == b.to_number<double>();
  return a == b;
}

Result<json::object> stored(const std::string& text) {
  boost::system::error_code failed;
  json::value value = parse_exactly(text, failed);
  if (failed || !value.is_object()) return query::kBadDocument;
  return std::move(value.get_object());
}

// `inner` is `outer`, or inside of it.
bool within(const std::vector<std::string>& inner, const std::vector<std::string>& outer) {
  return inner.size() >= outer.size() && std::equal(outer.begin(), outer.end(), inner.begin());
}

bool is_branch(const json::value& value) {
  return value.is_object() && !value.get_object().empty();
}

// Which properties `want` sets: {"a":{"b":1}} for a.b.
json::object marks_of(const json::object& want) {
  json::object out;
  for (const auto& member : want) {
    if (member.value().is_null()) continue;
    if (!is_branch(member.value())) {
      out[member.key()] = 1;
    } else if (json::object inside = marks_of(member.value().get_object()); !inside.empty()) {
      out[member.key()] = std::move(inside);
    }
  }
  return out;
}

// What has to be merged into `current` so that it has all of `want`, where null means: is not
// there.
json::object difference(const json::object& want, const json::object& current) {
  json::object out;
  for (const auto& member : want) {
    const json::value* const there = current.if_contains(member.key());
    const json::value& value = member.value();
    if (value.is_null()) {
      if (there != nullptr) out[member.key()] = nullptr;
    } else if (value.is_object()) {
      if (there == nullptr || !there->is_object()) {
        const bool only_deletes = is_branch(value) && marks_of(value.get_object()).empty();
        if (!only_deletes) out[member.key()] = value;
      } else if (json::object inside = difference(value.get_object(), there->get_object());
                 !inside.empty()) {
        out[member.key()] = std::move(inside);
      }
    } else if (there == nullptr || !same(value, *there)) {
      out[member.key()] = value;
    }
  }
  return out;
}

// Adds to `patch` the removal of what is marked in `mine`, is there, and is not wanted any more.
void add_removals(const json::object& mine, const json::object& want, const json::object& current,
                  json::object& patch) {
  for (const auto& mark : mine) {
    const json::value* const there = current.if_contains(mark.key());
    if (there == nullptr) continue;
    const json::value* const wanted = want.if_contains(mark.key());
    const bool wants_inside = wanted != nullptr && wanted->is_object();
    if (wanted != nullptr && !wants_inside) continue;  // difference() has said all about it
    if (!mark.value().is_object()) {
      if (wanted == nullptr) patch[mark.key()] = nullptr;
      continue;
    }
    if (!there->is_object()) continue;  // somebody else put something else there
    static const json::object kNothing;
    json::object inside;
    if (json::value* const said = patch.if_contains(mark.key());
        said != nullptr && said->is_object())
      inside = said->get_object();
    add_removals(mark.value().get_object(), wants_inside ? wanted->get_object() : kNothing,
                 there->get_object(), inside);
    if (inside.empty()) continue;
    const bool becomes_empty =
        !wants_inside && std::ranges::all_of(there->get_object(), [&](const auto& member) {
          const json::value* const said = inside.if_contains(member.key());
          return said != nullptr && said->is_null();
        });
    if (becomes_empty)
      patch[mark.key()] = nullptr;
    else
      patch[mark.key()] = std::move(inside);
  }
}

// {"id":{"status":"Applied"}}, and of those that others outdo entirely "Targeted".
json::object statuses(const std::vector<Definition>& definitions,
                      const std::vector<Standing>& standings) {
  json::object out;
  for (const Standing& each : standings)
    out[definitions[each.definition].id] = {{"status", each.applied ? "Applied" : "Targeted"}};
  return out;
}

}  // namespace

Plan::Plan(std::span<const store::ConfigurationRecord> records) {
  for (const store::ConfigurationRecord& record : records) {
    auto definition = Definition::parse(record);
    if (!definition) continue;
    looks_at_[definition->target.of_modules ? 1 : 0] = true;
    for (const Metric& metric : definition->metrics)
      looks_at_[metric.query.collection() == query::Collection::modules ? 1 : 0] = true;
    definitions_.push_back(*std::move(definition));
  }
}

Result<Decision> Plan::decide(const store::TwinRecord& twin, const query::Document* document,
                              std::size_t in_effect) const {
  Decision out;
  std::vector<const Setting*> accepted;
  const bool of_modules = twin.identity.id.is_module();
  for (std::size_t i = 0; document != nullptr && i < definitions_.size(); ++i) {
    const Definition& each = definitions_[i];
    if (each.target.of_modules != of_modules || !each.target.condition ||
        !each.target.condition->matches(*document))
      continue;
    const std::size_t before = accepted.size();
    for (const Setting& setting : each.settings)
      if (out.standings.size() < in_effect &&
          std::none_of(accepted.begin(), accepted.begin() + static_cast<std::ptrdiff_t>(before),
                       [&](const Setting* other) { return within(setting.path, other->path); }))
        accepted.push_back(&setting);
    out.standings.push_back({i, accepted.size() > before});
  }
  if (out.standings.empty() && twin.configurations_json == "{}" && twin.configured_json == "{}")
    return out;

  Settings in_order;  // the highest last, so that it lies on top
  for (auto each = accepted.rbegin(); each != accepted.rend(); ++each) in_order.push_back(**each);
  const json::object want = patch_of(in_order);
  PAVISE_TRY_ASSIGN(json::object current, stored(twin.desired_json));
  current.erase("$metadata");
  current.erase("$version");
  PAVISE_TRY_ASSIGN(const json::object mine, stored(twin.configured_json));
  PAVISE_TRY_ASSIGN(const json::object noted, stored(twin.configurations_json));
  json::object patch = difference(want, current);
  add_removals(mine, want, current, patch);
  const json::object marks = marks_of(want);
  const json::object now = statuses(definitions_, out.standings);
  if (!patch.empty() || marks != mine || now != noted)
    out.change = store::TwinSettings{patch.empty() ? std::string() : json::serialize(patch),
                                     json::serialize(now), json::serialize(marks)};
  return out;
}

}  // namespace pavise::hub::configurations
