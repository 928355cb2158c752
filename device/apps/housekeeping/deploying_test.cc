// Real packages, store and storage, and a real house whose walls are of paper: what is left after a
// step that failed.
#include "device/apps/housekeeping/deploying.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <deque>

#include "common/crypto/crypto.h"
#include "device/apps/house/testing/paper_walls.h"
#include "device/apps/installation/testing/app_packages.h"

namespace pavise::device {
namespace {

namespace fs = std::filesystem;
using testing::AppWish;
using testing::component_of;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kPaperTore;

constexpr const char* kDefers = R"({"update_deferral":true})";
constexpr std::string_view kDeferAMinute{"\4\1\0\0\0\x60\xea\0\0", 9};
constexpr std::string_view kDeferNoMore{"\4\2\0\0\0\0\0\0\0", 9};

class DeployingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for the inspection of packages";
  }

  // What the launcher does while somebody waits: here nothing happens but time, and what a test
  // has planned for that turn.
  bool turn(std::int64_t wait_ms) {
    EXPECT_GT(wait_ms, 0) << "nobody waits for what has passed";
    if (!planned.empty()) {
      const auto now = std::move(planned.front());
      planned.pop_front();
      if (now) now();
    }
    (void)house.turn({}, 0);
    clock.advance_ms(std::min<std::int64_t>(wait_ms, 100));
    (void)house.turn({}, 0);
    return stays_up;
  }
  void pass(std::int64_t ms) {
    for (std::int64_t passed = 0; passed < ms; passed += 100) {
      clock.advance_ms(100);
      (void)house.turn({}, 0);
    }
  }

  // "ok", or the code of why not.
  template <typename T>
  static std::string word(const Result<T>& result) {
    return result ? "ok" : std::string(result.error().code());
  }
  std::string receive(const Bytes& package) {
    return word(deploying.receive(package.size(), 0, package));
  }
  std::string install(const Bytes& package) {
    const auto out = deploying.install(package.size(), crypto::sha256(package));
    if (out) installed = *out;
    return word(out);
  }
  std::string deploy(const Bytes& package) {
    EXPECT_EQ(receive(package), "ok");
    return install(package);
  }
  std::string deploy(const AppWish& wish) { return deploy(testing::package_of(wish)); }
  std::string remove(std::string_view name) {
    const auto out = deploying.remove(name);
    if (out) left = *out;
    return word(out);
  }

  // A turn takes one.
  std::int64_t tenths_since(std::int64_t begin_ms) const {
    return (clock.steady_ms() - begin_ms) / 100;
  }
  std::vector<std::string> done() { return std::exchange(ground.done, {}); }
  // Of the app there is, "NAME VERSION state"; of several in the order of the house.
  std::vector<std::string> apps() {
    std::vector<std::string> out;
    for (const auto& app : house.apps())
      out.push_back(app->name() + ' ' + app->app().manifest().version.text() + ' ' +
                    std::string(to_string(app->life().state())));
    return out;
  }
  std::uint32_t floor_of(int number) { return store.floors().value()[component_of(number)]; }
  // What the next start of the device will find: versions that it has on the disk.
  std::vector<std::string> kept() {
    InstallRules rules = testing::rules_of_acme();
    rules.floors = store.floors().value();
    std::vector<std::string> out;
    for (const InstalledApp& app : read_installation(image, store.folder(), rules).apps)
      out.push_back(app.manifest().name + ' ' + app.manifest().version.text());
    return out;
  }
  // From now on nothing can take the place of the kept package of this app.
  void block_keeping(int number) const {
    fs::remove(store.path_of(component_of(number)));
    fs::create_directories(store.path_of(component_of(number)) + "/in the way");
  }

  erofs::testing::Folder folder;
  fs::path image = folder / "image";
  ManualClock clock{0};
  testing::PaperGround ground;
  testing::PaperMachine machine;
  std::vector<std::string> lines;
  std::map<std::string, int> unmeasured;  // how often, by "NAME VERSION"
  bool stays_up = true;
  std::deque<std::function<void()>> planned;  // for the next turns
  PackageStore store = PackageStore::open(folder / "packages").value();
  AppStorage storage = AppStorage::open(folder / "storage").value();
  Tell tell = [this](const std::string& line) { lines.push_back(line); };

