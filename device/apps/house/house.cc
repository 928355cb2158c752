#include "device/apps/house/house.h"

#include <poll.h>

#include <algorithm>

namespace pavise::device {
namespace {

constexpr std::size_t kPolledPerApp = 3;

std::int64_t now_ms(const Clock& clock) {
  return clock.steady_ms();
}

}  // namespace

// Not one that was just given back: somebody else may still be at its address.
std::uint8_t House::free_number() {
  constexpr std::uint8_t kNumbers = 2 * kAppsMax;
  do last_number_ = static_cast<std::uint8_t>(last_number_ % kNumbers + 1);
  while (
      std::ranges::any_of(apps_, [&](const auto& app) { return app->number() == last_number_; }));
  return last_number_;
}

RunningApp& House::move_in(InstalledApp app, uid_t user) {
  PAVISE_CHECK(apps_.size() < kAppsMax);
  return *apps_.emplace_back(std::make_unique<RunningApp>(
      std::move(app), user, free_number(), around_.put_up, around_.clock, around_.tell));
}

Result<RunningApp*> House::move_in_behind_walls(InstalledApp app, uid_t user) {
  RunningApp& moved = move_in(std::move(app), user);
  if (const Status stand = moved.put_up_walls(); !stand) {
    (void)move_out(moved);
    return stand.error();
  }
  return &moved;
}

House::MovedOut House::move_out(RunningApp& app) {
  app.kill();
  requests_.ended(app);
  MovedOut out{app.take_app(), app.log()};
  std::erase_if(apps_, [&app](const auto& one) { return one.get() == &app; });
  return out;
}

void House::introduce_all() {
  for (const auto& app : apps_) app->introduce_to_agent(around_.introduce);
}

void House::stop_all(std::int64_t timeout_ms) {
  const std::int64_t end_ms = now_ms(around_.clock) + timeout_ms;
  end_cause_ = requests_.cause_of_end();
  end_ms_max_ = timeout_ms;
  for (const auto& app : apps_) stop(*app);
  while (any_running() && now_ms(around_.clock) < end_ms)
    (void)turn({}, end_ms - now_ms(around_.clock));
  for (const auto& app : apps_) app->kill();
}

bool House::any_running() const {
  return std::ranges::any_of(apps_, [](const auto& app) { return app->running(); });
}

bool House::has(const manifest::ComponentId& component) const {
  return std::ranges::any_of(apps_, [&](const auto& app) { return app->component() == component; });
}

RunningApp* House::find(std::string_view name) {
  const auto found = std::ranges::find(apps_, name, [](const auto& app) { return app->name(); });
  return found == apps_.end() ? nullptr : found->get();
}

void House::start_all_later() {
  for (const auto& app : apps_) to_start_.push_back(app->name());
}

bool House::start_next() {
  if (to_start_.empty()) return false;
  const std::string name = std::move(to_start_.front());
  to_start_.pop_front();
  if (RunningApp* const app = find(name)) start(*app);
  return true;
}

bool House::starts_later(std::string_view name) const {
  return std::ranges::find(to_start_, name) != to_start_.end();
}

void House::start(RunningApp& app) {
  act(app, app.life().want_running(now_ms(around_.clock)));
}

void House::stop(RunningApp& app) {
  std::erase(to_start_, app.name());
  act(app, app.life().want_stopped(now_ms(around_.clock)));
}

void House::restart(RunningApp& app) {
  act(app, app.life().want_restart(now_ms(around_.clock)));
}

void House::act(RunningApp& app, LifeAction action) {
  while (action != LifeAction::nothing) {
    switch (action) {
      case LifeAction::begin:
        action = begin(app);
        continue;
      case LifeAction::ask_to_end:
        Requests::announce_end(app, end_cause_,
                               std::min(app.app().policy.life.stop_timeout_ms, end_ms_max_));
        app.ask_to_end();
        break;
      case LifeAction::kill:
        app.kill();
        break;
      case LifeAction::nothing:
        break;
    }
    return;
  }
}

LifeAction House::begin(RunningApp& app) {
  app.take_up_next();
  Status started = around_.measure(app.app(), app.policy().digest);
  if (started) started = app.start(around_.introduce);
  if (started) {
    app.tell((app.debugged() ? "started to be debugged, version " : "started, version ") +
             app.app().manifest().version.text());
    const LifeAction next = app.life().started(now_ms(around_.clock));
    if (app.debugged()) app.life().is_debugged();
    return next;
  }
  app.take_up_next();  // not to be debugged any more
  app.tell("not started: " + started.error().message());
  return app.life().not_started(now_ms(around_.clock));
}

std::int64_t House::next_wake_ms() const {
  std::int64_t out = any_running() ? refused_at_ms_ : INT64_MAX;
  for (const auto& app : apps_) {
    if (const auto wake = app->life().wakes_at_ms()) out = std::min(out, *wake);
    out = std::min(out, app->words().heard_again_ms(now_ms(around_.clock)));
    if (rests(*app)) out = std::min(out, app->rests_until_ms());
  }
  return out;
}

void House::on_time() {
  const std::int64_t now = now_ms(around_.clock);
  for (const auto& app : apps_)
    if (const auto wake = app->life().wakes_at_ms(); wake && *wake <= now)
      act(*app, app->life().time_passed(now));
  if (refused_at_ms_ > now) return;
  refused_at_ms_ = now + kRefusedEveryMs;
  for (const auto& app : apps_) app->tell_refused();
}

bool House::rests(const RunningApp& app) const {
  return app.running() && now_ms(around_.clock) < app.rests_until_ms();
}

void House::look_after(RunningApp& app, short output, short end, short channel) {
  if (output != 0 || channel != 0) app.rest_until(now_ms(around_.clock) + kRestMs);
  if (output != 0 && app.running()) app.read_output();
  if (channel != 0 && app.running()) hear(app);
  if (end == 0 || !app.running()) return;
  const bool failed = app.take_end();
  requests_.ended(app);
  act(app, app.life().ended(failed, now_ms(around_.clock)));
}

void House::hear(RunningApp& app) {
  const std::int64_t now = now_ms(around_.clock);
  for (const app_wire::FromApp& word : app.words().read(now)) {
    if (std::holds_alternative<app_wire::Well>(word))
      app.life().is_well(now);
    else
      requests_.take(app, word, now);
  }
}

std::vector<int> House::turn(const std::vector<int>& others, std::int64_t timeout_ms) {
  std::vector<pollfd> polled;
  for (const auto& app : apps_) {
    const bool rests_now = rests(*app);
    polled.push_back({rests_now ? -1 : app->output(), POLLIN, 0});
    polled.push_back({app->end_descriptor(), POLLIN, 0});
    polled.push_back({rests_now ? -1 : app->words().polled(now_ms(around_.clock)), POLLIN, 0});
  }
  for (const int other : others) polled.push_back({other, POLLIN, 0});
  const std::int64_t wait_ms =
      std::max<std::int64_t>(std::min(next_wake_ms() - now_ms(around_.clock), timeout_ms), 0);
  std::vector<int> readable;
  if (::poll(polled.data(), polled.size(), static_cast<int>(wait_ms)) > 0) {
    for (std::size_t i = 0; i < apps_.size(); ++i) {
      const std::size_t at = i * kPolledPerApp;
      look_after(*apps_[i], polled[at].revents, polled[at + 1].revents, polled[at + 2].revents);
    }
    for (std::size_t i = apps_.size() * kPolledPerApp; i < polled.size(); ++i)
      if (polled[i].revents != 0) readable.push_back(polled[i].fd);
  }
  on_time();
  return readable;
}

}  // namespace pavise::device
