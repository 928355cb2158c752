// What apps ask of their launcher, and what it does about it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "device/apps/words/allowance.h"
#include "device/apps/words/connections.h"
#include "device/apps/words/grants.h"
#include "device/apps/words/update_wait.h"
#include "device/apps/words/word_channel.h"
#include "protocol/app_wire/app_wire.h"

namespace pavise::device {

// An app may restart the device, or switch it off, when it has run so long: its owner has that time
// to remove an app that does so at each start.
inline constexpr std::int64_t kPowerAfterMs = 5LL * 60 * 1000;
// Connections that one app may ask for at once, and then one each so often.
inline constexpr std::int64_t kConnectsAtOnce = 16;
inline constexpr std::int64_t kConnectEveryMs = 10'000;
// Likewise events that one app causes by what it asks.
inline constexpr std::int64_t kToldAtOnce = 8;
inline constexpr std::int64_t kToldEveryMs = 10'000;

// Likewise how often one app may set the clock, or the power profile.
inline constexpr std::int64_t kTimesAtOnce = 4;
inline constexpr std::int64_t kTimeEveryMs = 60'000;
inline constexpr std::int64_t kProfilesAtOnce = 8;
inline constexpr std::int64_t kProfileEveryMs = 10'000;

// What is kept for an app between its requests.
struct RequestState {
  Allowance connects{kConnectsAtOnce, kConnectEveryMs};
  Allowance told{kToldAtOnce, kToldEveryMs};
  Allowance times{kTimesAtOnce, kTimeEveryMs};
  Allowance profiles{kProfilesAtOnce, kProfileEveryMs};
  std::optional<UpdateWait> update;  // one waits
};

// An app, as far as this room goes.
class Asker {
 public:
  virtual ~Asker() = default;
  virtual const std::string& name() const = 0;
  virtual const manifest::ComponentId& component() const = 0;
  virtual const AppGrants& grants() const = 0;
  virtual bool running() const = 0;
  virtual WordChannel& words() = 0;
  virtual RequestState& requests() = 0;
  virtual void tell(const std::string& what) = 0;
};

// The device's clock, as far as apps may set it. No call waits.
class Timekeeper {
 public:
  virtual ~Timekeeper() = default;
  virtual UnixMillis clock_ms() const = 0;
  // done: it is about to be set; too_soon, and how long to wait; implausible; failed.
  struct Answer {
    app_wire::Outcome outcome = app_wire::Outcome::failed;
    std::uint32_t wait_ms = 0;
  };
  virtual Answer set(UnixMillis to_ms) = 0;
};

// Not thread-safe. No call waits.
class Requests {
 public:
  struct Surroundings {
    std::function<Asker*(std::string_view name)> find;  // null: the device has none
    std::function<bool(const manifest::ComponentId& component)> installed;
    // Has all of the device end in order; returns at once.
    std::function<Status(app_wire::PowerAction action)> power;
    // Of all processors: done, absent, failed.
    std::function<app_wire::Outcome(app_wire::PowerAction profile)> set_profile;
    Timekeeper& time;
  };
  explicit Requests(Surroundings around) : around_(std::move(around)) {}

  // Does what the app asks, or refuses it, and answers. `now_ms`: since the device was started.
  void take(Asker& app, const app_wire::FromApp& request, std::int64_t now_ms);
  // The app has ended.
  void ended(Asker& app);

  // An update of the app is there: says so to it, if its manifest has it hear of that. If the app
  // may defer it, it has from the first time on kUpdateNoticeMs to do so; another update that comes
  // meanwhile waits no longer than the one before.
  // True: it was told now and may say something.
  static bool announce_update(Asker& app, std::string_view version, std::int64_t now_ms);
  // When it is to be put in place; a time that has passed: at once.
  static std::int64_t update_due_ms(Asker& app, std::int64_t now_ms);
  static void update_done(Asker& app) { app.requests().update.reset(); }

  // Tells the app that it has `ms` to end, if its manifest has it hear of that.
  static void announce_end(Asker& app, app_wire::Cause cause, std::int64_t ms);
  // Why the device goes down, if it does.
  app_wire::Cause cause_of_end() const { return cause_; }

 private:
  using Answer = app_wire::Answer;

  Answer connect(Asker& app, const app_wire::Connect& request, std::int64_t now_ms);
  app_wire::Outcome judge(Asker& app, Asker* peer, std::int64_t now_ms);
  Answer power(Asker& app, const app_wire::Power& request, std::int64_t now_ms);
  Answer profile(Asker& app, const app_wire::Power& request, std::int64_t now_ms);
  Answer set_time(Asker& app, const app_wire::SetTime& request, std::int64_t now_ms);
  static Answer defer(Asker& app, const app_wire::Defer& request, std::int64_t now_ms);
  static void tell(Asker& app, const std::string& what, std::int64_t now_ms);

  Surroundings around_;
  Connections connections_;
  app_wire::Cause cause_ = app_wire::Cause::device_goes_off;
  bool goes_down_ = false;
};

}  // namespace pavise::device
