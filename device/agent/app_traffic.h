// What goes between apps and the hub: messages to the hub and their results, calls to apps and
// their answers. Channels come from the launcher of apps, one packet with one descriptor for each
// start of an app, and for each app that runs when the agent is started
// (docs/formats/app-channels.md, descriptor 5 of the agent).
#pragma once

#include <poll.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/unique_fd.h"
#include "device/agent/app_channels.h"
#include "device/agent/app_outbox.h"
#include "device/agent/methods.h"
#include "device/agent/ports.h"

namespace pavise::agent {

// The property that names the app. No app sets it, nor one that differs in case only.
inline constexpr std::string_view kAppProperty = "pavise-app";
// Channels at a time: as many as a device has apps (device/apps/installation).
inline constexpr std::size_t kAppChannelsMax = 32;
// The hub waits 30 s by default: an app that is silent is told apart from a device that is.
inline constexpr std::int64_t kAppMethodTimeoutMs = 25'000;
// New channels that are taken before apps have their turn.
inline constexpr std::size_t kIntroductionsPerTurn = 8;

struct AnsweredCall {
  std::string request_id;
  MethodAnswer answer;
};

// Not thread-safe, never blocks.
class AppTraffic {
 public:
  // `launcher`: over which channels come; none: there are no apps. `log` outlives it.
  AppTraffic(UniqueFd launcher, LogSink& log) : launcher_(std::move(launcher)), log_(log) {}

  // What to wait for until the next turn(), and when that is due at the latest (steady clock).
  std::vector<pollfd> polled() const;
  std::int64_t next_wake_ms() const;
  // Takes new channels and what apps sent; gives up calls that took too long.
  void turn(std::int64_t now_ms);

  // True for a method of an app: APP.NAME. Those that begin with "pavise." are the device's own.
  static bool is_for_app(std::string_view method);
  // Asks the app; its answer, or why there is none, comes from take_answers().
  void call(std::string_view method, std::string_view request_id, std::string_view payload,
            std::int64_t now_ms);
  // 404 kNoAppChannel or kUnknownMethod, 400 kBadMethodPayload, 429 kMethodsBusy, 502 kAppAnswer,
  // 503 kAppGone, 504 kAppSilent; else what the app answered.
  std::vector<AnsweredCall> take_answers() { return std::exchange(answers_, {}); }

  AppOutbox& outbox() { return outbox_; }
  void acknowledged(const AppMessageId& message);
  void hub_came();
  // Nobody waits for answers any more; messages wait for the next connection.
  void hub_left();

 private:
  struct Call {
    std::string request_id;
    AppChannelId channel;
    std::uint32_t id;
    std::int64_t until_ms;
  };
  bool take_introduction();  // false: there is none
  void introduce(std::string_view name, UniqueFd socket);
  void take(AppTelemetry& message);
  void take(const AppMethodAnswer& answer);
  void take(const AppChannelEnded& end);
  void take(const AppHeldBack& held);
  void refuse(std::string_view request_id, int status, const Error& error);
  void give_up_calls(AppChannelId channel);

  UniqueFd launcher_;
  LogSink& log_;
  AppChannels channels_;
  AppOutbox outbox_;
  std::vector<Call> calls_;
  std::vector<AnsweredCall> answers_;
};

// The launcher's socket, if `fd` is one: init makes it only on devices that have apps.
UniqueFd inherited_app_introductions(int fd);

}  // namespace pavise::agent
