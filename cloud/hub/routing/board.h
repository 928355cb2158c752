// How endpoints are at present. Thread-safe; never blocks on anything else.
#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace pavise::hub::routing {

struct Health {
  bool healthy = true;           // the last delivery went well, or there was none
  std::optional<Error> error{};  // of the last one that did not
  UnixMillis error_ms = 0;
  std::uint64_t cursor = 0;  // may be ahead of what is in the store
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

 private:
  mutable std::mutex mutex_;
  std::map<std::int64_t, Health> all_;
};

}  // namespace pavise::hub::routing