  Status measure(const InstalledApp& app) {
    const std::string who = app.manifest().name + ' ' + app.manifest().version.text();
    ground.done.push_back("measure " + who);
    return unmeasured[who]-- > 0 ? Status(Error(kPaperTore, who)) : Status();
  }
  House house{
      {.put_up = ground.put_up(),
       .clock = clock,
       .tell = tell,
       .measure = [this](const InstalledApp& app, const Digest256&) { return measure(app); },
       .introduce = [](const std::string&, int) { return Status(); },
       .power = [](app_wire::PowerAction) { return Status(); },
       .set_profile = machine.set_profile(),
       .time = machine}};
  Deploying deploying{{.house = house,
                       .store = store,
                       .storage = storage,
                       .rules = testing::rules_of_acme(),
                       .image_folder = image,
                       .clock = clock,
                       .tell = tell,
                       .measure = [this](const InstalledApp& app) { return measure(app); },
                       .turn = [this](std::int64_t wait_ms) { return turn(wait_ms); }}};
  apps_ipc::Installed installed;
  apps_ipc::AppSource left = apps_ipc::AppSource::deployed;
};

TEST_F(DeployingTest, AnAppThatIsNewIsMeasuredWalledKeptAndStarted) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  EXPECT_EQ(installed.name, "blink");
  EXPECT_EQ(installed.version, "1.0.0");
  EXPECT_EQ(installed.replaced, "");
  EXPECT_EQ(installed.state, apps_ipc::AppState::running);
  EXPECT_THAT(done(), ElementsAre("measure blink 1.0.0", "put up blink 1.0.0",
                                  "measure blink 1.0.0", "start blink 1.0.0"));
  EXPECT_THAT(kept(), ElementsAre("blink 1.0.0"));
  EXPECT_EQ(floor_of(1), 4U);
  EXPECT_EQ(house.apps().front()->user(), kAppUserMin);
}

TEST_F(DeployingTest, TheVersionBeforeEndsOnlyWhenTheNewOneIsMeasured) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  ASSERT_EQ(deploy(AppWish{.name = "other", .number = 2}), "ok");
  done();
  ASSERT_EQ(deploy({.version = "1.1.0", .epoch = 5}), "ok");
  EXPECT_EQ(installed.replaced, "1.0.0");
  EXPECT_THAT(done(), ElementsAre("measure blink 1.1.0", "ask blink 1.0.0", "gone blink 1.0.0",
                                  "take down blink 1.0.0", "put up blink 1.1.0",
                                  "measure blink 1.1.0", "start blink 1.1.0"));
  EXPECT_THAT(apps(), ElementsAre("other 1.0.0 running", "blink 1.1.0 running"));
  EXPECT_THAT(kept(), ElementsAre("blink 1.1.0", "other 1.0.0"));
  EXPECT_EQ(floor_of(1), 5U);
  // It has the user, and so the storage, of the version before, and its log goes on.
  EXPECT_EQ(ground.numbers.at("blink 1.1.0").first, ground.numbers.at("blink 1.0.0").first);
  std::vector<std::string> log;
  for (const AppLogLine& line : house.find("blink")->log().after(0)) log.push_back(line.text);
  EXPECT_THAT(log, ElementsAre("installed, version 1.0.0", "started, version 1.0.0",
                               "ends for version 1.1.0", "ended with exit code 0",
                               "updated from version 1.0.0", "started, version 1.1.0"));
}

TEST_F(DeployingTest, AnAppThatAPersonStoppedIsStartedByItsUpdate) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  house.stop(*house.find("blink"));
  pass(100);
  done();
  ASSERT_EQ(deploy({.version = "1.1.0"}), "ok");
  EXPECT_THAT(done(),
              ElementsAre("measure blink 1.1.0", "take down blink 1.0.0", "put up blink 1.1.0",
                          "measure blink 1.1.0", "start blink 1.1.0"));
}

// ---- before anything changes

