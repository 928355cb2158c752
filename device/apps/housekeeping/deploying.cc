#include "device/apps/housekeeping/deploying.h"

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

// False: the device goes down, and nobody waits any more.
bool Deploying::wait_until(std::int64_t steady_ms) {
  if (!goes_down_) goes_down_ = !around_.turn(steady_ms - around_.clock.steady_ms());
  return !goes_down_;
}

bool Deploying::wanted(const RunningApp& app) const {
  return app.life().state() != LifeState::stopped || around_.house.starts_later(app.name());
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
    if (!wait_until(heard_ms)) return kGoesDown;
  if (const std::int64_t left = left_ms(); left > 0)
    return Error(kUpdateWaits, app.name() + ": " + std::to_string((left + 999) / 1000) + " s");
  Requests::update_done(app);
  return {};
}

// Its manifest says how long it may take, at most kUpdateStopMs; then it is killed, which takes
// effect at once but for what hangs in the kernel: nobody waits for that.
Status Deploying::end(RunningApp& app) {
  const Clock& clock = around_.clock;
  const auto runs_until = [&](std::int64_t end_ms) {
    while (app.running() && clock.steady_ms() < end_ms && wait_until(end_ms)) {
    }
  };
  const std::int64_t end_ms = clock.steady_ms() + kUpdateStopMs;
  around_.house.stop(app);
  runs_until(end_ms);
  app.kill();
  runs_until(end_ms + kKillMs);
  // When the device goes down there is nothing else to do than to wait, and init does not.
  if (!app.running() || goes_down_) return {};
  return Error(kAppHangs, app.name());
}

Result<InstalledApp> Deploying::judge(const std::string& path) const {
  InstallRules rules = around_.rules;
  PAVISE_TRY_ASSIGN(rules.floors, around_.store.floors());
  for (const auto& one : around_.house.apps()) {
    std::uint32_t& floor = rules.floors[one->app().manifest().component_id];
    floor = std::max(floor, one->app().header().security_epoch);
  }
  return judge_deployed(path, rules, manifests());
}

Result<apps_ipc::Installed> Deploying::install(std::uint64_t size, const Digest256& sha256) {
  PAVISE_TRY_ASSIGN(const std::string path, around_.store.received(size, sha256));
  auto judged = judge(path);
  if (!judged) {
    around_.store.forget_received();
    return judged.error();
  }
  InstalledApp app = *std::move(judged);
  const manifest::ComponentId component = app.manifest().component_id;
  apps_ipc::Installed out{.name = app.manifest().name, .version = app.manifest().version.text()};
  RunningApp* const old = find(component);
  if (old != nullptr) PAVISE_TRY(hear_out(*old, out.version));
  PAVISE_TRY(around_.measure(app));

  const uid_t user = user_of(component);
  std::optional<House::MovedOut> before;
  bool starts = true;
  if (old != nullptr) {
    out.replaced = old->app().manifest().version.text();
    starts = wanted(*old);
    old->tell("ends for version " + out.version);
    if (const Status ended = end(*old); !ended) {
      if (starts && !goes_down_) around_.house.start(*old);
      return ended.error();
    }
    before = around_.house.move_out(*old);
  }
  const auto moved = put_in_place(std::move(app), user);
  if (!moved) {
    if (before) bring_back(*std::move(before), user, starts);
    return moved.error();
  }
  RunningApp& running = **moved;
  if (before) running.continue_log(std::move(before->log));
  running.tell(out.replaced.empty() ? "installed, version " + out.version
                                    : "updated from version " + out.replaced);
  around_.house.start(running);
  out.state = state_on_wire(running.life().state());
  return out;
}

// Behind its walls and on the disk, or neither. Nothing is begun while the device goes down.
Result<RunningApp*> Deploying::put_in_place(InstalledApp app, uid_t user) {
  if (goes_down_) return kGoesDown;
  const image::Header& header = app.header();
  const manifest::ComponentId component = header.component_id;
  const std::uint32_t epoch = header.security_epoch;
  PAVISE_TRY_ASSIGN(RunningApp* const moved,
                    around_.house.move_in_behind_walls(std::move(app), user));
  if (const Status kept = around_.store.keep(component, epoch); !kept) {
    (void)around_.house.move_out(*moved);
    return kept.error();
  }
  return moved;
}

void Deploying::bring_back(House::MovedOut before, uid_t user, bool wanted) {
  RunningApp& app = around_.house.move_in(std::move(before.app), user);
  app.continue_log(std::move(before.log));
  if (wanted && !goes_down_) around_.house.start(app);
}

Result<apps_ipc::AppSource> Deploying::remove(std::string_view name) {
  RunningApp* const app = around_.house.find(name);
  if (app == nullptr) return Error(apps_ipc::kUnknownApp, std::string(name));
  const manifest::ComponentId component = app->app().manifest().component_id;
  if (!app->app().deployed) return kPartOfImage;
  PAVISE_TRY(around_.store.raise_floor(component, app->app().header().security_epoch));
  PAVISE_TRY(around_.store.erase(component));
  app->tell("is removed");
  PAVISE_TRY(end(*app));
  (void)around_.house.move_out(*app);
  const Status erased = around_.storage.erase(component);
  const bool is_back = bring_image_version(component);
  if (!erased) return erased.error();
  return is_back ? apps_ipc::AppSource::image : apps_ipc::AppSource::deployed;
}

Result<std::optional<InstalledApp>> Deploying::version_of_image(const manifest::ComponentId& app) {
  InstallRules rules = around_.rules;
  PAVISE_TRY_ASSIGN(rules.floors, around_.store.floors());
  return find_in_image(around_.image_folder, app, rules, manifests());
}

bool Deploying::bring_image_version(const manifest::ComponentId& app) {
  auto found = version_of_image(app);
  if (!found)
    around_.tell("event " + app.text() +
                 ": the image's version is not installed: " + found.error().message());
  std::optional<InstalledApp> image = found ? *std::move(found) : std::nullopt;
  if (!image) return false;
  RunningApp& moved = around_.house.move_in(*std::move(image), user_of(app));
  if (!goes_down_) around_.house.start(moved);
  return true;
}

}  // namespace pavise::device
