#include "cloud/hub/transport/metrics.h"

#include <algorithm>

namespace pavise::hub {
namespace {

template <class Codes>
void add_codes(const Codes& codes, std::vector<ErrorCount>& sum) {
  codes.for_each([&](const ErrorInfo& info, std::uint64_t count) {
    const auto same =
        std::ranges::find_if(sum, [&](const ErrorCount& each) { return *each.info == info; });
    if (same == sum.end())
      sum.push_back({&info, count});
    else
      same->count += count;
  });
}

std::uint64_t beyond(std::uint64_t all, std::uint64_t before) {
  return all > before ? all - before : 0;
}

void take_off_codes(std::vector<ErrorCount>& from, const std::vector<ErrorCount>& before) {
  for (const ErrorCount& each : before) {
    const auto same =
        std::ranges::find_if(from, [&](const ErrorCount& all) { return *all.info == *each.info; });
    if (same != from.end()) same->count = beyond(same->count, each.count);
  }
  std::erase_if(from, [](const ErrorCount& each) { return each.count == 0; });
}

void take_off_histogram(metrics::HistogramCounts& from, const metrics::HistogramCounts& before) {
  for (std::size_t i = 0; i < std::min(from.counts.size(), before.counts.size()); ++i)
    from.counts[i] = beyond(from.counts[i], before.counts[i]);
  from.sum = beyond(from.sum, before.sum);
}

HubActivity& entry(std::map<std::string, HubActivity, std::less<>>& sums, const std::string& hub) {
  HubActivity& out = sums[hub];
  out.hub = hub;
  return out;
}

}  // namespace

void take_off(HubActivity& from, const HubActivity& before, std::uint64_t since_us) {
  for (std::size_t i = 0; i < kSpokenCount; ++i)
    from.connects[i] = beyond(from.connects[i], before.connects[i]);
  from.messages_in = beyond(from.messages_in, before.messages_in);
  from.bytes_in = beyond(from.bytes_in, before.bytes_in);
  from.messages_out = beyond(from.messages_out, before.messages_out);
  from.bytes_out = beyond(from.bytes_out, before.bytes_out);
  take_off_codes(from.refused, before.refused);
  take_off_codes(from.closed, before.closed);
  take_off_codes(from.calls_refused, before.calls_refused);
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    take_off_histogram(from.operations[i].latency, before.operations[i].latency);
    take_off_codes(from.operations[i].failures, before.operations[i].failures);
  }
  std::erase_if(from.slowest, [&](const SlowOperation& each) { return each.begun_us < since_us; });
}

void HubCounters::add_to(HubActivity& sum) const {
  for (std::size_t i = 0; i < kSpokenCount; ++i) {
    // In this order: what ended meanwhile is then counted as begun, too.
    const std::uint64_t gone = ended[i].get();
    const std::uint64_t begun = connects[i].get();
    sum.connects[i] += begun;
    sum.connections[i] += begun > gone ? begun - gone : 0;
  }
  sum.messages_in += messages_in.get();
  sum.bytes_in += bytes_in.get();
  sum.messages_out += messages_out.get();
  sum.bytes_out += bytes_out.get();
  add_codes(refused, sum.refused);
  add_codes(closed, sum.closed);
}

HubCounters& HubCountersMap::of(const iothub::HubName& hub) {
  // Nobody else inserts, so looking up needs no lock.
  if (const auto found = by_hub_.find(hub.text()); found != by_hub_.end()) return *found->second;
  if (by_hub_.size() >= kHubsCountedMax) return none_;
  auto made = std::make_unique<HubCounters>();
  const std::lock_guard lock(mutex_);
  return *by_hub_.emplace(hub.text(), std::move(made)).first->second;
}

void HubCountersMap::add_to(std::map<std::string, HubActivity, std::less<>>& sums) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [hub, counters] : by_hub_) counters->add_to(entry(sums, hub));
  none_.add_to(entry(sums, {}));
}

OperationCounters::OfHub& OperationCounters::of(const iothub::HubName& hub) {
  if (const auto found = by_hub_.find(hub.text()); found != by_hub_.end()) return *found->second;
  if (by_hub_.size() >= kHubsCountedMax) return others_;
  return *by_hub_.emplace(hub.text(), std::make_unique<OfHub>()).first->second;
}

void OperationCounters::note(const iothub::HubName& hub, SlowOperation what) {
  const auto at = static_cast<std::size_t>(what.operation);
  const std::lock_guard lock(mutex_);
  OfHub& of_hub = of(hub);
  of_hub.latency[at].add(what.us);
  if (what.failure != nullptr) of_hub.failures[at].add(*what.failure);
  std::vector<SlowOperation>& slowest = of_hub.slowest;
  if (slowest.size() == kSlowestMax) {
    std::erase_if(slowest, [&](const SlowOperation& each) {
      return each.at_ms + kSlowestKeptMs < what.at_ms;
    });
    if (slowest.size() == kSlowestMax && slowest.back().us >= what.us) return;
    if (slowest.size() == kSlowestMax) slowest.pop_back();
  }
  const auto place = std::ranges::upper_bound(slowest, what.us, std::greater<>(),
                                              [](const SlowOperation& each) { return each.us; });
  slowest.insert(place, std::move(what));
}

void OperationCounters::note_messages(const iothub::HubName& hub, std::uint64_t count,
                                      std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  OfHub& of_hub = of(hub);
  of_hub.messages += count;
  of_hub.bytes += bytes;
}

void OperationCounters::note_refused_call(const iothub::HubName* hub, const ErrorInfo& why) {
  const std::lock_guard lock(mutex_);
  (hub != nullptr ? of(*hub) : others_).calls_refused.add(why);
}

void OperationCounters::add_to(std::map<std::string, HubActivity, std::less<>>& sums,
                               UnixMillis now_ms) const {
  const std::lock_guard lock(mutex_);
  const auto add = [&](const std::string& hub, const OfHub& from) {
    HubActivity& sum = entry(sums, hub);
    sum.messages_in += from.messages;
    sum.bytes_in += from.bytes;
    add_codes(from.calls_refused, sum.calls_refused);
    for (std::size_t i = 0; i < kOperationCount; ++i) {
      from.latency[i].add_to(sum.operations[i].latency);
      add_codes(from.failures[i], sum.operations[i].failures);
    }
    for (const SlowOperation& each : from.slowest)
      if (each.at_ms + kSlowestKeptMs >= now_ms) sum.slowest.push_back(each);
  };
  for (const auto& [hub, counters] : by_hub_) add(hub, *counters);
  add({}, others_);
}

}  // namespace pavise::hub
