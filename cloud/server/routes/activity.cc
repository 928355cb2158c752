// What hubs do: the numbers behind `pavise hub top`.
#include <algorithm>
#include <boost/json/array.hpp>

#include "cloud/hub/session/close_reasons.h"
#include "cloud/server/log/log.h"
#include "cloud/server/routes/handlers.h"

namespace pavise::server {

namespace json = boost::json;

namespace {

constexpr std::size_t kErrorsShownMax = 20;  // of a hub, the most frequent ones
constexpr double kMicroseconds = 1e6;
constexpr double kMicrosInMilli = 1e3;

json::object by_protocol(const std::array<std::uint64_t, hub::kSpokenCount>& counts) {
  json::object out;
  for (std::size_t i = 0; i < counts.size(); ++i)
    out[to_string(static_cast<hub::Spoken>(i))] = counts[i];
  return out;
}

json::object operations_view(const hub::HubActivity& hub) {
  json::object out;
  for (std::size_t i = 0; i < hub::kOperationCount; ++i) {
    const hub::OperationCounts& counts = hub.operations[i];
    std::uint64_t all = 0;
    std::uint64_t failed = 0;
    for (const std::uint64_t count : counts.latency.counts) all += count;
    for (const hub::ErrorCount& each : counts.failures) failed += each.count;
    out[to_string(static_cast<hub::Operation>(i))] =
        json::object{{"count", all},
                     {"failed", failed},
                     {"seconds", static_cast<double>(counts.latency.sum) / kMicroseconds}};
  }
  return out;
}

// From wherever they come, the most frequent first. A client that says good-bye is none.
json::array errors_view(const hub::HubActivity& hub) {
  std::vector<hub::ErrorCount> all;
  const auto add = [&](const std::vector<hub::ErrorCount>& counts) {
    for (const hub::ErrorCount& each : counts) {
      if (*each.info == hub::kClientDisconnected) continue;
      const auto same = std::ranges::find_if(
          all, [&](const hub::ErrorCount& seen) { return *seen.info == *each.info; });
      if (same == all.end())
        all.push_back(each);
      else
        same->count = std::max(same->count, each.count);  // a refusal also ends its connection
    }
  };
  add(hub.refused);
  add(hub.closed);
  add(hub.calls_refused);
  for (const hub::OperationCounts& each : hub.operations) add(each.failures);
  std::ranges::sort(all, [](const hub::ErrorCount& a, const hub::ErrorCount& b) {
    return a.count != b.count ? a.count > b.count : a.info->code < b.info->code;
  });
  json::array out;
  for (const hub::ErrorCount& each : all) {
    if (out.size() == kErrorsShownMax) break;
    out.push_back(
        json::object{{"code", each.info->code}, {"count", each.count}, {"what", each.info->what}});
  }
  return out;
}

json::array slowest_view(const hub::HubActivity& hub) {
  json::array out;
  for (const hub::SlowOperation& each : hub.slowest)
    out.push_back(json::object{
        {"operation", to_string(each.operation)},
        {"device", each.device},
        {"name", each.name.empty() ? json::value() : json::value(each.name)},
        {"milliseconds", static_cast<double>(each.us) / kMicrosInMilli},
        {"code", each.failure == nullptr ? json::value() : json::value(each.failure->code)},
        {"ended", rfc3339_ms(each.at_ms)}});
  return out;
}

json::object activity_view(const hub::HubActivity& hub, const TenantId* tenant) {
  return {{"hub", hub.hub.empty() ? json::value() : json::value(hub.hub)},
          {"tenant", tenant == nullptr ? json::value() : json::value(tenant->text())},
          {"connections", by_protocol(hub.connections)},
          {"connects", by_protocol(hub.connects)},
          {"messages_in", hub.messages_in},
          {"bytes_in", hub.bytes_in},
          {"messages_out", hub.messages_out},
          {"bytes_out", hub.bytes_out},
          {"operations", operations_view(hub)},
          {"slowest", slowest_view(hub)},
          {"errors", errors_view(hub)}};
}

// Of a hub of this name that was removed, and belonged to who knows whom, nothing is shown.
json::object of_hub(const std::map<std::string, hub::HubActivity, std::less<>>& all,
                    const hub::store::HubRecord& hub) {
  const auto found = all.find(hub.name.text());
  if (found != all.end()) return activity_view(found->second, &hub.tenant);
  hub::HubActivity none;
  none.hub = hub.name.text();
  return activity_view(none, &hub.tenant);
}

Reply answer(const Call& call, json::array hubs) {
  return Reply{.body = {{"time", rfc3339_ms(call.services.clock.now_ms())},
                        {"steady_ms", call.services.clock.steady_ms()},
                        {"hubs", std::move(hubs)}}};
}

}  // namespace

Result<Reply> get_activity(Call& call) {
  const auto all = call.services.hubs.activity();
  auto hubs = call.services.hubs.queue.store().index().hubs();
  std::ranges::sort(hubs, {}, [](const auto& hub) { return hub->hub.name.text(); });
  json::array out;
  for (const auto& hub : hubs)
    if (!call.tenant || hub->hub.tenant == *call.tenant) out.push_back(of_hub(all, hub->hub));
  // Who named no hub that exists is nobody's but the operator's.
  if (const auto none = all.find(""); !call.tenant && none != all.end())
    out.push_back(activity_view(none->second, nullptr));
  return answer(call, std::move(out));
}

Result<Reply> get_hub_activity(Call& call) {
  return answer(call, {of_hub(call.services.hubs.activity(), call.named_hub().hub)});
}

}  // namespace pavise::server
