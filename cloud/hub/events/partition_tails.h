// The newest record of every partition of every hub, in memory that the number of devices does not
// grow.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "cloud/hub/ports/service_port.h"
#include "cloud/hub/segment_log/record.h"

namespace pavise::hub {

// Records outlive their hub, and its name may be somebody else's by now: a hub is told from an
// earlier one of its name by its tenant and by when it was made.
struct PartitionKey {
  iothub::HubName hub;
  std::string tenant;  // empty: of nobody, so it has no records
  UnixMillis created_ms = 0;
  unsigned partition = 0;
  unsigned partition_count = 1;  // up to kPartitionsMax
};

// Not thread-safe.
class PartitionTails {
 public:
  struct Tail {
    Offset last_offset = 0;
    UnixMillis last_ms = 0;
  };

  // Records come in the order of their offsets.
  void add(const Record& record);
  // nullopt: no record that was added and is kept.
  std::optional<Tail> find(const PartitionKey& key) const;
  // Records below this offset are no longer kept.
  void forget_before(Offset first_kept);
  std::size_t hub_count() const { return hubs_.size(); }

 private:
  // How many partitions a hub has is not known here, so every count has its row of tails.
  static constexpr std::size_t kTailsOfHub = std::size_t{kPartitionsMax} * (kPartitionsMax + 1) / 2;
  static std::size_t row_of(unsigned count) { return std::size_t{count} * (count - 1) / 2; }
  struct HubTails {
    Offset newest = 0;
    std::array<std::optional<Tail>, kTailsOfHub> tails;
  };
  using HubOfTenant = std::pair<std::string, std::string>;  // tenant, hub

  std::map<HubOfTenant, HubTails> hubs_;
  Offset first_kept_ = 0;
};

}  // namespace pavise::hub