TEST_F(DeployingTest, PartsOutOfOrderBeyondTheSizeOrForNoRoomChangeNothing) {
  const Bytes package = testing::package_of({});
  const std::uint64_t size = package.size();
  EXPECT_EQ(install(package), "PV-DEP-002") << "nothing was received";
  EXPECT_EQ(word(deploying.receive(size, 1, ByteView(package).first(1))), "PV-DEP-001");
  EXPECT_EQ(word(deploying.receive(size, 0, ByteView(package).first(100))), "ok");
  EXPECT_EQ(word(deploying.receive(size, 101, ByteView(package).subspan(101))), "PV-DEP-001");
  EXPECT_EQ(install(package), "PV-DEP-002") << "it is not whole";
  EXPECT_EQ(word(deploying.receive(size, 100, ByteView(package).subspan(100))), "ok");
  EXPECT_EQ(install(testing::package_of({.epoch = 9})), "PV-DEP-002") << "another one";
  EXPECT_EQ(install(package), "ok");
  EXPECT_EQ(word(deploying.receive(kReceivedBytesMax + 1, 0, package)), "PV-DEP-003");
  EXPECT_EQ(install(package), "PV-DEP-002") << "that began anew";
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 running"));
}

TEST_F(DeployingTest, WhatIsRefusedEndsNobodyAndRaisesNoFloor) {
  ASSERT_EQ(deploy(AppWish{.epoch = 4}), "ok");
  done();
  EXPECT_EQ(deploy({.version = "0.9.0", .epoch = 3}), "PV-INS-004");
  EXPECT_EQ(deploy(testing::package_of({.version = "1.1.0", .epoch = 9}, "other")), "PV-INS-001");
  Bytes bent = testing::package_of({.version = "1.1.0", .epoch = 9});
  bent.back() ^= std::byte{1};
  EXPECT_EQ(deploy(bent), "PV-PKG-002");
  EXPECT_EQ(install(bent), "PV-DEP-002") << "nothing of it stays";
  EXPECT_EQ(deploy({.number = 2}), "PV-MAN-020") << "another app of the same name";
  EXPECT_THAT(done(), IsEmpty());
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 running"));
  EXPECT_THAT(kept(), ElementsAre("blink 1.0.0"));
  EXPECT_EQ(floor_of(1), 4U);
}

TEST_F(DeployingTest, TheFloorIsAlsoThatOfTheVersionThatRuns) {
  // As after an end between two writes of an earlier deployment: no floor was kept.
  (void)house.move_in(testing::installed(folder.path(), {.epoch = 7}), 1000);
  EXPECT_EQ(deploy({.version = "1.1.0", .epoch = 6}), "PV-INS-004");
  EXPECT_EQ(deploy({.version = "1.1.0", .epoch = 7}), "ok");
}

TEST_F(DeployingTest, WhatCannotBeMeasuredIsRefusedWhileTheVersionBeforeRunsOn) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  done();
  unmeasured["blink 1.1.0"] = 1;
  const Bytes update = testing::package_of({.version = "1.1.0", .epoch = 5});
  EXPECT_EQ(deploy(update), "PV-TST-001");
  EXPECT_THAT(done(), ElementsAre("measure blink 1.1.0"));
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 running"));
  EXPECT_EQ(floor_of(1), 4U);
  EXPECT_EQ(install(update), "ok") << "what was received is still there";
}

// ---- the end of the version before

TEST_F(DeployingTest, WhoDoesNotEndWhenAskedIsKilledAtTheTimeOfItsManifest) {
  ASSERT_EQ(deploy(AppWish{.lifecycle = R"({"stop_timeout_ms":2000})"}), "ok");
  ground.ends_when_asked = false;
  done();
  const std::int64_t begin_ms = clock.steady_ms();
  ASSERT_EQ(deploy({.version = "1.1.0"}), "ok");
  EXPECT_GE(tenths_since(begin_ms), 20);
  EXPECT_LE(tenths_since(begin_ms), 22);
  EXPECT_THAT(done(), ElementsAre("measure blink 1.1.0", "ask blink 1.0.0", "kill blink 1.0.0",
                                  "gone blink 1.0.0", "take down blink 1.0.0", "put up blink 1.1.0",
                                  "measure blink 1.1.0", "start blink 1.1.0"));
}

TEST_F(DeployingTest, WhoHangsInTheKernelHoldsNobodyUpForLonger) {
  ASSERT_EQ(deploy(AppWish{.lifecycle = R"({"stop_timeout_ms":60000})"}), "ok");
  ground.ends_when_asked = ground.ends_when_killed = false;
  const std::int64_t begin_ms = clock.steady_ms();
  EXPECT_EQ(deploy({.version = "1.1.0"}), "PV-DEP-008");
  EXPECT_EQ(tenths_since(begin_ms), (kUpdateStopMs + kKillMs) / 100);
  EXPECT_THAT(kept(), ElementsAre("blink 1.0.0"));
  EXPECT_EQ(remove("blink"), "PV-DEP-008");
  EXPECT_THAT(kept(), IsEmpty()) << "the next start of the device has none";
  ground.ends_when_killed = true;
  ground.end("blink");
}

