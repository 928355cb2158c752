#include "cloud/hub/routing/plan.h"

#include <algorithm>

namespace pavise::hub::routing {
namespace {

// More than there are, never fewer: a text in quotes counts too.
bool may_look_at_twin(std::string_view condition) {
  constexpr std::string_view kTwin = "$twin";
  const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return !std::ranges::search(condition, kTwin, {}, low).empty();
}

}  // namespace

Result<query::Condition> parse_condition(std::string_view text) {
  return query::Condition::parse(text);
}

Result<query::RouteVerdict> judge(const store::RouteRecord& route, const Message& message,
                                  const query::Document* twin) {
  PAVISE_TRY_ASSIGN(const query::Condition condition, parse_condition(route.condition));
  if (!route.enabled || route.source != message.source) return query::RouteVerdict::does_not_match;
  const auto system = system_of(message);
  const auto application = application_of(message);
  return query::RouteInput({system, application, as_text(message.body), twin}).evaluate(condition);
}

Plan::Plan(std::span<const store::RouteRecord> records, std::string_view endpoint) {
  for (const store::RouteRecord& record : records) {
    if (!record.enabled || (!endpoint.empty() && record.endpoint != endpoint)) continue;
    auto condition = parse_condition(record.condition);
    if (!condition) continue;
    routes_.push_back({record.name, record.source, *std::move(condition)});
    looks_at_twins_ = looks_at_twins_ || may_look_at_twin(record.condition);
  }
}

bool Plan::takes(store::RouteSource source) const {
  return std::ranges::find(routes_, source, &Route::source) != routes_.end();
}

std::vector<std::string> Plan::takers(const Message& message, const query::Document* twin) const {
  std::vector<std::string> out;
  if (!takes(message.source)) return out;
  const auto system = system_of(message);
  const auto application = application_of(message);
  const query::RouteInput input({system, application, as_text(message.body), twin});
  for (const Route& route : routes_)
    if (route.source == message.source &&
        input.evaluate(route.condition) == query::RouteVerdict::matches)
      out.push_back(route.name);
  return out;
}

}  // namespace pavise::hub::routing
