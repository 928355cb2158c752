#include "device/apps/debugging/grants.h"

#include <gtest/gtest.h>

#include "device/apps/machine/known_time.h"
#include "protocol/erofs/testing/images.h"

namespace pavise::device {
namespace {

constexpr UnixSeconds kNow = 1'795'000'000;

class GrantsTest : public ::testing::Test {
 protected:
  static manifest::ComponentId component(unsigned number) {
    Bytes bytes(16, std::byte{1});
    bytes.back() = static_cast<std::byte>(number);
    return *manifest::ComponentId::from_bytes(bytes);
  }
  Bytes grant(UnixSeconds seconds, unsigned app = 7) const {
    return dev_grant::Grant::sign({.device = here,
                                   .component = component(app),
                                   .not_before = clock.now_s(),
                                   .not_after = clock.now_s() + seconds},
                                  key)
        .value()
        .encode();
  }
  std::string code_of(ByteView bytes) {
    const auto taken = grants->take(bytes);
    return taken ? "taken" : std::string(taken.error().code());
  }

  DeviceId here = *DeviceId::parse(std::string(64, 'a'));
  crypto::P256PrivateKey key = crypto::P256PrivateKey::generate().value();
  ManualClock clock{kNow * 1000};
  Result<DeviceId> said = here;
  int asked = 0;
  erofs::testing::Folder folder;
  std::string path = folder / "taken";
  Result<TakenGrants> kept = TakenGrants::open(path);
  Grants::Surroundings around{.owner_keys = {key.public_key()},
                              .device =
                                  [this] {
                                    ++asked;
                                    return said;
                                  },
                              .taken = [this]() -> Result<TakenGrants*> {
                                if (!kept) return kept.error();
                                return &*kept;
                              },
                              .clock = clock};
  std::optional<Grants> grants{around};

