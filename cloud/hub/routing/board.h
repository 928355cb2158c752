// How endpoints are at present. Thread-safe; never blocks on anything else.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace pavise::hub::routing {

// Counts are since the start of the process, or since the endpoint's settings were changed.
struct Health {
  std::string hub{};
  std::string endpoint{};
  bool healthy = true;           // the last delivery went well, or there was none
  std::optional<Error> error{};  // of the last one that did not
  UnixMillis error_ms = 0;
  std::uint64_t cursor = 0;  // may be ahead of what is in the store
  std::uint64_t delivered = 0;
  std::uint64_t dropped = 0;   // that it refused too often
  std::uint64_t failures = 0;  // deliveries that are tried again
  std::uint64_t gaps = 0;      // times that messages went before they were delivered
  std::map<std::string, std::uint64_t> delivered_by_route{};
};

class Board {
 public:
  void put(std::int64_t endpoint, Health health) {
    const std::lock_guard lock(mutex_);
    all_.insert_or_assign(endpoint, std::move(health));
  }
  void forget(std::int64_t endpoint) {
    const std::lock_guard lock(mutex_);
    all_.erase(endpoint);
  }
  // nullopt: nothing runs for it.
  std::optional<Health> health(std::int64_t endpoint) const {
    const std::lock_guard lock(mutex_);
    const auto found = all_.find(endpoint);
    if (found == all_.end()) return std::nullopt;
    return found->second;
  }
  std::vector<Health> all() const {
    std::vector<Health> out;
    const std::lock_guard lock(mutex_);
    out.reserve(all_.size());
    for (const auto& [number, health] : all_) out.push_back(health);
    return out;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::int64_t, Health> all_;
};

}  // namespace pavise::hub::routing
