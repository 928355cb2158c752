// The counts of the last whole look at a hub's twins. Thread-safe; never blocks on anything else.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/iothub/identity.h"

namespace pavise::hub::configurations {

struct Counts {
  std::uint64_t targeted = 0;  // twins that match the target condition
  std::uint64_t applied = 0;   // of those, where at least one setting is in effect
  std::map<std::string, std::uint64_t, std::less<>> metrics{};  // rows of each query
};
using CountsOfHub = std::map<std::string, Counts, std::less<>>;  // by configuration

class Board {
 public:
  void put(const iothub::HubName& hub, CountsOfHub counts);
  void forget(const iothub::HubName& hub);
  // nullopt: it was not yet looked at.
  std::optional<Counts> counts(const iothub::HubName& hub, std::string_view configuration) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, CountsOfHub, std::less<>> hubs_;
};

}  // namespace pavise::hub::configurations
