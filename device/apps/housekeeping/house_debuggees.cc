#include "device/apps/housekeeping/house_debuggees.h"

#include <algorithm>

namespace pavise::device {

Result<manifest::ComponentId> HouseDebuggees::component_of(std::string_view name) {
  const RunningApp* const app = house_.find(name);
  if (app == nullptr) return Error(apps_ipc::kUnknownApp, std::string(name));
  return app->app().manifest().component_id;
}

Result<std::string> HouseDebuggees::name_of(const manifest::ComponentId& component) {
  const auto& apps = house_.apps();
  const auto found = std::ranges::find_if(apps, [&component](const auto& app) {
    return app->app().manifest().component_id == component;
  });
  if (found == apps.end()) return Error(kAppNotHere, component.text());
  return (*found)->name();
}

Status HouseDebuggees::debug(std::string_view name, UniqueFd console, UnixSeconds until) {
  RunningApp* const app = house_.find(name);
  if (app == nullptr) return Error(apps_ipc::kUnknownApp, std::string(name));
  PAVISE_TRY(app->put_up_walls());
  if (!app->has_debugger()) return Error(kNoDebugger, std::string(name));
  PAVISE_TRY_ASSIGN(AppPolicy policy, make_debug_policy(app->app().manifest(), app->app().policy));
  app->tell("a development grant lets it be debugged until " + std::to_string(until) +
            " (Unix seconds)");
  app->debug_next(DebugRun{.policy = std::move(policy), .console = std::move(console)});
  house_.restart(*app);
  return {};
}

void HouseDebuggees::let_go(std::string_view name) {
  RunningApp* const app = house_.find(name);
  if (app == nullptr) return;
  app->debug_next(std::nullopt);
  // A person's stop holds.
  if (app->debugged() && app->life().wanted()) house_.restart(*app);
}

}  // namespace pavise::device
