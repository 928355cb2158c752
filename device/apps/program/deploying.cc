#include "device/apps/program/deploying.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace pavise::device {

RunningApp* Deploying::find(const manifest::ComponentId& app) const {
  const auto& apps = around_.house.apps();
  const auto found = std::ranges::find(
      apps, app, [](const auto& one) { return one->app().manifest().component_id; });
  return found == apps.end() ? nullptr : found->get();
}

std::vector<manifest::Manifest> Deploying::manifests() const {
  std::vector<manifest::Manifest> out;
  for (const auto& app : around_.house.apps()) out.push_back(app->app().manifest());
  return out;
}

// An app that has no folder has its user all the same.
uid_t Deploying::user_of(const manifest::ComponentId& app) const {
  AppUsers users = around_.storage.owners();
  for (const auto& one : around_.house.apps())
    users.insert_or_assign(one->app().manifest().component_id, one->user());
  return assign_users(std::array{app}, users).at(app);
}

// An app that may have its update wait has some time to say so. It may also end, or change its
// mind.
Status Deploying::hear_out(RunningApp& app, const std::string& version) {
  const Clock& clock = around_.clock;
  const auto left_ms = [&] {
    const std::int64_t now = clock.steady_ms();
    return Requests::update_due_ms(app, now) - now;
  };
  const bool is_news = Requests::announce_update(app, version, clock.steady_ms());
  const std::int64_t due_ms = Requests::update_due_ms(app, clock.steady_ms());
  const std::int64_t heard_ms = std::min(due_ms, clock.steady_ms() + kUpdateNoticeMs);
  while (is_news && clock.steady_ms() < heard_ms &&
         Requests::update_due_ms(app, clock.steady_ms()) == due_ms)
    if (!around_.turn(heard_ms - clock.steady_ms())) return kGoesDown;
  if (const std::int64_t left = left_ms(); left > 0)
    return Error(kUpdateWaits, app.name() + ": " + std::to_string((left + 999) / 1000) + " s");
  Requests::update_done(app);
  return {};
}

// Its manifest says how long it may take, at most kUpdateStopMs; then it is killed, which takes
// effect at once but for what hangs in the kernel.
House::MovedOut Deploying::end(RunningApp& app) {
  const std::int64_t end_ms = around_.clock.steady_ms() + kUpdateStopMs;
  around_.house.stop(app);
  bool waits = true;
  while (waits && app.running() && around_.clock.steady_ms() < end_ms)
    waits = around_.turn(end_ms - around_.clock.steady_ms());
  app.kill();
  while (waits && app.running() && around_.clock.steady_ms() < end_ms + kKillMs)
    waits = around_.turn(end_ms + kKillMs - around_.clock.steady_ms());
  return around_.house.move_out(app);
}

Result<apps_ipc::Installed> Deploying::install(std::uint64_t size, const Digest256& sha256) {
  PAVISE_TRY_ASSIGN(const std::string path, around_.store.received(size, sha256));
  InstallRules rules = around_.rules;
  PAVISE_TRY_ASSIGN(rules.floors, around_.store.floors());
  for (const auto& one : around_.house.apps()) {
    std::uint32_t& floor = rules.floors[one->app().manifest().component_id];
    floor = std::max(floor, one->app().header().security_epoch);
  }
  PAVISE_TRY_ASSIGN(InstalledApp app, judge_deployed(path, rules, manifests()));

  const manifest::ComponentId component = app.manifest().component_id;
  const std::uint32_t epoch = app.header().security_epoch;
  apps_ipc::Installed out{.name = app.manifest().name, .version = app.manifest().version.text()};
  const uid_t user = user_of(component);
  std::optional<House::MovedOut> before;
  bool wanted = true;
  RunningApp* const old = find(component);
  if (old != nullptr) PAVISE_TRY(hear_out(*old, out.version));
  PAVISE_TRY(around_.measure(app));
  if (old != nullptr) {
    out.replaced = old->app().manifest().version.text();
    wanted = old->life().state() != LifeState::stopped || around_.house.starts_later(old->name());
    old->tell("ends for version " + out.version);
    before = end(*old);
  }
  const auto moved = around_.house.move_in(std::move(app), user);
  Status kept = moved ? around_.store.keep(component, epoch) : Status(moved.error());
  if (!kept) {
    if (moved) (void)around_.house.move_out(**moved);
    if (before) bring_back(*std::move(before), wanted);
    return kept.error();
  }
  RunningApp& running = **moved;
  if (before) running.continue_log(std::move(before->log));
  running.tell(out.replaced.empty() ? "installed, version " + out.version
                                    : "updated from version " + out.replaced);
  around_.house.start(running);
  out.state = state_on_wire(running.life().state());
  return out;
}

void Deploying::bring_back(House::MovedOut before, bool wanted) {
  const std::string name = before.app.manifest().name;
  const uid_t user = user_of(before.app.manifest().component_id);
  const auto moved = around_.house.move_in(std::move(before.app), user);
  if (!moved) {
    around_.tell("event " + name + ": not installed: " + moved.error().message());
    return;
  }
  (*moved)->continue_log(std::move(before.log));
  if (wanted) around_.house.start(**moved);
}

Result<apps_ipc::AppSource> Deploying::remove(std::string_view name) {
  RunningApp* const app = around_.house.find(name);
  if (app == nullptr) return Error(apps_ipc::kUnknownApp, std::string(name));
  const manifest::ComponentId component = app->app().manifest().component_id;
  if (!app->app().deployed) return kPartOfImage;
  PAVISE_TRY(around_.store.raise_floor(component, app->app().header().security_epoch));
  PAVISE_TRY(around_.store.erase(component));
  app->tell("is removed");
  (void)end(*app);
  PAVISE_TRY(around_.storage.erase(component));
  return bring_image_version(component) ? apps_ipc::AppSource::image
                                        : apps_ipc::AppSource::deployed;
}

Result<std::optional<InstalledApp>> Deploying::version_of_image(const manifest::ComponentId& app) {
  InstallRules rules = around_.rules;
  PAVISE_TRY_ASSIGN(rules.floors, around_.store.floors());
  return find_in_image(around_.image_folder, app, rules, manifests());
}

bool Deploying::bring_image_version(const manifest::ComponentId& app) {
  auto found = version_of_image(app);
  Result<RunningApp*> moved = nullptr;
  if (!found)
    moved = found.error();
  else if (std::optional<InstalledApp>& image = *found; image)
    moved = around_.house.move_in(*std::move(image), user_of(app));
  if (!moved)
    around_.tell("event " + app.text() +
                 ": the image's version is not installed: " + moved.error().message());
  if (!moved || *moved == nullptr) return false;
  around_.house.start(**moved);
  return true;
}

}  // namespace pavise::device
