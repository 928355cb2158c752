#include "device/apps/housekeeping/house_control.h"

namespace pavise::device {
namespace {

Error no_store() {
  return {kStoreFailed, "the data partition is closed"};
}

}  // namespace

apps_ipc::AppList HouseControl::list() {
  apps_ipc::AppList out;
  for (const auto& app : house_.apps()) {
    const manifest::Manifest& manifest = app->app().manifest();
    const AppPolicy& policy = app->policy();
    out.push_back(
        {.name = manifest.name,
         .component_id = manifest.component_id,
         .version = manifest.version.text(),
         .state = state_on_wire(app->life().state()),
         .restarts = app->life().restarts(),
         .memory_bytes = app->memory_bytes(),
         .memory_limit_bytes = policy.budget.memory_bytes_max,
         .missed_health = app->life().missed_health(),
         .last_event = app->last_event(),
         .policy_digest = policy.digest,
         .source = app->app().deployed ? apps_ipc::AppSource::deployed : apps_ipc::AppSource::image,
         .content_digest = app->app().header().root_hash});
  }
  return out;
}

Result<apps_ipc::AppState> HouseControl::act(std::string_view name,
                                             void (House::*what)(RunningApp&)) {
  RunningApp* const app = house_.find(name);
  if (app == nullptr) return Error(apps_ipc::kUnknownApp, std::string(name));
  (house_.*what)(*app);
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
  RunningApp* const app = house_.find(name);
  if (app == nullptr) return Error(apps_ipc::kUnknownApp, std::string(name));
  apps_ipc::LogPage out{.oldest = app->log().oldest(), .newest = app->log().newest(), .lines = {}};
  for (AppLogLine& line : app->log().after(after))
    out.lines.push_back({.sequence = line.sequence,
                         .boot_ms = static_cast<std::uint64_t>(line.steady_ms),
                         .text = std::move(line.text)});
  return out;
}

Result<std::uint64_t> HouseControl::receive(const apps_ipc::Receive& part) {
  if (deploying_ == nullptr) return no_store();
  return deploying_->receive(part.size, part.offset, part.data);
}

Result<apps_ipc::Installed> HouseControl::install(const apps_ipc::Install& package) {
  if (deploying_ == nullptr) return no_store();
  return deploying_->install(package.size, package.sha256);
}

Result<apps_ipc::AppSource> HouseControl::remove(std::string_view name) {
  if (deploying_ == nullptr) return no_store();
  return deploying_->remove(name);
}

}  // namespace pavise::device
