#include "device/apps/housekeeping/house_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device/apps/house/testing/paper_walls.h"
#include "device/apps/housekeeping/house_debuggees.h"
#include "device/apps/installation/testing/app_packages.h"

namespace pavise::device {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class HouseControlTest : public ::testing::Test {
 protected:
  HouseControlTest() {
    for (int number = 1; number <= 2; ++number)
      (void)house.move_in(testing::installed(folder.path(), {.name = number == 1 ? "blink" : "pump",
                                                             .number = number}),
                          kAppUserMin);
  }
  template <typename T>
  static std::string code(const Result<T>& result) {
    return result ? "ok" : std::string(result.error().code());
  }
  void turn(std::int64_t ms = 0) {
    clock.advance_ms(ms);
    (void)house.turn({}, 0);
  }

  erofs::testing::Folder folder;
  ManualClock clock{0};
  testing::PaperGround ground;
  testing::PaperMachine machine;
  Tell tell = [](const std::string&) {};
  House house{{.put_up = ground.put_up(),
               .clock = clock,
               .tell = tell,
               .measure = [](const InstalledApp&, const Digest256&) { return Status(); },
               .introduce = [](const std::string&, int) { return Status(); },
               .power = [](app_wire::PowerAction) { return Status(); },
               .set_profile = machine.set_profile(),
               .time = machine}};
  HouseDebuggees debuggees{house};
  TakenGrants taken = TakenGrants::open(folder / "taken").value();
  Debugging debugging{
      debuggees,
      Grants({.owner_keys = image::testing::owner_keys(),
              .device = [] { return Result<DeviceId>(*DeviceId::parse(std::string(64, 'a'))); },
              .taken = [this] { return Result<TakenGrants*>(&taken); },
              .clock = clock}),
      clock, 0};
  KnownTime time{clock};
  HouseControl control{house, debugging, time};
};

TEST_F(HouseControlTest, ListsWhatThereIsAndHowItIs) {
  ASSERT_EQ(control.start("blink").value(), apps_ipc::AppState::running);
  const apps_ipc::AppList list = control.list();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].name, "blink");
  EXPECT_EQ(list[0].version, "1.0.0");
  EXPECT_EQ(list[0].component_id, testing::component_of(1));
  EXPECT_EQ(list[0].state, apps_ipc::AppState::running);
  EXPECT_EQ(list[0].memory_bytes, 4096U);
  EXPECT_EQ(list[0].memory_limit_bytes, 1024U * 1024U);
  EXPECT_EQ(list[0].last_event, "started, version 1.0.0");
  EXPECT_EQ(list[0].source, apps_ipc::AppSource::image);
  EXPECT_EQ(list[0].policy_digest, house.find("blink")->policy().digest);
  EXPECT_EQ(list[1].state, apps_ipc::AppState::stopped);
  EXPECT_EQ(list[1].memory_bytes, 0U) << "it has no walls yet";
}

TEST_F(HouseControlTest, AnAppWhoseWallsFailIsListedWithTheReason) {
  ground.fails["put up blink 1.0.0"] = 2;
  EXPECT_EQ(control.start("blink").value(), apps_ipc::AppState::waiting);
  turn(1000);
  const apps_ipc::AppStatus blink = control.list().front();
  EXPECT_EQ(blink.state, apps_ipc::AppState::waiting);
  EXPECT_EQ(blink.restarts, 2U);
  EXPECT_THAT(blink.last_event, ::testing::HasSubstr("not started: PV-TST-001"));
}

TEST_F(HouseControlTest, SaysTheStateRightAfterwards) {
  EXPECT_EQ(control.restart("blink").value(), apps_ipc::AppState::running) << "it was stopped";
  EXPECT_EQ(control.restart("blink").value(), apps_ipc::AppState::ending);
  turn();
  EXPECT_EQ(control.list().front().state, apps_ipc::AppState::running);
  EXPECT_EQ(control.stop("blink").value(), apps_ipc::AppState::ending);
  turn();
  EXPECT_EQ(control.stop("blink").value(), apps_ipc::AppState::stopped);
}

TEST_F(HouseControlTest, NobodyOfThatNameIsAnError) {
  EXPECT_EQ(code(control.start("nobody")), "PV-AIP-003");
  EXPECT_EQ(code(control.stop("nobody")), "PV-AIP-003");
  EXPECT_EQ(code(control.restart("nobody")), "PV-AIP-003");
  EXPECT_EQ(code(control.logs("nobody", 0)), "PV-AIP-003");
  EXPECT_EQ(code(control.debug("nobody")), "PV-AIP-003");
  EXPECT_THAT(ground.done, IsEmpty());
}