TEST_F(DeployingTest, WhoHungAndEndedAfterAllIsStartedAgain) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  ground.ends_when_asked = ground.ends_when_killed = false;
  EXPECT_EQ(deploy({.version = "1.1.0"}), "PV-DEP-008");
  ground.ends_when_asked = ground.ends_when_killed = true;
  ground.end("blink");
  pass(200);
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 running"));
  ASSERT_EQ(deploy({.version = "1.1.0"}), "ok");
  EXPECT_THAT(apps(), ElementsAre("blink 1.1.0 running"));
}

TEST_F(DeployingTest, AnAppThatDiesWhileItIsAskedIsReplacedAtOnce) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  ground.ends_when_asked = false;
  planned.emplace_back([this] { ground.end("blink", {.by_signal = true, .code = SIGSEGV}); });
  const std::int64_t begin_ms = clock.steady_ms();
  ASSERT_EQ(deploy({.version = "1.1.0"}), "ok");
  EXPECT_LE(tenths_since(begin_ms), 2);
  EXPECT_THAT(apps(), ElementsAre("blink 1.1.0 running"));
}

// ---- the new version's own steps

TEST_F(DeployingTest, IfAWallOfTheNewVersionFailsTheOneBeforeIsBack) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  done();
  ground.fails["put up blink 1.1.0"] = 1;
  EXPECT_EQ(deploy({.version = "1.1.0", .epoch = 5}), "PV-TST-001");
  EXPECT_THAT(done(),
              ElementsAre("measure blink 1.1.0", "ask blink 1.0.0", "gone blink 1.0.0",
                          "take down blink 1.0.0", "no put up blink 1.1.0", "measure blink 1.0.0",
                          "put up blink 1.0.0", "start blink 1.0.0"));
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 running"));
  EXPECT_THAT(kept(), ElementsAre("blink 1.0.0"));
  EXPECT_EQ(floor_of(1), 4U) << "a version that never was here keeps no other away";
}

TEST_F(DeployingTest, IfNeitherFindsItsWallsTheOneBeforeIsTriedAgainAndAgain) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  ground.fails["put up blink 1.1.0"] = 1;
  ground.fails["put up blink 1.0.0"] = 2;
  EXPECT_EQ(deploy({.version = "1.1.0"}), "PV-TST-001");
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 waiting"));
  EXPECT_THAT(house.find("blink")->last_event(), HasSubstr("not started: PV-TST-001"));
  done();
  pass(1000);
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 waiting"));
  pass(2000);
  EXPECT_THAT(done(),
              ElementsAre("measure blink 1.0.0", "no put up blink 1.0.0", "measure blink 1.0.0",
                          "put up blink 1.0.0", "start blink 1.0.0"));
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 running"));
}

TEST_F(DeployingTest, WhileTheOneBeforeWaitsForItsWallsAnotherDeploymentMayMendIt) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  ground.fails["put up blink 1.1.0"] = 1;
  ground.fails["put up blink 1.0.0"] = 1000;
  EXPECT_EQ(deploy({.version = "1.1.0"}), "PV-TST-001");
  pass(10'000);
  EXPECT_EQ(deploy({.version = "1.2.0"}), "ok");
  EXPECT_EQ(installed.replaced, "1.0.0");
  EXPECT_THAT(apps(), ElementsAre("blink 1.2.0 running"));
}

TEST_F(DeployingTest, AnAppThatWasStoppedComesBackStopped) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  house.stop(*house.find("blink"));
  pass(100);
  ground.fails["put up blink 1.1.0"] = 1;
  EXPECT_EQ(deploy({.version = "1.1.0"}), "PV-TST-001");
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 stopped"));
  house.start(*house.find("blink"));
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 running"));
}

TEST_F(DeployingTest, AnAppThatWasToStartLaterComesBackStarted) {
  (void)house.move_in(testing::installed(folder.path(), {}), 1000);
  house.start_all_later();
  ground.fails["put up blink 1.1.0"] = 1;
  EXPECT_EQ(deploy({.version = "1.1.0"}), "PV-TST-001");
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 running"));
}

