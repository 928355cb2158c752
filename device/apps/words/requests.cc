#include "device/apps/words/requests.h"

#include <algorithm>
#include <array>

#include "common/base/time_text.h"

namespace pavise::device {
namespace {

using app_wire::Answer;
using app_wire::Cause;
using app_wire::Outcome;
using app_wire::PowerAction;

bool lists(const AppGrants& grants, const manifest::ComponentId& component) {
  return std::ranges::find(grants.peers, component) != grants.peers.end();
}

std::uint32_t remaining(std::int64_t until_ms, std::int64_t now_ms) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(until_ms - now_ms, 0, UINT32_MAX));
}

std::string seconds(std::int64_t ms) {
  return std::to_string((ms + 999) / 1000) + " s";
}

std::string_view words_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::not_granted:
      return "its manifest does not list that app";
    case Outcome::absent:
      return "the device has no such app";
    case Outcome::one_sided:
      return "that app's manifest does not list this one";
    case Outcome::too_many:
      return "it has as many connections as it may have";
    case Outcome::failed:
      return "the device could not make one";
    default:
      return "";  // is no event
  }
}

std::string_view name_of(PowerAction profile) {
  switch (profile) {
    case PowerAction::high_performance:
      return "high performance";
    case PowerAction::balanced:
      return "balanced";
    default:
      return "saving power";
  }
}

// False: it did not get it, and nobody has its end any more.
bool hand_over(Asker& app, std::uint32_t id, const std::string& peer, Connections::End end) {
  return app.words().send(app_wire::encode(app_wire::Connection{id, peer}),
                          std::array{end.read.get(), end.write.get()});
}

}  // namespace

void Requests::tell(Asker& app, const std::string& what, std::int64_t now_ms) {
  if (app.requests().told.take(now_ms)) app.tell(what);
}

void Requests::take(Asker& app, const app_wire::FromApp& request, std::int64_t now_ms) {
  Answer answer;
  if (const auto* wanted = std::get_if<app_wire::Connect>(&request)) {
    answer = connect(app, *wanted, now_ms);
    if (answer.outcome == Outcome::done) return;  // it came with the connection
  } else if (const auto* action = std::get_if<app_wire::Power>(&request)) {
    answer = app_wire::is_profile(action->action) ? profile(app, *action, now_ms)
                                                  : power(app, *action, now_ms);
  } else if (const auto* time = std::get_if<app_wire::SetTime>(&request)) {
    answer = set_time(app, *time, now_ms);
  } else if (const auto* wait = std::get_if<app_wire::Defer>(&request)) {
    answer = defer(app, *wait, now_ms);
  } else if (const auto* other = std::get_if<app_wire::Unknown>(&request)) {
    answer = {other->id, Outcome::unknown, 0};
  } else {
    return;
  }
  (void)app.words().send(app_wire::encode(answer));
}

// What an app may not know is the same answer, whether the device has such an app or not: only who
// lists an app that is missing hears that one is.
Outcome Requests::judge(Asker& app, Asker* peer, std::int64_t now_ms) {
  const AppGrants& grants = app.grants();
  if (peer == nullptr)
    return std::ranges::all_of(grants.peers, around_.installed) ? Outcome::not_granted
                                                                : Outcome::absent;
  if (!lists(grants, peer->component())) return Outcome::not_granted;
  if (!lists(peer->grants(), app.component())) return Outcome::one_sided;
  if (!peer->running()) return Outcome::not_running;
  if (!connections_.has_room(app.name(), peer->name())) return Outcome::too_many;
  return app.requests().connects.take(now_ms) ? Outcome::done : Outcome::too_soon;
}

Answer Requests::connect(Asker& app, const app_wire::Connect& request, std::int64_t now_ms) {
  Asker* const peer = around_.find(request.peer);
  Answer answer{request.id, judge(app, peer, now_ms), 0};
  if (answer.outcome == Outcome::too_soon)
    answer.value = remaining(app.requests().connects.next_ms(), now_ms);
  if (answer.outcome == Outcome::done) {
    auto made = connections_.make(app.name(), peer->name());
    if (!made) {
      answer.outcome = Outcome::failed;
    } else if (!hand_over(*peer, 0, app.name(), std::move(made->asked))) {
      answer.outcome = Outcome::too_many;  // it does not take those that it has
    } else {
      (void)hand_over(app, request.id, peer->name(), std::move(made->asking));
    }
  }
  if (const std::string_view why = words_of(answer.outcome); !why.empty())
    tell(app, "refused: to connect to " + request.peer + ": " + std::string(why), now_ms);
  return answer;
}

