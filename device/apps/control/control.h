// What the agent may ask the launcher of apps (api/apps.cddl; codec: protocol/apps_ipc).
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "device/apps/lifecycle/app_life.h"
#include "protocol/apps_ipc/apps_ipc.h"

namespace pavise::device {

// The launcher's side. Each call begins its work and returns, except as said; names may be of no
// app (apps_ipc::kUnknownApp). A refusal has any other ErrorInfo: its code and words travel.
class AppsControl {
 public:
  virtual ~AppsControl() = default;
  virtual apps_ipc::AppList list() = 0;
  // The state right after.
  virtual Result<apps_ipc::AppState> start(std::string_view name) = 0;
  virtual Result<apps_ipc::AppState> stop(std::string_view name) = 0;
  virtual Result<apps_ipc::AppState> restart(std::string_view name) = 0;
  // Lines with numbers above `after`, oldest first; those beyond one answer are left out.
  virtual Result<apps_ipc::LogPage> logs(std::string_view name, std::uint64_t after) = 0;
  // How many bytes of the package there are now.
  virtual Result<std::uint64_t> receive(const apps_ipc::Receive& part) = 0;
  // This one is done when it returns; it may take seconds, and so may remove().
  virtual Result<apps_ipc::Installed> install(const apps_ipc::Install& package) = 0;
  // What there is of the app afterwards.
  virtual Result<apps_ipc::AppSource> remove(std::string_view name) = 0;
  // A development grant; debugging an app that one names (../debugging).
  virtual Result<apps_ipc::GrantTaken> take_grant(ByteView grant) = 0;
  virtual Result<apps_ipc::DebugBegun> debug(std::string_view name) = 0;
  virtual Result<apps_ipc::Exchanged> exchange(const apps_ipc::Exchange& request) = 0;
  // What the agent knows of the time; what is gone by afterwards.
  virtual apps_ipc::TimeHeard hear_time(const apps_ipc::TellTime& time) = 0;
};

// Serves one request and makes the response. Never fails: what cannot be read (kBadRequest) or done
// is a response with a code, a reason and a next step.
Bytes answer(const Result<Bytes>& packet, AppsControl& control);

apps_ipc::AppState state_on_wire(LifeState state);

}  // namespace pavise::device