  // The launcher or the device was started again; a new grant of what the disk has.
  void start_again() {
    kept = TakenGrants::open(path);
    grants.emplace(around);
  }
};

TEST_F(GrantsTest, OneHoldsUntilItExpires) {
  EXPECT_FALSE(grants->until(component(7)));
  EXPECT_EQ(code_of(grant(60)), "taken");
  EXPECT_EQ(grants->until(component(7)), kNow + 60);
  EXPECT_FALSE(grants->until(component(8)));
  clock.advance_ms(59'999);
  EXPECT_TRUE(grants->until(component(7)));
  clock.advance_ms(1);
  EXPECT_FALSE(grants->until(component(7)));
}

TEST_F(GrantsTest, AnExpiredOneIsNotTakenAgain) {
  const Bytes old = grant(60);
  EXPECT_EQ(code_of(old), "taken");
  clock.advance_ms(60'000);
  EXPECT_EQ(code_of(old), "PV-DGR-005");
  EXPECT_FALSE(grants->until(component(7)));
}

TEST_F(GrantsTest, SettingTheClockBackMakesNoneLonger) {
  EXPECT_EQ(code_of(grant(60)), "taken");
  clock.advance_ms(30'000);
  clock.set_wall_ms((kNow - 86'400) * 1000);
  EXPECT_TRUE(grants->until(component(7)));
  clock.advance_ms(30'000);
  EXPECT_FALSE(grants->until(component(7)));
}

TEST_F(GrantsTest, SettingTheClockForwardEndsIt) {
  EXPECT_EQ(code_of(grant(60)), "taken");
  clock.set_wall_ms((kNow + 60) * 1000);
  EXPECT_FALSE(grants->until(component(7)));
}

TEST_F(GrantsTest, OneThatExpiredIsNotTakenAgainThoughTheClockIsSetBack) {
  const Bytes old = grant(60);
  EXPECT_EQ(code_of(old), "taken");
  clock.advance_ms(60'000);
  grants->on_time();
  clock.set_wall_ms(kNow * 1000);
  EXPECT_EQ(code_of(old), "PV-DBG-008");
  start_again();
  EXPECT_EQ(code_of(old), "PV-DBG-008");
  EXPECT_EQ(code_of(grant(61)), "taken") << "another one";
}

TEST_F(GrantsTest, ByTheSteadyClockItExpiresForTheDiskAsWell) {
  const Bytes old = grant(60);
  EXPECT_EQ(code_of(old), "taken");
  clock.set_wall_ms(kNow * 1000);
  clock.advance_ms(30'000);
  clock.set_wall_ms(kNow * 1000);
  clock.advance_ms(30'000);
  EXPECT_FALSE(grants->until(component(7)));
  EXPECT_EQ(code_of(old), "PV-DBG-008");
}

TEST_F(GrantsTest, ANewStartWithAClockThatIsSetBackGivesAMinuteAtMost) {
  const Bytes hour = grant(3600);
  EXPECT_EQ(code_of(hour), "taken");
  for (int second = 0; second < 1799; ++second) {
    clock.advance_ms(1000);
    grants->on_time();
  }
  clock.set_wall_ms(kNow * 1000);
  start_again();
  EXPECT_EQ(code_of(hour), "taken");
  clock.advance_ms(1800'000);
  EXPECT_TRUE(grants->until(component(7))) << "what was not kept, at most a minute";
  clock.advance_ms(60'000);
  EXPECT_FALSE(grants->until(component(7)));
  clock.set_wall_ms(kNow * 1000);
  start_again();
  EXPECT_EQ(code_of(hour), "PV-DBG-008");
}

TEST_F(GrantsTest, WithoutAListOfWhatWasTakenNoneIs) {
  std::filesystem::create_directories(path + ".new/in the way");
  EXPECT_EQ(code_of(grant(60)), "PV-DBG-010");
  kept = Error(kTakenUnreadable);
  EXPECT_EQ(code_of(grant(60)), "PV-DBG-009");
  EXPECT_FALSE(grants->until(component(7)));
}

// As the launcher has it: the clock that apps set is not the one that grants go by.
TEST_F(GrantsTest, AnAppThatSetsTheClockNeitherBringsOneBackNorEndsOne) {
  const std::int64_t ahead_ms = clock_ahead_ms(clock);
  KnownTime time{clock};
  const auto going_by = [this](const Clock& by) {
    return Grants::Surroundings{.owner_keys = {key.public_key()},
                                .device = [this] { return said; },
                                .taken = [this] { return Result<TakenGrants*>(&*kept); },
                                .clock = by};
  };
  Grants held(going_by(time));
  const Bytes old = grant(60);
  ASSERT_TRUE(held.take(old));
  time.hear(kNow, true);
  clock.set_wall_ms((kNow + 86'400) * 1000);
  EXPECT_TRUE(held.until(component(7)));
  clock.advance_ms(60'000);
  clock.set_wall_ms(kNow * 1000);
  EXPECT_FALSE(held.until(component(7)));
  EXPECT_TRUE(held.take(old).error().is(dev_grant::kExpired));
  // Nor after a restart of the launcher, before the agent has spoken.
  KnownTime again{clock, ahead_ms};
  Grants later(going_by(again));
  EXPECT_TRUE(later.take(old).error().is(dev_grant::kExpired));
}

TEST_F(GrantsTest, ADeviceWhoseClockIsNotSetTakesNone) {
  const Bytes made_today = grant(60);
  clock.set_wall_ms(3'600'000);
  EXPECT_EQ(code_of(made_today), "PV-DGR-004");
}

TEST_F(GrantsTest, ForgedForeignAndBentOnesAreRefused) {
  const Bytes good = grant(60);
  here = *DeviceId::parse(std::string(64, 'b'));
  EXPECT_EQ(code_of(grant(60)), "PV-DGR-003");
  key = crypto::P256PrivateKey::generate().value();
  EXPECT_EQ(code_of(grant(60)), "PV-DGR-002");
  Bytes bent = good;
  bent.back() ^= std::byte{1};
  EXPECT_EQ(code_of(bent), "PV-DGR-002");
  EXPECT_EQ(code_of({}), "PV-DGR-001");
  EXPECT_FALSE(grants->until(component(7)));
  EXPECT_EQ(code_of(good), "taken");
}

TEST_F(GrantsTest, WithoutAWordOfWhichDeviceThisIsNoneIsTaken) {
  constexpr static ErrorInfo kSilent{"PV-TST-001", Retry::later, "no answer", "Wait."};
  said = Error(kSilent);
  EXPECT_EQ(code_of(grant(60)), "PV-TST-001");
  EXPECT_FALSE(grants->until(component(7)));
  said = here;
  EXPECT_EQ(code_of(grant(60)), "taken");
  EXPECT_EQ(code_of(grant(70)), "taken");
  EXPECT_EQ(asked, 2) << "once it is known it is not asked again";
}

TEST_F(GrantsTest, OfTwoForOneAppTheLongerHolds) {
  const Bytes shorter = grant(60);
  EXPECT_EQ(code_of(grant(90)), "taken");
  EXPECT_EQ(grants->take(shorter).value().not_after, kNow + 90);
  EXPECT_EQ(grants->until(component(7)), kNow + 90);
}

// What another grant stood for is over as well, whenever it was handed over.
TEST_F(GrantsTest, WhatALongerOneReplacedOrCoveredIsNotTakenAgain) {
  for (const bool shorter_first : {true, false}) {
    const unsigned app = shorter_first ? 1 : 2;
    const Bytes shorter = grant(60, app);
    const Bytes longer = grant(90, app);
    EXPECT_EQ(code_of(shorter_first ? shorter : longer), "taken");
    EXPECT_EQ(code_of(shorter_first ? longer : shorter), "taken");
    clock.advance_ms(90'000);
    grants->on_time();
    clock.set_wall_ms(kNow * 1000);
    start_again();
    EXPECT_EQ(code_of(shorter), "PV-DBG-008") << shorter_first;
    EXPECT_EQ(code_of(longer), "PV-DBG-008") << shorter_first;
  }
}

TEST_F(GrantsTest, NumberAtNAndNPlusOne) {
  for (unsigned i = 1; i <= kGrantsHeldMax; ++i) EXPECT_EQ(code_of(grant(60, i)), "taken");
  EXPECT_EQ(code_of(grant(60, 100)), "PV-DBG-001");
  EXPECT_EQ(code_of(grant(90, 1)), "taken");
  clock.advance_ms(60'000);
  EXPECT_EQ(code_of(grant(60, 100)), "taken");
}

}  // namespace
}  // namespace pavise::device
