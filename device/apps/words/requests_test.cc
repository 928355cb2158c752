#include "device/apps/words/requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "common/ipc/descriptors.h"

namespace pavise::device {
namespace {

using namespace std::string_literals;
using app_wire::Cause;
using app_wire::Connect;
using app_wire::Defer;
using app_wire::Outcome;
using app_wire::Power;
using app_wire::PowerAction;
using app_wire::SetTime;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

manifest::ComponentId id_of(char number) {
  return *manifest::ComponentId::parse("6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e0"s + number);
}

class App final : public Asker {
 public:
  App(std::string name, char number) : name_(std::move(name)), component_(id_of(number)) {
    start();
  }

  void start() {
    auto made = WordChannel::make();
    EXPECT_TRUE(made);
    words_ = std::move(made->ours);
    descriptor = std::move(made->theirs);
    runs = true;
  }
  const std::string& name() const override { return name_; }
  const manifest::ComponentId& component() const override { return component_; }
  const AppGrants& grants() const override { return may; }
  bool running() const override { return runs; }
  WordChannel& words() override { return words_; }
  RequestState& requests() override { return state_; }
  void tell(const std::string& what) override { events.push_back(what); }

  ipc::PacketWithDescriptors hear() const {
    auto packet = ipc::receive_with_descriptors(descriptor.get());
    return packet ? *std::move(packet) : ipc::PacketWithDescriptors{};
  }
  // Its answer; as_text("") if there is none.
  std::string answer() const {
    const auto packet = hear();
    EXPECT_TRUE(packet.descriptors.empty());
    return std::string(as_text(packet.packet));
  }

  AppGrants may;
  bool runs = false;
  UniqueFd descriptor;
  std::vector<std::string> events;

 private:
  std::string name_;
  manifest::ComponentId component_;
  WordChannel words_;
  RequestState state_;
};

std::string answer(char id, char outcome, const std::string& value = "\0\0\0\0"s) {
  return "\x81"s + id + "\0\0\0"s + outcome + value;
}

class FakeTime final : public Timekeeper {
 public:
  UnixMillis clock_ms() const override { return 1'795'000'000'000; }
  Answer set(UnixMillis to_ms) override {
    asked.push_back(to_ms);
    return answer;
  }
  std::vector<UnixMillis> asked;
  Answer answer{Outcome::done, 0};
};

class RequestsTest : public testing::Test {
 protected:
  RequestsTest() {
    meter.may.peers = {id_of('2')};
    display.may.peers = {id_of('1')};
  }
  void connect(App& app, const std::string& peer, std::int64_t now_ms = 0) {
    requests.take(app, Connect{7, peer}, now_ms);
  }

