#include "device/apps/control/control.h"

#include <gtest/gtest.h>

#include "protocol/cbor/cbor.h"

namespace pavise::device {
namespace {

namespace wire = apps_ipc;

constexpr ErrorInfo kEnds{"PV-TST-001", Retry::later, "the app is being ended", "Wait."};

class FakeControl final : public AppsControl {
 public:
  wire::AppList list() override {
    called.emplace_back("list");
    return {{.name = "blink",
             .component_id = *manifest::ComponentId::from_bytes(Bytes(16, std::byte{1})),
             .version = "1.0.0",
             .state = wire::AppState::waiting,
             .last_event = "exit 1\n"}};
  }
  Result<wire::AppState> start(std::string_view name) override {
    return act("start", name, wire::AppState::starting);
  }
  Result<wire::AppState> stop(std::string_view name) override {
    return act("stop", name, wire::AppState::ending);
  }
  Result<wire::AppState> restart(std::string_view name) override {
    return act("restart", name, wire::AppState::killing);
  }
  Result<wire::LogPage> logs(std::string_view name, std::uint64_t after) override {
    called.push_back("logs " + std::string(name) + " " + std::to_string(after));
    if (name != "blink") return Error(wire::kUnknownApp, std::string(name));
    return page;
  }

  Result<std::uint64_t> receive(const wire::Receive& part) override {
    called.push_back("receive at " + std::to_string(part.offset));
    if (fails) return *fails;
    return part.offset + part.data.size();
  }
  Result<wire::Installed> install(const wire::Install& package) override {
    called.push_back("install " + std::to_string(package.size));
    if (fails) return *fails;
    return wire::Installed{.name = "blink", .version = "1.0.1", .state = wire::AppState::running};
  }
  Result<wire::AppSource> remove(std::string_view name) override {
    called.push_back("remove " + std::string(name));
    if (fails) return *fails;
    return wire::AppSource::image;
  }
  Result<wire::GrantTaken> take_grant(ByteView grant) override {
    called.push_back("grant " + to_hex(grant));
    if (fails) return *fails;
    return wire::GrantTaken{.name = "blink", .until_s = 7};
  }
  Result<wire::DebugBegun> debug(std::string_view name) override {
    called.push_back("debug " + std::string(name));
    if (fails) return *fails;
    return wire::DebugBegun{.session = 3, .until_s = 7};
  }
  Result<wire::Exchanged> exchange(const wire::Exchange& request) override {
    called.push_back("exchange " + request.name + " " + std::to_string(request.session));
    if (fails) return *fails;
    return wire::Exchanged{.taken = request.data.size(), .data = request.data, .over = true};
  }

  wire::TimeHeard hear_time(const wire::TellTime& time) override {
    called.push_back("time " + std::to_string(time.later_than_s) +
                     (time.vouched ? " vouched" : ""));
    return {time.later_than_s + 1};
  }

  std::vector<std::string> called;
  std::optional<Error> fails;
  wire::LogPage page{.oldest = 1, .newest = 2, .lines = {{1, 5, "a"}, {2, 6, "\x1b[2J\xff"}}};

