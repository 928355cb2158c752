// What a hub's audit keeps.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/clock.h"

namespace pavise::hub::store {

// Of a hub; the oldest go. Management acts have their own audit, which keeps all.
inline constexpr std::uint64_t kActsMax = 100'000;
// Of each text; the rest is cut off.
inline constexpr std::size_t kActTextMax = 512;

// Somebody changed the registry through the hub's own calls.
struct ActRecord {
  std::uint64_t number = 0;  // within its hub; given when it is noted
  UnixMillis at_ms = 0;
  std::string actor{};    // "policy registryReadWrite"
  std::string peer{};     // its address
  std::string action{};   // "device.create"
  std::string subject{};  // "thermo", "thermo/m1", a configuration, a job
  std::string detail{};   // what came of it
};

}  // namespace pavise::hub::store