  App meter{"meter", '1'}, display{"display", '2'}, other{"other", '3'};
  std::vector<PowerAction> powered;
  Status power_answer;
  std::vector<PowerAction> profiles;
  Outcome profile_answer = Outcome::done;
  FakeTime time;
  Requests requests{{
      .find = [this](std::string_view name) -> Asker* {
        for (App* app : {&meter, &display, &other})
          if (app->name() == name) return app;
        return nullptr;
      },
      .installed =
          [this](const manifest::ComponentId& id) {
            return id == meter.component() || id == display.component() || id == other.component();
          },
      .power =
          [this](PowerAction action) {
            if (power_answer) powered.push_back(action);
            return power_answer;
          },
      .set_profile =
          [this](PowerAction profile) {
            profiles.push_back(profile);
            return profile_answer;
          },
      .time = time,
  }};
};

TEST_F(RequestsTest, AppsThatListEachOtherAreConnected) {
  connect(meter, "display");
  const auto asking = meter.hear();
  EXPECT_EQ(as_text(asking.packet), "\x82\x07\0\0\0\x07\0display"s);
  const auto asked = display.hear();
  EXPECT_EQ(as_text(asked.packet), "\x82\0\0\0\0\x05\0meter"s);
  ASSERT_EQ(asking.descriptors.size(), 2U);
  ASSERT_EQ(asked.descriptors.size(), 2U);
  ASSERT_EQ(::write(asking.descriptors[1].get(), "21.5", 4), 4);
  std::array<char, 16> bytes{};
  EXPECT_EQ(::read(asked.descriptors[0].get(), bytes.data(), bytes.size()), 4);
  ASSERT_EQ(::write(asked.descriptors[1].get(), "ok", 2), 2);
  EXPECT_EQ(::read(asking.descriptors[0].get(), bytes.data(), bytes.size()), 2);
  EXPECT_THAT(meter.events, IsEmpty());
}

TEST_F(RequestsTest, WhatIsNotListedIsRefusedAndSaid) {
  connect(meter, "other");
  EXPECT_EQ(meter.answer(), answer(7, 1));
  connect(other, "meter");
  EXPECT_EQ(other.answer(), answer(7, 1));
  connect(meter, "meter");
  EXPECT_EQ(meter.answer(), answer(7, 1));
  EXPECT_THAT(other.events, ElementsAre("refused: to connect to meter: its manifest does not list "
                                        "that app"));
  EXPECT_THAT(other.answer(), IsEmpty());
}

TEST_F(RequestsTest, OneSideIsNotEnough) {
  meter.may.peers.push_back(id_of('3'));
  connect(meter, "other");
  EXPECT_EQ(meter.answer(), answer(7, 3));
  EXPECT_THAT(meter.events, ElementsAre("refused: to connect to other: that app's manifest does "
                                        "not list this one"));
  EXPECT_THAT(other.answer(), IsEmpty());
}

// Names cannot be tried out by who lists nobody that is missing.
TEST_F(RequestsTest, OnlyWhoListsAMissingAppHearsThatItIsMissing) {
  connect(meter, "missing");
  EXPECT_EQ(meter.answer(), answer(7, 1));
  meter.may.peers.push_back(id_of('9'));
  connect(meter, "missing");
  EXPECT_EQ(meter.answer(), answer(7, 2));
}

TEST_F(RequestsTest, AnAppThatDoesNotRunIsNotReached) {
  display.runs = false;
  connect(meter, "display");
  EXPECT_EQ(meter.answer(), answer(7, 4));
  EXPECT_THAT(meter.events, IsEmpty());  // it will be started: nothing to say
}

TEST_F(RequestsTest, APairHasALimitUntilConnectionsEnd) {
  std::vector<ipc::PacketWithDescriptors> kept;
  for (std::size_t i = 0; i < kConnectionsOfPairMax; ++i) {
    connect(meter, "display");
    kept.push_back(meter.hear());
    ASSERT_EQ(kept.back().descriptors.size(), 2U);
  }
  connect(meter, "display");
  EXPECT_EQ(meter.answer(), answer(7, 5));
  connect(display, "meter");
  while (!display.hear().descriptors.empty()) {
  }
  EXPECT_THAT(meter.events, ElementsAre(HasSubstr("as many connections as it may have")));
  // What the other took and closed is over when this side closes as well.
  kept.clear();
  connect(meter, "display");
  EXPECT_EQ(meter.hear().descriptors.size(), 2U);
}

// The connections wait with the app that does not take them, and end with it.
TEST_F(RequestsTest, AnAppThatTakesNothingHasNoMoreThanItsLimit) {
  for (std::size_t i = 0; i < 2 * kConnectionsOfPairMax; ++i) connect(meter, "display");
  std::size_t connected = 0;
  for (auto packet = meter.hear(); !packet.packet.empty(); packet = meter.hear())
    if (!packet.descriptors.empty()) ++connected;
  EXPECT_EQ(connected, kConnectionsOfPairMax);
  display.descriptor.reset();
  requests.ended(display);
  display.start();
  connect(meter, "display");
  EXPECT_EQ(meter.hear().descriptors.size(), 2U);
}

TEST_F(RequestsTest, AnAppWhoseChannelIsFullIsNotWaitedFor) {
  while (display.words().send(as_bytes("x"))) {
  }
  connect(meter, "display");
  EXPECT_EQ(meter.answer(), answer(7, 5));
}

TEST_F(RequestsTest, ConnectionsAreNotMadeWithoutEnd) {
  for (std::int64_t i = 0; i < kConnectsAtOnce; ++i) {
    connect(meter, "display", 1000);
    ASSERT_EQ(meter.hear().descriptors.size(), 2U) << i;
    (void)display.hear();
  }
  connect(meter, "display", 1000);
  EXPECT_EQ(meter.answer(), answer(7, 6, "\x10\x27\0\0"s));
  connect(meter, "display", 1000 + kConnectEveryMs);
  EXPECT_EQ(meter.hear().descriptors.size(), 2U);
}

TEST_F(RequestsTest, EventsAreNotToldWithoutEnd) {
  for (int i = 0; i < 100; ++i) connect(other, "meter", 1000);
  EXPECT_EQ(other.events.size(), static_cast<std::size_t>(kToldAtOnce));
}

TEST_F(RequestsTest, PowerIsGrantedByItsKind) {
  requests.take(meter, Power{1, PowerAction::restart}, kPowerAfterMs);
  EXPECT_EQ(meter.answer(), answer(1, 1));
  EXPECT_THAT(meter.events, ElementsAre("refused: to restart the device: its manifest does not "
                                        "say so"));
  meter.may.restart = true;
  requests.take(meter, Power{2, PowerAction::power_off}, kPowerAfterMs);
  EXPECT_EQ(meter.answer(), answer(2, 1));
  EXPECT_THAT(powered, IsEmpty());
  EXPECT_EQ(requests.cause_of_end(), Cause::device_goes_off);
  requests.take(meter, Power{3, PowerAction::restart}, kPowerAfterMs);
  EXPECT_EQ(meter.answer(), answer(3, 0));
  EXPECT_THAT(powered, ElementsAre(PowerAction::restart));
  EXPECT_EQ(requests.cause_of_end(), Cause::device_restarts);
  EXPECT_EQ(meter.events.back(), "asked to restart the device");
  // Another time, while it goes down.
  requests.take(meter, Power{4, PowerAction::restart}, kPowerAfterMs + 1);
  EXPECT_EQ(meter.answer(), answer(4, 0));
  EXPECT_EQ(powered.size(), 1U);
}

TEST_F(RequestsTest, ADeviceThatWasJustStartedStays) {
  meter.may.power_off = true;
  requests.take(meter, Power{1, PowerAction::power_off}, kPowerAfterMs - 1);
  EXPECT_EQ(meter.answer(), answer(1, 6, "\x01\0\0\0"s));
  EXPECT_THAT(meter.events,
              ElementsAre("refused: to switch the device off already: once more in 1 s"));
  EXPECT_THAT(powered, IsEmpty());
  power_answer = Error(kNoConnection, "init is away");
  requests.take(meter, Power{2, PowerAction::power_off}, kPowerAfterMs);
  EXPECT_EQ(meter.answer(), answer(2, 8));
  power_answer = {};
  requests.take(meter, Power{3, PowerAction::power_off}, kPowerAfterMs);
  EXPECT_EQ(meter.answer(), answer(3, 0));
  EXPECT_THAT(powered, ElementsAre(PowerAction::power_off));
}

TEST_F(RequestsTest, AProfileIsAGrantOfItsOwn) {
  meter.may.restart = meter.may.power_off = true;
  requests.take(meter, Power{1, PowerAction::balanced}, 0);
  EXPECT_EQ(meter.answer(), answer(1, 1));
  EXPECT_THAT(profiles, IsEmpty());
  meter.may = {};
  meter.may.power_profile = true;
  // At once, unlike restarts.
  requests.take(meter, Power{2, PowerAction::power_saver}, 0);
  EXPECT_EQ(meter.answer(), answer(2, 0));
  profile_answer = Outcome::absent;
  requests.take(meter, Power{3, PowerAction::high_performance}, 0);
  EXPECT_EQ(meter.answer(), answer(3, 2));
  profile_answer = Outcome::failed;
  requests.take(meter, Power{4, PowerAction::balanced}, 0);
  EXPECT_EQ(meter.answer(), answer(4, 8));
  requests.take(meter, Power{5, PowerAction::restart}, kPowerAfterMs);
  EXPECT_EQ(meter.answer(), answer(5, 1));
  EXPECT_THAT(profiles, ElementsAre(PowerAction::power_saver, PowerAction::high_performance,
                                    PowerAction::balanced));
  EXPECT_THAT(powered, IsEmpty());
  EXPECT_THAT(meter.events,
              ElementsAre("refused: the power profile balanced: its manifest does not say so",
                          "set the power profile saving power",
                          "refused: the power profile balanced: some processor does not take it",
                          "refused: to restart the device: its manifest does not say so"));
}

TEST_F(RequestsTest, ProfilesAreNotSetWithoutEnd) {
  meter.may.power_profile = true;
  for (std::int64_t i = 0; i < kProfilesAtOnce; ++i) {
    requests.take(meter, Power{1, PowerAction::balanced}, 1000);
    EXPECT_EQ(meter.answer(), answer(1, 0));
  }
  requests.take(meter, Power{1, PowerAction::balanced}, 1000);
  EXPECT_EQ(meter.answer(), answer(1, 6, "\x10\x27\0\0"s));
  requests.take(meter, Power{1, PowerAction::balanced}, 1000 + kProfileEveryMs);
  EXPECT_EQ(meter.answer(), answer(1, 0));
}

TEST_F(RequestsTest, TheClockIsSetByWhoMayAndBothTimesAreTold) {
  const SetTime wanted{1, 1'795'000'060'000};
  requests.take(meter, wanted, 0);
  EXPECT_EQ(meter.answer(), answer(1, 1));
  EXPECT_THAT(time.asked, IsEmpty());
  meter.may.system_time = true;
  requests.take(meter, wanted, 0);
  EXPECT_EQ(meter.answer(), answer(1, 0));
  EXPECT_THAT(time.asked, ElementsAre(1'795'000'060'000));
  time.answer = {Outcome::implausible, 0};
  requests.take(meter, wanted, 0);
  EXPECT_EQ(meter.answer(), answer(1, 10));
  time.answer = {Outcome::failed, 0};
  requests.take(meter, wanted, 0);
  EXPECT_EQ(meter.answer(), answer(1, 8));
  time.answer = {Outcome::too_soon, 60'000};
  requests.take(meter, wanted, 0);
  EXPECT_EQ(meter.answer(), answer(1, 6, "\x60\xea\0\0"s));
  const std::string refused = "refused: to set the clock to 2026-11-18T11:07:40.000Z: ";
  EXPECT_THAT(meter.events,
              ElementsAre(refused + "its manifest does not say so",
                          "set the clock from 2026-11-18T11:06:40.000Z to 2026-11-18T11:07:40.000Z",
                          refused + "by what the device knows it is not that time",
                          refused + "init does not listen"));
}

TEST_F(RequestsTest, TheClockIsNotSetWithoutEnd) {
  meter.may.system_time = true;
  for (std::int64_t i = 0; i < kTimesAtOnce; ++i) {
    requests.take(meter, SetTime{1, 1}, 1000);
    EXPECT_EQ(meter.answer(), answer(1, 0));
  }
  requests.take(meter, SetTime{1, 1}, 1000);
  EXPECT_EQ(meter.answer(), answer(1, 6, "\x60\xea\0\0"s));
  requests.take(meter, SetTime{1, 1}, 1000 + kTimeEveryMs);
  EXPECT_EQ(meter.answer(), answer(1, 0));
  // Each was told: none is hidden by what else the app says.
  EXPECT_EQ(meter.events.size(), static_cast<std::size_t>(kTimesAtOnce) + 1);
}

TEST_F(RequestsTest, AnUpdateWaitsForWhoMaySo) {
  Requests::announce_update(meter, "1.1.0", 1000);
  EXPECT_EQ(Requests::update_due_ms(meter, 1000), 1000);
  EXPECT_THAT(meter.answer(), IsEmpty());
  requests.take(meter, Defer{1, 60'000}, 1000);
  EXPECT_EQ(meter.answer(), answer(1, 1));

  meter.may.system_events = true;
  Requests::announce_update(meter, "1.1.0", 1000);
  EXPECT_EQ(Requests::update_due_ms(meter, 1000), 1000);
  EXPECT_EQ(meter.answer(), "\x84\x05\0"s + "1.1.0" + "\0\0\0\0\0\0\0\0"s);

  meter.may.update_deferral = true;
  requests.take(meter, Defer{2, 60'000}, 1000);
  EXPECT_EQ(meter.answer(), answer(2, 7));
  Requests::announce_update(meter, "1.1.0", 1000);
  EXPECT_EQ(Requests::update_due_ms(meter, 1000), 1000 + kUpdateNoticeMs);
  EXPECT_EQ(meter.answer(), "\x84\x05\0"s + "1.1.0" + "\x88\x13\0\0\xc0\x27\x09\0"s);
  requests.take(meter, Defer{3, 60'000}, 2000);
  EXPECT_EQ(meter.answer(), answer(3, 0, "\x60\xea\0\0"s));
  EXPECT_EQ(Requests::update_due_ms(meter, 2000), 62'000);
  EXPECT_EQ(meter.events.back(), "has its update wait for 60 s");
  // What comes meanwhile gives no time of its own.
  Requests::announce_update(meter, "1.2.0", 12'000);
  EXPECT_EQ(meter.answer(), "\x84\x05\0"s + "1.2.0" + "\x50\xc3\0\0\xc8\xfc\x08\0"s);
  EXPECT_EQ(Requests::update_due_ms(meter, 12'000), 62'000);
  // Its end is the end of the wait.
  requests.ended(meter);
  EXPECT_LE(Requests::update_due_ms(meter, 2000), 2000);
  Requests::update_done(meter);
  requests.take(meter, Defer{4, 60'000}, 3000);
  EXPECT_EQ(meter.answer(), answer(4, 7));
}

TEST_F(RequestsTest, AnUpdateThatNobodyCameBackForTakesNothingFromTheNext) {
  meter.may.update_deferral = true;
  EXPECT_TRUE(Requests::announce_update(meter, "1.1.0", 1000));
  EXPECT_FALSE(Requests::announce_update(meter, "1.1.0", 2000)) << "it was told before";
  const std::int64_t over = 1000 + 2 * kUpdateDeferralMsMax;
  EXPECT_FALSE(Requests::announce_update(meter, "1.1.0", over - 1));
  EXPECT_EQ(Requests::update_due_ms(meter, over - 1), 1000 + kUpdateNoticeMs);
  EXPECT_TRUE(Requests::announce_update(meter, "1.2.0", over));
  EXPECT_EQ(Requests::update_due_ms(meter, over), over + kUpdateNoticeMs);
}

TEST_F(RequestsTest, NobodyWaitsForWhoDoesNotReadOrRun) {
  meter.may.update_deferral = true;
  meter.runs = false;
  Requests::announce_update(meter, "1.1.0", 1000);
  EXPECT_EQ(Requests::update_due_ms(meter, 1000), 1000);
  meter.runs = true;
  while (meter.words().send(as_bytes("x"))) {
  }
  Requests::announce_update(meter, "1.1.0", 1000);
  EXPECT_EQ(Requests::update_due_ms(meter, 1000), 1000);
}

TEST_F(RequestsTest, TheEndIsToldToWhoWantsToHear) {
  Requests::announce_end(meter, Cause::app_stops, 5000);
  EXPECT_THAT(meter.answer(), IsEmpty());
  meter.may.system_events = true;
  Requests::announce_end(meter, Cause::device_restarts, 2500);
  EXPECT_EQ(meter.answer(), "\x83\x02\xc4\x09\0\0"s);
}

TEST_F(RequestsTest, OfALaterReleaseIsSaidSo) {
  requests.take(meter, app_wire::Unknown{5}, 0);
  EXPECT_EQ(meter.answer(), answer(5, 9));
  requests.take(meter, app_wire::Well{}, 0);
  EXPECT_THAT(meter.answer(), IsEmpty());
}

}  // namespace
}  // namespace pavise::device