TEST_F(HouseControlTest, WhatTheAgentKnowsOfTheTimeIsGoneBy) {
  clock.advance_ms(kWaitForServiceMs);
  EXPECT_EQ(time.judge(1'795'000'000'000).outcome, app_wire::Outcome::too_soon);
  EXPECT_EQ(control.hear_time({.later_than_s = 1'795'000'000, .vouched = false}).later_than_s,
            1'795'000'000U);
  EXPECT_EQ(control.hear_time({.later_than_s = 1'794'000'000, .vouched = true}).later_than_s,
            1'795'000'000U);
  EXPECT_EQ(time.judge(1'795'000'000'000).outcome, app_wire::Outcome::done);
}

TEST_F(HouseControlTest, LogsAreThoseBehindANumber) {
  ASSERT_TRUE(control.start("blink"));
  ground.print("blink", "on\n");
  turn(20);
  const auto page = control.logs("blink", 1);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->oldest, 1U);
  EXPECT_EQ(page->newest, 2U);
  ASSERT_EQ(page->lines.size(), 1U);
  EXPECT_EQ(page->lines[0].text, "on");
  EXPECT_EQ(page->lines[0].sequence, 2U);
  EXPECT_EQ(page->lines[0].boot_ms, 20U);
}

TEST_F(HouseControlTest, WhoHasAGrantDebugsThatApp) {
  const auto grant = dev_grant::Grant::sign({.device = *DeviceId::parse(std::string(64, 'a')),
                                             .component = testing::component_of(1),
                                             .not_before = clock.now_s(),
                                             .not_after = clock.now_s() + 60},
                                            image::testing::owner_key());
  EXPECT_EQ(code(control.debug("blink")), "PV-DBG-003");
  ASSERT_EQ(control.take_grant(grant.value().encode()).value().name, "blink");
  ASSERT_EQ(control.debug("blink").value().session, 1U);
  EXPECT_EQ(code(control.debug("pump")), "PV-DBG-003");
  EXPECT_EQ(control.list().front().last_event, "started to be debugged, version 1.0.0");
  EXPECT_EQ(control.exchange({.name = "blink", .session = 1, .data = Bytes(3)}).value().taken, 3U);
  clock.advance_ms(60'000);
  EXPECT_EQ(code(control.exchange({.name = "blink", .session = 1})), "PV-DBG-004");
  turn();
  EXPECT_EQ(control.list().front().last_event, "started, version 1.0.0");
}

TEST_F(HouseControlTest, WithoutADataPartitionNothingIsDeployed) {
  EXPECT_EQ(code(control.receive({.size = 1, .offset = 0, .data = Bytes(1)})), "PV-DEP-004");
  EXPECT_EQ(code(control.install({.size = 1, .sha256 = {}})), "PV-DEP-004");
  EXPECT_EQ(code(control.remove("blink")), "PV-DEP-004");
  EXPECT_EQ(house.apps().size(), 2U);
}

TEST_F(HouseControlTest, WithOneItIs) {
  auto store = PackageStore::open(folder / "packages");
  auto storage = AppStorage::open(folder / "storage");
  ASSERT_TRUE(store && storage);
  Deploying deploying({.house = house,
                       .store = *store,
                       .storage = *storage,
                       .rules = testing::rules_of_acme(),
                       .image_folder = folder / "image",
                       .clock = clock,
                       .tell = tell,
                       .measure = [](const InstalledApp&) { return Status(); },
                       .turn = [](std::int64_t) { return true; }});
  control.set_deploying(&deploying);
  EXPECT_EQ(control.receive({.size = 2, .offset = 0, .data = Bytes(1)}).value(), 1U);
  EXPECT_EQ(code(control.receive({.size = 2, .offset = 0, .data = {}})), "ok");
  EXPECT_EQ(code(control.receive({.size = 2, .offset = 1, .data = Bytes(1)})), "PV-DEP-001");
  EXPECT_EQ(code(control.install({.size = 2, .sha256 = {}})), "PV-DEP-002");
  EXPECT_EQ(code(control.remove("blink")), "PV-DEP-005") << "it came with the image";
}

}  // namespace
}  // namespace pavise::device
