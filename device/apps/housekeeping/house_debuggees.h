// The apps of a house as those who may be debugged.
#pragma once

#include "device/apps/debugging/debugging.h"
#include "device/apps/house/house.h"

namespace pavise::device {

// Not thread-safe; `house` outlives it.
class HouseDebuggees final : public Debuggees {
 public:
  explicit HouseDebuggees(House& house) : house_(house) {}

  Result<manifest::ComponentId> component_of(std::string_view name) override;
  Result<std::string> name_of(const manifest::ComponentId& component) override;
  Status debug(std::string_view name, UniqueFd console, UnixSeconds until) override;
  void let_go(std::string_view name) override;

 private:
  House& house_;
};

}  // namespace pavise::device
