// What the agent may ask of a house.
#pragma once

#include "device/apps/control/control.h"
#include "device/apps/debugging/debugging.h"
#include "device/apps/house/house.h"
#include "device/apps/housekeeping/deploying.h"
#include "device/apps/machine/known_time.h"

namespace pavise::device {

// Not thread-safe: all and what deploys outlive it.
class HouseControl final : public AppsControl {
 public:
  HouseControl(House& house, Debugging& debugging, KnownTime& time)
      : house_(house), debugging_(debugging), time_(time) {}
  // Until then, and without a data partition, nothing is deployed.
  void set_deploying(Deploying* deploying) { deploying_ = deploying; }

  apps_ipc::AppList list() override;
  Result<apps_ipc::AppState> start(std::string_view name) override;
  Result<apps_ipc::AppState> stop(std::string_view name) override;
  Result<apps_ipc::AppState> restart(std::string_view name) override;
  Result<apps_ipc::LogPage> logs(std::string_view name, std::uint64_t after) override;
  Result<std::uint64_t> receive(const apps_ipc::Receive& part) override;
  Result<apps_ipc::Installed> install(const apps_ipc::Install& package) override;
  Result<apps_ipc::AppSource> remove(std::string_view name) override;
  Result<apps_ipc::GrantTaken> take_grant(ByteView grant) override {
    return debugging_.take_grant(grant);
  }
  Result<apps_ipc::DebugBegun> debug(std::string_view name) override {
    return debugging_.begin(name);
  }
  Result<apps_ipc::Exchanged> exchange(const apps_ipc::Exchange& request) override {
    return debugging_.exchange(request);
  }
  apps_ipc::TimeHeard hear_time(const apps_ipc::TellTime& time) override {
    return {static_cast<std::uint64_t>(
        time_.hear(static_cast<UnixSeconds>(time.later_than_s), time.vouched))};
  }

 private:
  Result<apps_ipc::AppState> act(std::string_view name, void (House::*what)(RunningApp&));

  House& house_;
  Debugging& debugging_;
  KnownTime& time_;
  Deploying* deploying_ = nullptr;
};

}  // namespace pavise::device