TEST_F(DeployingTest, IfThePackageCannotBeKeptTheVersionBeforeIsBack) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  block_keeping(1);
  done();
  EXPECT_EQ(deploy({.version = "1.1.0", .epoch = 5}), "PV-DEP-004");
  EXPECT_THAT(done(),
              ElementsAre("measure blink 1.1.0", "ask blink 1.0.0", "gone blink 1.0.0",
                          "take down blink 1.0.0", "put up blink 1.1.0", "take down blink 1.1.0",
                          "measure blink 1.0.0", "put up blink 1.0.0", "start blink 1.0.0"))
      << "the new version never ran";
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 running"));
  EXPECT_EQ(floor_of(1), 4U);
}

TEST_F(DeployingTest, IfTheFloorCannotBeWrittenNothingIsKept) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  fs::create_directories(folder / "packages/floor.new/in the way");
  EXPECT_EQ(deploy({.version = "1.1.0", .epoch = 5}), "PV-DEP-004");
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 running"));
  EXPECT_THAT(kept(), ElementsAre("blink 1.0.0"));
  EXPECT_EQ(floor_of(1), 4U);
}

TEST_F(DeployingTest, AnAppThatIsNewAndFailsIsNotThere) {
  ground.fails["put up blink 1.0.0"] = 1;
  EXPECT_EQ(deploy(AppWish{}), "PV-TST-001");
  EXPECT_THAT(apps(), IsEmpty());
  EXPECT_THAT(kept(), IsEmpty());
  block_keeping(1);
  EXPECT_EQ(deploy(AppWish{}), "PV-DEP-004");
  EXPECT_THAT(apps(), IsEmpty());
}

TEST_F(DeployingTest, ANewVersionWhoseProgramDoesNotStartStaysAndIsTriedAgain) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  ground.fails["start blink 1.1.0"] = 1;
  EXPECT_EQ(deploy({.version = "1.1.0", .epoch = 5}), "ok");
  EXPECT_EQ(installed.state, apps_ipc::AppState::waiting);
  EXPECT_THAT(kept(), ElementsAre("blink 1.1.0"));
  EXPECT_EQ(floor_of(1), 5U);
  pass(1000);
  EXPECT_THAT(apps(), ElementsAre("blink 1.1.0 running"));
}

TEST_F(DeployingTest, ANewVersionThatIsNotMeasuredWhenItStartsIsTriedAgain) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  planned.emplace_back([this] { unmeasured["blink 1.1.0"] = 1; });  // while the other one ends
  EXPECT_EQ(deploy({.version = "1.1.0"}), "ok");
  EXPECT_EQ(installed.state, apps_ipc::AppState::waiting);
  pass(1000);
  EXPECT_THAT(apps(), ElementsAre("blink 1.1.0 running"));
}

// ---- the device goes down

TEST_F(DeployingTest, ADeviceThatGoesDownWhileTheVersionBeforeEndsHasThatOneAtItsNextStart) {
  ASSERT_EQ(deploy(AppWish{}), "ok");
  ground.ends_when_asked = false;
  planned.emplace_back([this] { stays_up = false; });
  done();
  EXPECT_EQ(deploy({.version = "1.1.0", .epoch = 5}), "PV-DEP-007");
  EXPECT_THAT(done(), ElementsAre("measure blink 1.1.0", "ask blink 1.0.0", "kill blink 1.0.0",
                                  "kill blink 1.0.0", "gone blink 1.0.0", "take down blink 1.0.0"))
      << "nothing is begun any more";
  EXPECT_THAT(kept(), ElementsAre("blink 1.0.0"));
  EXPECT_EQ(floor_of(1), 4U);
}

TEST_F(DeployingTest, ADeviceThatGoesDownWhileAnAppThinksAboutItsUpdateEndsNobody) {
  ASSERT_EQ(deploy(AppWish{.capabilities = kDefers}), "ok");
  planned.emplace_back([this] { stays_up = false; });
  done();
  EXPECT_EQ(deploy({.version = "1.1.0", .capabilities = kDefers}), "PV-DEP-007");
  EXPECT_THAT(done(), IsEmpty());
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 running"));
}

