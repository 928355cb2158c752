// For tests: a launcher with one app, blink.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "device/agent/ports.h"

namespace pavise::agent::testing {

class FakeApps final : public AppsPort {
 public:
  Result<apps_ipc::Answer<apps_ipc::AppList>> list() override {
    return outcome("list", apps_ipc::AppList(apps));
  }
  Result<apps_ipc::Answer<apps_ipc::Acted>> act(const apps_ipc::Request& request) override {
    if (const auto* start = std::get_if<apps_ipc::Start>(&request))
      return outcome("start " + start->name, apps_ipc::Acted{apps_ipc::AppState::starting});
    if (const auto* stop = std::get_if<apps_ipc::Stop>(&request))
      return outcome("stop " + stop->name, apps_ipc::Acted{apps_ipc::AppState::ending});
    return outcome("restart " + std::get<apps_ipc::Restart>(request).name,
                   apps_ipc::Acted{apps_ipc::AppState::killing});
  }
  Result<apps_ipc::Answer<apps_ipc::LogPage>> logs(const apps_ipc::Logs& request) override {
    return outcome("logs " + request.name + " " + std::to_string(request.after),
                   apps_ipc::LogPage(page));
  }

  Result<apps_ipc::Answer<apps_ipc::Received>> receive(const apps_ipc::Receive& request) override {
    return outcome("receive " + std::to_string(request.data.size()) + " at " +
                       std::to_string(request.offset) + " of " + std::to_string(request.size),
                   apps_ipc::Received{request.offset + request.data.size()});
  }
  Result<apps_ipc::Answer<apps_ipc::Installed>> install(const apps_ipc::Install& request) override {
    return outcome(
        "install " + std::to_string(request.size) + " " + to_hex(request.sha256).substr(0, 4),
        apps_ipc::Installed{installed});
  }
  Result<apps_ipc::Answer<apps_ipc::Removed>> remove(const apps_ipc::Remove& request) override {
    return outcome("remove " + request.name, apps_ipc::Removed{left});
  }
  Result<apps_ipc::Answer<apps_ipc::GrantTaken>> grant(
      const apps_ipc::GiveGrant& request) override {
    return outcome("grant " + to_hex(request.grant),
                   apps_ipc::GrantTaken{.name = "blink", .until_s = 1'795'000'000});
  }
  Result<apps_ipc::Answer<apps_ipc::DebugBegun>> debug(const apps_ipc::Debug& request) override {
    return outcome("debug " + request.name,
                   apps_ipc::DebugBegun{.session = 3, .until_s = 1'795'000'000});
  }
  Result<apps_ipc::Answer<apps_ipc::Exchanged>> exchange(
      const apps_ipc::Exchange& request) override {
    return outcome("exchange " + request.name + " " + std::to_string(request.session) + " " +
                       std::to_string(request.at) + " " + to_hex(request.data) + " " +
                       std::to_string(request.received) + (request.end ? " end" : ""),
                   apps_ipc::Exchanged{.taken = request.at + request.data.size(),
                                       .data = to_bytes(as_bytes("+$OK#9a")),
                                       .over = request.end});
  }

  Result<apps_ipc::Answer<apps_ipc::TimeHeard>> tell_time(const apps_ipc::TellTime& time) override {
    told.push_back(time);
    if (fails) return *fails;
    return apps_ipc::Answer<apps_ipc::TimeHeard>(apps_ipc::TimeHeard{time.later_than_s});
  }

  static apps_ipc::AppStatus blink() {
    apps_ipc::AppStatus out{
        .name = "blink",
        .component_id = *manifest::ComponentId::from_bytes(Bytes(16, std::byte{0x1a})),
        .version = "1.2.3",
        .state = apps_ipc::AppState::running,
        .restarts = 2,
        .memory_bytes = 4096,
        .memory_limit_bytes = 8192,
        .missed_health = 1,
        .last_event = "it said \"hi\""};
    out.policy_digest.fill(std::byte{0xd1});
    return out;
  }

  apps_ipc::AppList apps = {blink()};
  apps_ipc::LogPage page = {.oldest = 2, .newest = 9, .lines = {{8, 1500, "a\\b"}, {9, 1600, ""}}};
  apps_ipc::Installed installed = {
      .name = "blink", .version = "1.2.4", .state = apps_ipc::AppState::running};
  apps_ipc::AppSource left = apps_ipc::AppSource::deployed;
  std::optional<Error> fails;
  std::optional<apps_ipc::Refusal> refuses;
  std::function<void()> on_call = [] {};
  std::vector<std::string> called;  // without what is told of the time
  std::vector<apps_ipc::TellTime> told;

 private:
  template <class T>
  Result<apps_ipc::Answer<T>> outcome(std::string call, T good) {
    called.push_back(std::move(call));
    on_call();
    if (fails) return *fails;
    if (refuses) return apps_ipc::Answer<T>(*refuses);
    return apps_ipc::Answer<T>(std::move(good));
  }
};

}  // namespace pavise::agent::testing
