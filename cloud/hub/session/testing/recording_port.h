// A SessionPort that records what a session asks for.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cloud/hub/session/session.h"

namespace pavise::hub::testing {

class RecordingPort final : public SessionPort {
 public:
  struct Appended {
    UnixMillis time_ms;
    std::string tenant, device, properties, payload;
  };

  Result<std::uint64_t> append(const RecordView& record) override {
    if (refuse_with) return *refuse_with;
    records.push_back({record.time_ms, std::string(record.tenant), std::string(record.device),
                       std::string(record.properties), std::string(as_text(record.payload))});
    return std::uint64_t{records.size() - 1};
  }
  void ask_twin(TwinCommand command, std::uint32_t token) override {
    twins.emplace_back(std::move(command), token);
  }
  void announce(const DeviceId&) override { ++announced; }
  std::optional<SubscriptionSet> load_subscriptions(const DeviceId& device) override {
    const auto found = stored.find(device);
    if (found == stored.end()) return std::nullopt;
    return found->second;
  }
  void store_subscriptions(const DeviceId& device,
                           std::optional<SubscriptionSet> subscriptions) override {
    if (subscriptions) {
      stored[device] = *subscriptions;
    } else {
      stored.erase(device);
    }
  }

  std::optional<Error> refuse_with;
  std::vector<Appended> records;
  std::vector<std::pair<TwinCommand, std::uint32_t>> twins;
  std::map<DeviceId, SubscriptionSet> stored;
  int announced = 0;
};

}  // namespace pavise::hub::testing