TEST_F(DeployingTest, WhatIsRemovedWhileTheDeviceGoesDownIsGone) {
  fs::create_directory(image);
  testing::write_package(image / "blink.pvimage", testing::package_of({}));
  ASSERT_EQ(deploy({.version = "1.1.0"}), "ok");
  fs::create_directories(folder / "storage" / testing::component_text(1) / "deep");
  ground.ends_when_asked = false;
  planned.emplace_back([this] { stays_up = false; });
  EXPECT_EQ(remove("blink"), "ok");
  EXPECT_FALSE(fs::exists(folder / "storage" / testing::component_text(1)));
  EXPECT_THAT(kept(), ElementsAre("blink 1.0.0"));
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 stopped")) << "nothing is started any more";
}

// ---- an app that has its update wait

TEST_F(DeployingTest, AnAppHasSomeTimeToHaveItsUpdateWait) {
  ASSERT_EQ(deploy(AppWish{.capabilities = kDefers}), "ok");
  const std::int64_t begin_ms = clock.steady_ms();
  ASSERT_EQ(deploy({.version = "1.1.0", .capabilities = kDefers}), "ok");
  EXPECT_GE(tenths_since(begin_ms), kUpdateNoticeMs / 100) << "it says nothing";
  EXPECT_LE(tenths_since(begin_ms), kUpdateNoticeMs / 100 + 1);
}