 private:
  Result<wire::AppState> act(std::string_view what, std::string_view name, wire::AppState after) {
    called.push_back(std::string(what) + " " + std::string(name));
    if (fails) return *fails;
    return after;
  }
};

class AppsControlTest : public ::testing::Test {
 protected:
  Bytes ask(const wire::Request& request) { return answer(wire::encode(request), control); }
  wire::AppState acted(const wire::Request& request) {
    const auto response = wire::parse_acted(ask(request));
    EXPECT_TRUE(response && std::holds_alternative<wire::Acted>(*response));
    return std::get<wire::Acted>(*response).state;
  }
  std::string refused(const Result<Bytes>& packet) {
    const auto response = wire::parse_acted(answer(packet, control));
    EXPECT_TRUE(response && std::holds_alternative<wire::Refusal>(*response));
    const auto& refusal = std::get<wire::Refusal>(*response);
    return refusal.code + ": " + refusal.reason;
  }
  FakeControl control;
};

TEST_F(AppsControlTest, Deploying) {
  const auto received = wire::parse_received(ask(wire::Receive{9, 2, Bytes(3)}));
  EXPECT_EQ(std::get<wire::Received>(*received).bytes, 5U);
  const auto installed = wire::parse_installed(ask(wire::Install{9, {}}));
  EXPECT_EQ(std::get<wire::Installed>(*installed).version, "1.0.1");
  const auto removed = wire::parse_removed(ask(wire::Remove{"blink"}));
  EXPECT_EQ(std::get<wire::Removed>(*removed).left, wire::AppSource::image);
  EXPECT_EQ(control.called,
            (std::vector<std::string>{"receive at 2", "install 9", "remove blink"}));
  control.fails = Error(kEnds);
  for (const wire::Request& request :
       {wire::Request(wire::Receive{9, 2, Bytes(3)}), wire::Request(wire::Install{9, {}}),
        wire::Request(wire::Remove{"blink"})})
    EXPECT_EQ(refused(wire::encode(request)), "PV-TST-001: the app is being ended");
}

TEST_F(AppsControlTest, DebuggingTravels) {
  const auto granted = wire::parse_grant_taken(ask(wire::GiveGrant{Bytes(2, std::byte{0xab})}));
  ASSERT_TRUE(granted);
  EXPECT_EQ(std::get<wire::GrantTaken>(*granted).until_s, 7U);
  const auto begun = wire::parse_debug_begun(ask(wire::Debug{"blink"}));
  ASSERT_TRUE(begun);
  EXPECT_EQ(std::get<wire::DebugBegun>(*begun).session, 3U);
  const wire::Exchange exchange{.name = "blink", .session = 3, .data = Bytes(5, std::byte{9})};
  const auto exchanged = wire::parse_exchanged(ask(exchange));
  ASSERT_TRUE(exchanged);
  EXPECT_EQ(std::get<wire::Exchanged>(*exchanged).data, exchange.data);
  EXPECT_EQ(control.called,
            (std::vector<std::string>{"grant abab", "debug blink", "exchange blink 3"}));
  control.fails = kEnds;
  for (const wire::Request& request :
       {wire::Request{wire::GiveGrant{Bytes(1)}}, wire::Request{wire::Debug{"blink"}},
        wire::Request{exchange}})
    EXPECT_EQ(refused(wire::encode(request)).substr(0, 10), "PV-TST-001");
}

TEST_F(AppsControlTest, TheTimeTravels) {
  const auto heard = wire::parse_time_heard(ask(wire::TellTime{1'790'000'000, true}));
  ASSERT_TRUE(heard);
  EXPECT_EQ(std::get<wire::TimeHeard>(*heard).later_than_s, 1'790'000'001U);
  EXPECT_EQ(control.called, (std::vector<std::string>{"time 1790000000 vouched"}));
}

TEST_F(AppsControlTest, AllOperations) {
  const auto listed = wire::parse_list(ask(wire::List{}));
  ASSERT_TRUE(listed);
  EXPECT_EQ(std::get<wire::AppList>(*listed).at(0).last_event, "exit 1?");
  EXPECT_EQ(acted(wire::Start{"blink"}), wire::AppState::starting);
  EXPECT_EQ(acted(wire::Stop{"blink"}), wire::AppState::ending);
  EXPECT_EQ(acted(wire::Restart{"blink"}), wire::AppState::killing);
  const auto logs = wire::parse_logs(ask(wire::Logs{"blink", 7}));
  ASSERT_TRUE(logs);
  EXPECT_EQ(std::get<wire::LogPage>(*logs).lines.at(1).text, "?[2J?");
  EXPECT_EQ(control.called, (std::vector<std::string>{"list", "start blink", "stop blink",
                                                      "restart blink", "logs blink 7"}));
}

TEST_F(AppsControlTest, RefusalsOfTheLauncherTravel) {
  control.fails = Error(kEnds);
  EXPECT_EQ(refused(wire::encode(wire::Start{"blink"})), "PV-TST-001: the app is being ended");
  EXPECT_EQ(refused(wire::encode(wire::Logs{"other", 0})),
            "PV-AIP-003: the device has no app of this name (other)");
}

TEST_F(AppsControlTest, WhatCannotBeReadReachesNoApp) {
  EXPECT_TRUE(refused(Error(kEnds)).starts_with("PV-AIP-002"));
  EXPECT_TRUE(refused(Bytes{}).starts_with("PV-AIP-002"));
  EXPECT_TRUE(refused(Bytes(wire::kMessageBytesMax + 1)).starts_with("PV-AIP-002"));
  EXPECT_TRUE(refused(cbor::Writer().map(1).uint(1).uint(200).take()).starts_with("PV-AIP-001"));
  EXPECT_TRUE(
      refused(cbor::Writer().map(2).uint(1).uint(2).uint(2).map(1).uint(1).text("../init").take())
          .starts_with("PV-AIP-002"));
  EXPECT_TRUE(control.called.empty());
}

TEST_F(AppsControlTest, StatesAreThoseOfTheLife) {
  for (const LifeState state : {LifeState::stopped, LifeState::waiting, LifeState::starting,
                                LifeState::running, LifeState::ending, LifeState::killing})
    EXPECT_EQ(wire::to_string(state_on_wire(state)), to_string(state));
}

}  // namespace
}  // namespace pavise::device
