// What the agent may ask of a house.
#pragma once

#include "device/apps/control/control.h"
#include "device/apps/house/house.h"

namespace pavise::device {

// Not thread-safe; `house` outlives it.
class HouseControl final : public AppsControl {
 public:
  explicit HouseControl(House& house) : house_(house) {}

  apps_ipc::AppList list() override;
  Result<apps_ipc::AppState> start(std::string_view name) override;
  Result<apps_ipc::AppState> stop(std::string_view name) override;
  Result<apps_ipc::AppState> restart(std::string_view name) override;
  Result<apps_ipc::LogPage> logs(std::string_view name, std::uint64_t after) override;

 private:
  Result<apps_ipc::AppState> act(std::string_view name, void (House::*what)(RunningApp&));

  House& house_;
};

}  // namespace pavise::device