TEST_F(DeployingTest, AnUpdateWaitsAsLongAsItsAppSaysAndIsThenPutInPlace) {
  ASSERT_EQ(deploy(AppWish{.capabilities = kDefers}), "ok");
  planned.emplace_back([this] { ground.say("blink", std::string(kDeferAMinute)); });
  done();
  const Bytes update = testing::package_of({.version = "1.1.0", .capabilities = kDefers});
  EXPECT_EQ(deploy(update), "PV-DEP-006");
  EXPECT_THAT(done(), IsEmpty());
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 running"));
  EXPECT_EQ(install(update), "PV-DEP-006") << "asking again changes nothing";
  pass(61'000);
  EXPECT_EQ(install(update), "ok") << "what was received is still there";
  EXPECT_THAT(apps(), ElementsAre("blink 1.1.0 running"));
}

TEST_F(DeployingTest, AnAppMayChangeItsMind) {
  ASSERT_EQ(deploy(AppWish{.capabilities = kDefers}), "ok");
  planned.emplace_back([this] { ground.say("blink", std::string(kDeferNoMore)); });
  const std::int64_t begin_ms = clock.steady_ms();
  ASSERT_EQ(deploy({.version = "1.1.0", .capabilities = kDefers}), "ok");
  EXPECT_LE(tenths_since(begin_ms), 5);
}

TEST_F(DeployingTest, AnAppThatEndsHasNothingWaitAnyMore) {
  ASSERT_EQ(deploy(AppWish{.capabilities = kDefers}), "ok");
  planned.emplace_back([this] { ground.say("blink", std::string(kDeferAMinute)); });
  const Bytes update = testing::package_of({.version = "1.1.0", .capabilities = kDefers});
  EXPECT_EQ(deploy(update), "PV-DEP-006");
  ground.end("blink", {.by_signal = false, .code = 1});
  pass(100);
  EXPECT_EQ(install(update), "ok");
}

// ---- two at a time

TEST_F(DeployingTest, OfTwoWhoDeployAtOnceTheOneWhoBeganLaterHasTheStore) {
  const Bytes first = testing::package_of({.version = "1.1.0"});
  const Bytes second = testing::package_of({.version = "1.2.0"});
  EXPECT_EQ(word(deploying.receive(first.size(), 0, ByteView(first).first(100))), "ok");
  EXPECT_EQ(receive(second), "ok");
  EXPECT_EQ(word(deploying.receive(first.size(), 100, ByteView(first).subspan(100))), "PV-DEP-001");
  EXPECT_EQ(install(first), "PV-DEP-002");
  EXPECT_EQ(install(second), "ok");
  EXPECT_EQ(install(second), "PV-DEP-002") << "once";
  EXPECT_THAT(apps(), ElementsAre("blink 1.2.0 running"));
}

TEST_F(DeployingTest, TwoVersionsAfterEachOtherLeaveTheHighestFloor) {
  ASSERT_EQ(deploy({.version = "1.0.0", .epoch = 5}), "ok");
  ASSERT_EQ(deploy({.version = "0.9.0", .epoch = 5}), "ok") << "the epoch counts, not the version";
  ASSERT_EQ(deploy({.version = "2.0.0", .epoch = 6}), "ok");
  EXPECT_EQ(deploy({.version = "1.0.0", .epoch = 5}), "PV-INS-004");
  EXPECT_THAT(kept(), ElementsAre("blink 2.0.0"));
}

TEST_F(DeployingTest, AnAppMayBeRemovedWhileItsUpdateComes) {
  ASSERT_EQ(deploy({.version = "1.0.0", .epoch = 5}), "ok");
  const Bytes update = testing::package_of({.version = "1.1.0", .epoch = 4});
  EXPECT_EQ(receive(update), "ok");
  EXPECT_EQ(remove("blink"), "ok");
  EXPECT_EQ(install(update), "PV-INS-004") << "its floor stays";
  EXPECT_EQ(deploy({.version = "1.1.0", .epoch = 5}), "ok");
  EXPECT_EQ(installed.replaced, "");
}

TEST_F(DeployingTest, AnUpdateThatWaitsDoesNotKeepItsAppFromBeingRemoved) {
  ASSERT_EQ(deploy(AppWish{.capabilities = kDefers}), "ok");
  planned.emplace_back([this] { ground.say("blink", std::string(kDeferAMinute)); });
  EXPECT_EQ(deploy({.version = "1.1.0", .capabilities = kDefers}), "PV-DEP-006");
  EXPECT_EQ(remove("blink"), "ok");
  EXPECT_THAT(apps(), IsEmpty());
  EXPECT_THAT(kept(), IsEmpty());
}

// ---- removing

TEST_F(DeployingTest, WhatIsRemovedIsGoneWithItsStorageAndTheImagesVersionIsBack) {
  fs::create_directory(image);
  testing::write_package(image / "blink.pvimage", testing::package_of({}));
  ASSERT_EQ(deploy({.version = "1.1.0"}), "ok");
  fs::create_directories(folder / "storage" / testing::component_text(1) / "deep");
  done();
  EXPECT_EQ(remove("blink"), "ok");
  EXPECT_EQ(left, apps_ipc::AppSource::image);
  EXPECT_THAT(done(),
              ElementsAre("ask blink 1.1.0", "gone blink 1.1.0", "take down blink 1.1.0",
                          "measure blink 1.0.0", "put up blink 1.0.0", "start blink 1.0.0"));
  EXPECT_FALSE(fs::exists(folder / "storage" / testing::component_text(1)));
  EXPECT_EQ(remove("blink"), "PV-DEP-005") << "that one is the image's";
  EXPECT_EQ(remove("nobody"), "PV-AIP-003");
}

TEST_F(DeployingTest, AnImageVersionBelowTheFloorDoesNotComeBack) {
  fs::create_directory(image);
  testing::write_package(image / "blink.pvimage", testing::package_of({.epoch = 4}));
  ASSERT_EQ(deploy({.version = "1.1.0", .epoch = 5}), "ok");
  EXPECT_EQ(remove("blink"), "ok");
  EXPECT_EQ(left, apps_ipc::AppSource::deployed);
  EXPECT_THAT(apps(), IsEmpty());
  EXPECT_THAT(lines, Contains(HasSubstr("the image's version is not installed: PV-INS-004")));
}

TEST_F(DeployingTest, AnImageVersionWithoutWallsIsTriedAgain) {
  fs::create_directory(image);
  testing::write_package(image / "blink.pvimage", testing::package_of({}));
  ASSERT_EQ(deploy({.version = "1.1.0"}), "ok");
  ground.fails["put up blink 1.0.0"] = 1;
  EXPECT_EQ(remove("blink"), "ok");
  EXPECT_EQ(left, apps_ipc::AppSource::image);
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 waiting"));
  pass(1000);
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 running"));
}

TEST_F(DeployingTest, WhatCannotBeErasedRunsOnAndItsFloorIsKept) {
  ASSERT_EQ(deploy(AppWish{.epoch = 5}), "ok");
  fs::remove(folder / "packages" / (testing::component_text(1) + ".epoch"));
  block_keeping(1);
  done();
  EXPECT_EQ(remove("blink"), "PV-DEP-004");
  EXPECT_THAT(done(), IsEmpty());
  EXPECT_THAT(apps(), ElementsAre("blink 1.0.0 running"));
  EXPECT_EQ(floor_of(1), 5U);
}

}  // namespace
}  // namespace pavise::device