Answer Requests::power(Asker& app, const app_wire::Power& request, std::int64_t now_ms) {
  const bool restart = request.action == PowerAction::restart;
  const std::string what = restart ? "to restart the device" : "to switch the device off";
  if (!(restart ? app.grants().restart : app.grants().power_off)) {
    tell(app, "refused: " + what + ": its manifest does not say so", now_ms);
    return {request.id, Outcome::not_granted, 0};
  }
  if (now_ms < kPowerAfterMs) {
    tell(app, "refused: " + what + " already: once more in " + seconds(kPowerAfterMs - now_ms),
         now_ms);
    return {request.id, Outcome::too_soon, remaining(kPowerAfterMs, now_ms)};
  }
  if (goes_down_) return {request.id, Outcome::done, 0};
  if (const Status asked = around_.power(request.action); !asked) {
    tell(app, "refused: " + what + ": " + asked.error().message(), now_ms);
    return {request.id, Outcome::failed, 0};
  }
  goes_down_ = true;
  cause_ = restart ? Cause::device_restarts : Cause::device_goes_off;
  app.tell("asked " + what);
  return {request.id, Outcome::done, 0};
}

Answer Requests::profile(Asker& app, const app_wire::Power& request, std::int64_t now_ms) {
  const std::string what = "the power profile " + std::string(name_of(request.action));
  if (!app.grants().power_profile) {
    tell(app, "refused: " + what + ": its manifest does not say so", now_ms);
    return {request.id, Outcome::not_granted, 0};
  }
  Allowance& allowed = app.requests().profiles;
  if (!allowed.take(now_ms))
    return {request.id, Outcome::too_soon, remaining(allowed.next_ms(), now_ms)};
  const Outcome outcome = around_.set_profile(request.action);
  if (outcome == Outcome::done)
    tell(app, "set " + what, now_ms);
  else if (outcome == Outcome::failed)
    tell(app, "refused: " + what + ": some processor does not take it", now_ms);
  return {request.id, outcome, 0};
}

// Each time that the clock is set is an event, with both times.
Answer Requests::set_time(Asker& app, const app_wire::SetTime& request, std::int64_t now_ms) {
  const auto to_ms = static_cast<UnixMillis>(request.unix_ms);
  const std::string what = "to set the clock to " + utc_text(to_ms);
  if (!app.grants().system_time) {
    tell(app, "refused: " + what + ": its manifest does not say so", now_ms);
    return {request.id, Outcome::not_granted, 0};
  }
  Allowance& allowed = app.requests().times;
  if (!allowed.take(now_ms))
    return {request.id, Outcome::too_soon, remaining(allowed.next_ms(), now_ms)};
  const UnixMillis before_ms = around_.time.clock_ms();
  const Timekeeper::Answer answer = around_.time.set(to_ms);
  if (answer.outcome == Outcome::done)
    app.tell("set the clock from " + utc_text(before_ms) + " to " + utc_text(to_ms));
  else if (answer.outcome == Outcome::implausible)
    tell(app, "refused: " + what + ": by what the device knows it is not that time", now_ms);
  else if (answer.outcome == Outcome::failed)
    tell(app, "refused: " + what + ": init does not listen", now_ms);
  return {request.id, answer.outcome, answer.wait_ms};
}

Answer Requests::defer(Asker& app, const app_wire::Defer& request, std::int64_t now_ms) {
  if (!app.grants().update_deferral) {
    tell(app, "refused: to have its update wait: its manifest does not say so", now_ms);
    return {request.id, Outcome::not_granted, 0};
  }
  auto& update = app.requests().update;
  if (!update) return {request.id, Outcome::nothing_waits, 0};
  update->defer(request.ms, now_ms);
  const std::uint32_t left = remaining(update->due_ms(), now_ms);
  if (left > 0) tell(app, "has its update wait for " + seconds(left), now_ms);
  return {request.id, Outcome::done, left};
}

void Requests::ended(Asker& app) {
  connections_.ended(app.name());
  if (auto& update = app.requests().update; update) update->defer(0, 0);
}

bool Requests::announce_update(Asker& app, std::string_view version, std::int64_t now_ms) {
  const AppGrants& grants = app.grants();
  if (!app.running() || (!grants.system_events && !grants.update_deferral)) return false;
  auto& update = app.requests().update;
  // Nobody came back for that one: this is another.
  if (update && now_ms >= update->last_ms() + kUpdateDeferralMsMax) update.reset();
  const bool is_first = !update;
  const UpdateWait wait = update.value_or(UpdateWait(now_ms));
  app_wire::UpdateWaits news{version, 0, 0};
  if (grants.update_deferral) {
    news.ms = remaining(wait.due_ms(), now_ms);
    news.ms_max = remaining(wait.last_ms(), now_ms);
  }
  const bool heard = app.words().send(app_wire::encode(news));
  if (heard && grants.update_deferral) update = wait;
  return heard && grants.update_deferral && is_first;
}

std::int64_t Requests::update_due_ms(Asker& app, std::int64_t now_ms) {
  const auto& update = app.requests().update;
  return update && app.running() ? update->due_ms() : now_ms;
}

void Requests::announce_end(Asker& app, Cause cause, std::int64_t ms) {
  if (app.grants().system_events)
    (void)app.words().send(app_wire::encode(app_wire::GoingDown{cause, remaining(ms, 0)}));
}

}  // namespace pavise::device
