// Who reads which partition for which consumer group, and who has to give way.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "cloud/hub/ports/service_port.h"

namespace pavise::hub {

// Readers without an epoch of one consumer group and partition, as Event Hubs limits them.
inline constexpr std::size_t kReadersPerPartitionMax = 5;

// Thread-safe. `Owner` names a connection.
template <class Owner>
class PartitionClaims {
 public:
  struct Reader {
    Owner owner;
    Token token = 0;
    bool operator==(const Reader&) const = default;
  };
  struct Outcome {
    PartitionGrant grant = PartitionGrant::epoch_reads;
    std::vector<Reader> displaced;  // have to hear of it
  };

  // With an epoch: granted unless a higher one reads; displaces everybody else. Without: granted
  // unless an epoch reads or there are kReadersPerPartitionMax.
  Outcome claim(const iothub::HubName& hub, const std::string& group, unsigned partition,
                std::optional<std::int64_t> epoch, Reader reader) {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[{hub.text(), group, partition}];
    Outcome out;
    if (epoch) {
      if (entry.epoch && *entry.epoch > *epoch) return {PartitionGrant::epoch_reads, {}};
      out.displaced = std::move(entry.readers);
      entry.readers.clear();
      entry.epoch = epoch;
    } else if (entry.epoch) {
      return {PartitionGrant::epoch_reads, {}};
    } else if (entry.readers.size() >= kReadersPerPartitionMax) {
      return {PartitionGrant::too_many_readers, {}};
    }
    out.grant = PartitionGrant::granted;
    entry.readers.push_back(std::move(reader));
    return out;
  }

  void release(const iothub::HubName& hub, const std::string& group, unsigned partition,
               const Reader& reader) {
    const std::lock_guard lock(mutex_);
    const auto at = entries_.find({hub.text(), group, partition});
    if (at == entries_.end()) return;
    std::erase(at->second.readers, reader);
    if (at->second.readers.empty()) entries_.erase(at);
  }

  void release_all(const Owner& owner) {
    const std::lock_guard lock(mutex_);
    for (auto at = entries_.begin(); at != entries_.end();) {
      std::erase_if(at->second.readers,
                    [&](const Reader& reader) { return reader.owner == owner; });
      at = at->second.readers.empty() ? entries_.erase(at) : std::next(at);
    }
  }

 private:
  struct Entry {
    std::optional<std::int64_t> epoch;
    std::vector<Reader> readers;
  };
  std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, unsigned>, Entry> entries_;
};

}  // namespace pavise::hub
