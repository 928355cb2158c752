#include "cloud/hub/events/partition_tails.h"

#include "cloud/hub/events/partition.h"

namespace pavise::hub {

void PartitionTails::add(const Record& record) {
  HubTails& hub = hubs_[{record.tenant, record.hub}];
  hub.newest = record.offset;
  const std::uint64_t hash = partition_hash(record.device);
  for (unsigned count = 1; count <= kPartitionsMax; ++count)
    hub.tails[row_of(count) + hash % count] = Tail{record.offset, record.time_ms};
}

std::optional<PartitionTails::Tail> PartitionTails::find(const PartitionKey& key) const {
  PAVISE_CHECK(key.partition < key.partition_count && key.partition_count <= kPartitionsMax);
  const auto hub = hubs_.find({key.tenant, key.hub.text()});
  if (hub == hubs_.end()) return std::nullopt;
  const auto& tail = hub->second.tails[row_of(key.partition_count) + key.partition];
  if (!tail || tail->last_offset < first_kept_) return std::nullopt;
  if (tail->last_ms < key.created_ms) return std::nullopt;  // of an earlier hub
  return tail;
}

void PartitionTails::forget_before(Offset first_kept) {
  if (first_kept == first_kept_) return;
  first_kept_ = first_kept;
  std::erase_if(hubs_, [&](const auto& entry) { return entry.second.newest < first_kept; });
}

}  // namespace pavise::hub
