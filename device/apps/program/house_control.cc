#include "device/apps/program/house_control.h"

namespace pavise::device {

apps_ipc::AppList HouseControl::list() {
  apps_ipc::AppList out;
  for (const auto& app : house_.apps()) {
    const manifest::Manifest& manifest = app->app().manifest();
    out.push_back({.name = app->name(),
                   .component_id = manifest.component_id,
                   .version = manifest.version.text(),
                   .state = state_on_wire(app->life().state()),
                   .restarts = app->life().restarts(),
                   .memory_bytes = app->running() ? app->memory_bytes() : 0,
                   .memory_limit_bytes = app->app().policy.budget.memory_bytes_max,
                   .missed_health = app->life().missed_health(),
                   .last_event = app->last_event(),
                   .policy_digest = app->app().policy.digest});
  }
  return out;
}

Result<apps_ipc::AppState> HouseControl::act(std::string_view name,
                                             Status (House::*wish)(const std::string&)) {
  RunningApp* const app = house_.find(std::string(name));
  if (app == nullptr) return apps_ipc::kUnknownApp;
  PAVISE_TRY((house_.*wish)(app->name()));
  return state_on_wire(app->life().state());
}

Result<apps_ipc::AppState> HouseControl::start(std::string_view name) {
  return act(name, &House::start);
}

Result<apps_ipc::AppState> HouseControl::stop(std::string_view name) {
  return act(name, &House::stop);
}

Result<apps_ipc::AppState> HouseControl::restart(std::string_view name) {
  return act(name, &House::restart);
}

Result<apps_ipc::LogPage> HouseControl::logs(std::string_view name, std::uint64_t after) {
  const RunningApp* const app = house_.find(std::string(name));
  if (app == nullptr) return apps_ipc::kUnknownApp;
  apps_ipc::LogPage out{.oldest = app->log().oldest(), .newest = app->log().newest(), .lines = {}};
  for (const AppLogLine& line : app->log().after(after))
    out.lines.push_back({.sequence = line.sequence,
                         .boot_ms = static_cast<std::uint64_t>(line.steady_ms),
                         .text = line.text});
  return out;
}

void serve_agent(const ipc::SeqpacketChannel& agent, AppsControl& control) {
  const auto packet = agent.receive(apps_ipc::kMessageBytesMax, 0);
  // Nothing there after all, or nobody: init sends another channel when it has one.
  if (!packet && !packet.error().is(ipc::kPacketTooLong)) return;
  (void)agent.send(answer(packet, control), 0).has_value();
}

}  // namespace pavise::device
