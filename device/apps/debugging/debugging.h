// Who may debug which app, and the sessions that there are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "device/apps/debugging/debug_stream.h"
#include "device/apps/debugging/grants.h"
#include "protocol/apps_ipc/apps_ipc.h"

namespace pavise::device {

inline constexpr ErrorInfo kNoGrant{
    "PV-DBG-003", Retry::never, "nobody granted that this app be debugged on this device now",
    "Make a grant with the owner's key and hand it over: pavise app debug --grant FILE."};
inline constexpr ErrorInfo kNoSession{
    "PV-DBG-004", Retry::never, "there is no debug session of this number",
    "It ended, or somebody began another one: pavise app debug DEVICE APP."};
inline constexpr ErrorInfo kAppNotHere{"PV-DBG-005", Retry::never,
                                       "the grant is for an app that this device does not have",
                                       "Put the app on the device first."};
inline constexpr ErrorInfo kNoDebugger{"PV-DBG-006", Retry::never,
                                       "the app's package has no debugger",
                                       "Build it with one: pavise app build --debug."};
inline constexpr ErrorInfo kStreamNotMade{"PV-DBG-007", Retry::later,
                                          "a debug session cannot be begun",
                                          "See the system's reason in the detail."};

// A session that nobody asks about ends after so long: its developer is gone.
inline constexpr std::int64_t kDebugIdleMs = 60'000;

// What sessions need of the apps. Names are those of manifests.
class Debuggees {
 public:
  virtual ~Debuggees() = default;
  // apps_ipc::kUnknownApp.
  virtual Result<manifest::ComponentId> component_of(std::string_view name) = 0;
  // kAppNotHere.
  virtual Result<std::string> name_of(const manifest::ComponentId& component) = 0;
  // Ends the app, if it runs, and starts it behind its debugger, which has `console` as its
  // standard input and output. Begins it and returns. kNoDebugger; what the app's policy refuses.
  virtual Status debug(std::string_view name, UniqueFd console, UnixSeconds until) = 0;
  // Ends that, and starts the app as ever. Nothing if it is not debugged.
  virtual void let_go(std::string_view name) = 0;
};

// Not thread-safe. What it is given outlives it.
class Debugging {
 public:
  // `number`: sessions are numbered from the next one on. Random, so that those of an earlier
  // launcher are nobody's.
  Debugging(Debuggees& apps, Grants grants, const Clock& clock, std::uint64_t number)
      : apps_(apps), grants_(std::move(grants)), clock_(clock), last_number_(number) {}

  // Errors of Grants::take(); kAppNotHere, though the grant holds from now on.
  Result<apps_ipc::GrantTaken> take_grant(ByteView grant);
  // An earlier session of this app is over. kUnknownApp, kNoGrant, kStreamNotMade, those of
  // Debuggees::debug().
  Result<apps_ipc::DebugBegun> begin(std::string_view name);
  // kNoSession, kOutOfStep.
  Result<apps_ipc::Exchanged> exchange(const apps_ipc::Exchange& request);

  // Ends sessions and grants whose time has come; call it when wait_ms() has passed, or earlier.
  void on_time();
  // Until on_time() may have something to do, at least 0; a large number: never.
  std::int64_t wait_ms();

 private:
  struct Session {
    std::string name;
    manifest::ComponentId component;
    std::uint64_t number;
    DebugStream stream;
    std::int64_t asked_ms;  // by the steady clock
  };
  bool has_ended(const Session& session);
  void end(std::string_view name);

  Debuggees& apps_;
  Grants grants_;
  const Clock& clock_;
  std::vector<Session> sessions_;
  std::uint64_t last_number_;
};

}  // namespace pavise::device
