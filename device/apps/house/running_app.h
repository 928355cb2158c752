// One installed app from the day that it moves in until it moves out: the walls are put up once,
// the program may come and go behind them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "device/apps/house/app_log.h"
#include "device/apps/house/held_back.h"
#include "device/apps/house/hub_channel.h"
#include "device/apps/house/walls.h"
#include "device/apps/house/word_budget.h"
#include "device/apps/installation/installation.h"
#include "device/apps/lifecycle/app_life.h"
#include "device/apps/words/requests.h"
#include "device/console/line_relay.h"

namespace pavise::device {

inline constexpr int kAppChannel = 3;  // to us: ../words
// To the device's agent, of apps with device_authentication (docs/formats/app-channels.md).
inline constexpr int kHubChannel = 4;

// What everybody may have to know of an app.
using Tell = std::function<void(const std::string& line)>;

// What stands before the app's program while somebody debugs it.
struct DebugRun {
  AppPolicy policy;  // of make_debug_policy()
  UniqueFd console;  // standard input and output of the debugger
};

// Not thread-safe.
class RunningApp final : public Asker {
 public:
  // No wall stands yet. `put_up`, `clock` and `tell` outlive it; `number` and `user`: as in
  // PutUpWalls.
  RunningApp(InstalledApp app, uid_t user, std::uint8_t number, const PutUpWalls& put_up,
             const Clock& clock, const Tell& tell);
  RunningApp(const RunningApp&) = delete;
  RunningApp& operator=(const RunningApp&) = delete;

  // Nothing if they stand. What PutUpWalls says.
  Status put_up_walls();
  // As its walls say, which stand.
  bool has_debugger() const { return walls_ != nullptr && walls_->has_debugger(); }
  // The next run is this one; nothing: an ordinary one.
  void debug_next(std::optional<DebugRun> run) { next_ = std::move(run); }
  // Makes what debug_next() said what start() starts. To be called before each start.
  void take_up_next();
  bool debugged() const { return debug_.has_value(); }
  // Of the run that is, or is being started; its digest has to be measured first.
  const AppPolicy& policy() const { return debug_ ? debug_->policy : app_.policy; }

  // Puts up the walls, if they do not stand yet. Blocks for some milliseconds. The errors of
  // PutUpWalls and Walls::start(), kNoWordChannel. An app whose channel cannot be given to the
  // agent runs all the same: the next agent gets it.
  Status start(const Introduce& introduce);
  // There is a new agent. Nothing if the app does not run, or has no channel to the hub.
  void introduce_to_agent(const Introduce& introduce);
  void ask_to_end();
  void kill();

  const InstalledApp& app() const { return app_; }
  // What it was, when nothing runs and it is about to go.
  InstalledApp take_app() { return std::move(app_); }
  const std::string& name() const override { return app_.manifest().name; }
  const manifest::ComponentId& component() const override { return app_.manifest().component_id; }
  const AppGrants& grants() const override { return app_.policy.grants; }
  AppLife& life() { return life_; }
  const AppLife& life() const { return life_; }
  const AppLog& log() const { return log_; }
  // Of its version before: its numbers go on. Before it is started.
  void continue_log(AppLog log) { log_ = std::move(log); }
  const std::string& last_event() const { return last_event_; }
  std::uint8_t number() const { return number_; }
  uid_t user() const { return user_; }
  // Errors of Walls::pin(); kGuardRefused: no wall stands.
  Status pin(const AddressBytes& address, int socket_type, std::uint16_t port,
             std::chrono::seconds lifetime);
  std::uint64_t memory_bytes() const { return walls_ ? walls_->memory_bytes() : 0; }
  bool running() const override { return program_ != nullptr; }
  WordChannel& words() override { return words_; }
  RequestState& requests() override { return requests_; }

  // To be polled; -1: nothing.
  int output() const { return program_ && output_open_ ? program_->output() : -1; }
  int end_descriptor() const { return program_ ? program_->end_descriptor() : -1; }

  // Until then neither output() nor channel() is polled.
  void rest_until(std::int64_t steady_ms) { rests_until_ms_ = steady_ms; }
  std::int64_t rests_until_ms() const { return rests_until_ms_; }
  bool read_output();  // false: nothing more for now
  // After end_descriptor() became readable: whether it failed. Tells how it ended.
  bool take_end();
  // What the walls refused since the last time, told.
  void tell_refused();
  // Becomes the last event, a line of the log, and one of the console.
  void tell(const std::string& what) override;
  // What a wall refused: told as long as WordBudget lets it, since the app may try without end.
  void tell_refusal(const std::string& what);

 private:
  std::string words_for(const Ending& ending, const BudgetEvents& before) const;

  InstalledApp app_;
  uid_t user_;
  std::uint8_t number_;
  const PutUpWalls& put_up_;
  std::unique_ptr<Walls> walls_;  // null: they do not stand yet
  bool told_full_ = false;        // since it was started
  const Clock& clock_;
  const Tell& tell_;
  std::optional<DebugRun> next_, debug_;
  AppLife life_;
  AppLog log_;
  LineRelay relay_;
  std::string last_event_;
  BudgetEvents events_;
  HeldBack held_back_;
  WordBudget refusals_;
  std::unique_ptr<Program> program_;
  std::int64_t rests_until_ms_ = 0;
  bool output_open_ = false;  // an app may close it and live on
  WordChannel words_;
  RequestState requests_;
  HubChannel hub_;
};

}  // namespace pavise::device
