#include "cloud/hub/events/retention.h"

#include <algorithm>

namespace pavise::hub {

Result<Offset> find_time(SegmentLog& log, Offset low, UnixMillis at_or_after) {
  low = std::max(low, log.first_offset());
  Offset high = std::max(low, log.durable_end());
  while (low < high) {
    const Offset middle = low + (high - low) / 2;
    PAVISE_TRY_ASSIGN(const auto records, log.read(middle, {.records_max = 1}));
    if (records.empty() || records.front().offset >= high ||
        records.front().time_ms >= at_or_after) {
      high = middle;
    } else {
      low = records.front().offset + 1;
    }
  }
  return low;
}

Retention::Retention(SegmentLog& log, const Clock& clock,
                     std::function<std::vector<HubRetention>()> hubs)
    : log_(log), clock_(clock), hubs_(std::move(hubs)) {}

void Retention::add(Counted& counted, const HubRetention& hub, const Record& record) const {
  const std::uint64_t bytes = record.payload.size() + record.properties.size();
  if (counted.parts.empty() || counted.parts.back().bytes >= hub.bytes_max / kRetentionParts)
    counted.parts.push_back({record.offset, 0});
  counted.parts.back().bytes += bytes;
  counted.bytes += bytes;
  (void)floor_by_size(counted, hub.bytes_max);
}

// Forgets the parts that no longer fit. The newest stays, whatever its size.
Offset Retention::floor_by_size(Counted& counted, std::uint64_t bytes_max) {
  while (counted.parts.size() > 1 && counted.bytes > bytes_max) {
    counted.bytes -= counted.parts.front().bytes;
    counted.parts.pop_front();
  }
  return counted.parts.empty() ? 0 : counted.parts.front().first;
}

Status Retention::count(const std::vector<HubRetention>& hubs) {
  std::map<std::string, const HubRetention*> bounded;
  for (const HubRetention& hub : hubs)
    if (hub.bytes_max != 0) bounded[hub.hub] = &hub;
  std::erase_if(counted_, [&](const auto& entry) { return !bounded.contains(entry.first); });
  if (bounded.empty()) return {};
  Offset from = log_.durable_end();
  for (const auto& [name, hub] : bounded) from = std::min(from, counted_[name].walked_to);
  for (std::size_t looked_at = 0; looked_at < kRetentionCountedMax;) {
    PAVISE_TRY_ASSIGN(const auto records, log_.read(from));
    if (records.empty()) return {};
    for (const Record& record : records) {
      from = record.offset + 1;
      ++looked_at;
      const auto hub = bounded.find(record.hub);
      if (hub == bounded.end()) continue;
      Counted& counted = counted_[record.hub];
      if (record.offset >= counted.walked_to) add(counted, *hub->second, record);
    }
    for (const auto& [name, hub] : bounded)
      counted_[name].walked_to = std::max(counted_[name].walked_to, from);
  }
  return {};
}

Status Retention::apply() {
  const std::lock_guard lock(apply_mutex_);
  const std::vector<HubRetention> hubs = hubs_();
  const UnixMillis now_ms = clock_.now_ms();
  PAVISE_TRY(count(hubs));
  std::map<UnixMillis, Offset> by_time;  // hubs with the same hours share a search
  const auto first_since = [&](UnixMillis since_ms) -> Result<Offset> {
    const auto known = by_time.find(since_ms);
    if (known != by_time.end()) return known->second;
    PAVISE_TRY_ASSIGN(by_time[since_ms], find_time(log_, 0, since_ms));
    return by_time[since_ms];
  };
  std::map<std::string, Offset> floors;
  Offset all_below = hubs.empty() ? 0 : log_.durable_end();
  for (const HubRetention& hub : hubs) {
    PAVISE_TRY_ASSIGN(Offset wanted, first_since(now_ms - hub.age_ms));
    if (hub.bytes_max != 0)
      wanted = std::max(wanted, floor_by_size(counted_[hub.hub], hub.bytes_max));
    all_below = std::min(all_below, wanted);
    PAVISE_TRY_ASSIGN(const Offset own, first_since(std::max(now_ms - hub.age_ms, hub.created_ms)));
    floors[hub.hub] = std::max(wanted, own);
  }
  {
    const std::lock_guard floors_lock(floors_mutex_);
    floors_ = std::move(floors);
  }
  return log_.drop_before(all_below);
}

Offset Retention::floor(const std::string& hub) const {
  const std::lock_guard lock(floors_mutex_);
  const auto found = floors_.find(hub);
  return std::max(found == floors_.end() ? 0 : found->second, log_.first_offset());
}

}  // namespace pavise::hub
