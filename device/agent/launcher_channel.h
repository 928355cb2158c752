// The launcher of apps over the socket that init made (api/apps.cddl).
#pragma once

#include <optional>
#include <utility>

#include "common/ipc/seqpacket.h"
#include "device/agent/ports.h"

namespace pavise::agent {

// The launcher's socket, if `fd` is one: init makes it only on devices that have apps.
std::optional<ipc::SeqpacketChannel> inherited_launcher_channel(int fd);

// One question at a time; each waits up to twice the timeout, and none at all while the answer to
// an earlier one is due. A launcher that ended stays kLauncherGone, which is said once in the log:
// init then starts all programs anew.
class LauncherChannel final : public AppsPort {
 public:
  static constexpr int kAppsTimeoutMs = 2'000;
  // Of what ends an app and reads a whole package. Below the hub's patience with a silent device.
  static constexpr int kInstallTimeoutMs = 25'000;

  LauncherChannel(std::optional<ipc::SeqpacketChannel> channel, LogSink& log,
                  int timeout_ms = kAppsTimeoutMs, int install_timeout_ms = kInstallTimeoutMs)
      : channel_(std::move(channel)),
        log_(log),
        timeout_ms_(timeout_ms),
        install_timeout_ms_(install_timeout_ms) {}

  Result<apps_ipc::Answer<apps_ipc::AppList>> list() override;
  Result<apps_ipc::Answer<apps_ipc::Acted>> act(const apps_ipc::Request& request) override;
  Result<apps_ipc::Answer<apps_ipc::LogPage>> logs(const apps_ipc::Logs& request) override;
  Result<apps_ipc::Answer<apps_ipc::Received>> receive(const apps_ipc::Receive& request) override;
  Result<apps_ipc::Answer<apps_ipc::Installed>> install(const apps_ipc::Install& request) override;
  Result<apps_ipc::Answer<apps_ipc::Removed>> remove(const apps_ipc::Remove& request) override;
  Result<apps_ipc::Answer<apps_ipc::GrantTaken>> grant(const apps_ipc::GiveGrant& request) override;
  Result<apps_ipc::Answer<apps_ipc::DebugBegun>> debug(const apps_ipc::Debug& request) override;
  Result<apps_ipc::Answer<apps_ipc::Exchanged>> exchange(
      const apps_ipc::Exchange& request) override;
  Result<apps_ipc::Answer<apps_ipc::TimeHeard>> tell_time(const apps_ipc::TellTime& time) override;

 private:
  template <class T>
  Result<apps_ipc::Answer<T>> ask(const apps_ipc::Request& request,
                                  Result<apps_ipc::Answer<T>> (*parse)(ByteView), int timeout_ms);
  Error failed(const Error& cause);

  std::optional<ipc::SeqpacketChannel> channel_;
  LogSink& log_;
  int timeout_ms_;
  int install_timeout_ms_;
  bool gone_ = false;
  bool answer_due_ = false;  // to a question that was given up
};

}  // namespace pavise::agent
