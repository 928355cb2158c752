// The launcher's side against the real monitor, over a socket, with a root of trust in memory.
#include "device/apps/measurement/app_measurements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "device/monitor/dispatch.h"
#include "device/root_of_trust/fake/fake.h"
#include "protocol/monitor_ipc/monitor_ipc.h"

namespace pavise::device {
namespace {

using app_measurement::kAppEventsMax;
using app_measurement::kAppPcr;
using root_of_trust::FakeMaker;
using root_of_trust::FakeRootOfTrust;
using ::testing::HasSubstr;

constexpr int kWaitMs = 20'000;

manifest::ComponentId component(char last) {
  return manifest::ComponentId::parse(std::string("0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f1") + last)
      .value();
}
Digest256 policy(int fill) {
  Digest256 out;
  out.fill(static_cast<std::byte>(fill));
  return out;
}
const Digest256 kContent{std::byte{0x0e}, std::byte{0x5c}};

app_measurement::AppEvent event(char number, const manifest::Version& version, int fill) {
  return {.component = component(number),
          .version = version,
          .policy_digest = policy(fill),
          .content_digest = kContent};
}

class AppMeasurementsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "pavise-apps-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    ASSERT_TRUE(root_->provision());
  }
  void TearDown() override {
    end_monitor();
    std::filesystem::remove_all(folder_);
  }

  // Our end of a monitor's socket. The monitor before it is gone.
  ipc::SeqpacketChannel start_monitor() {
    end_monitor();
    auto [ours, its] = ipc::make_pair().value();
    auto [agents, monitors] = ipc::make_pair().value();
    auto [inits, monitors_init] = ipc::make_pair().value();
    keeps_it_.emplace(std::move(agents));
    init_.emplace(std::move(inits));
    monitor_.emplace(*root_, monitor::Inputs{});
    thread_ = std::thread([this,
                           channels = monitor::Channels{std::move(monitors_init),
                                                        std::move(monitors), std::move(its)}] {
      (void)monitor::serve(channels, [this](monitor::Client client, const Result<Bytes>& packet) {
        return monitor::answer(*monitor_, client, packet);
      });
    });
    return std::move(ours);
  }
  void end_monitor() {
    keeps_it_.reset();
    if (thread_.joinable()) thread_.join();
  }
  std::string path() const { return folder_ / "apps-measured"; }
  AppMeasurements opened() const { return AppMeasurements::open(path(), kWaitMs).value(); }
  Digest256 pcr_13() {
    return root_->read_pcrs(root_of_trust::PcrMask::from_bits(1U << kAppPcr).value())->at(kAppPcr);
  }
  static Digest256 replayed(const std::vector<std::string>& texts) {
    return app_measurement::pcr_after(texts);
  }

  std::filesystem::path folder_;
  std::unique_ptr<FakeRootOfTrust> root_ =
      FakeRootOfTrust::create(FakeMaker::create().value()).value();
  std::optional<monitor::Monitor> monitor_;
  std::optional<ipc::SeqpacketChannel> keeps_it_, init_;
  std::thread thread_;
};

TEST_F(AppMeasurementsTest, WhatIsMeasuredIsInThePcrAndInTheFile) {
  AppMeasurements apps = opened();
  ASSERT_TRUE(apps.connect(start_monitor()));
  ASSERT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)));
  EXPECT_EQ(apps.texts(),
            (std::vector<std::string>{"pavise:app 0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10 1.2.0 " +
                                      to_hex(policy(1)) + " " + to_hex(kContent)}));
  ASSERT_TRUE(apps.measure(event('1', {1, 2, 0}, 2)));
  EXPECT_EQ(apps.texts().size(), 2U);
  EXPECT_EQ(pcr_13(), replayed(apps.texts()));
  EXPECT_EQ(read_kept_list(path()).value(), apps.texts());
}

TEST_F(AppMeasurementsTest, TheMonitorSaysWhichDeviceThisIs) {
  AppMeasurements apps = opened();
  EXPECT_TRUE(apps.device().error().is(kDeviceNotKnown)) << "no monitor";
  ASSERT_TRUE(apps.connect(start_monitor()));
  EXPECT_EQ(apps.device().value(), root_->identity()->device);
  ASSERT_TRUE(apps.measure(event('0', {1, 2, 0}, 1))) << "asked between measurements";
  EXPECT_EQ(apps.device().value(), root_->identity()->device);
  end_monitor();
  EXPECT_TRUE(apps.device().error().is(kDeviceNotKnown));
  EXPECT_FALSE(apps.connected());
}

TEST_F(AppMeasurementsTest, TheSameIsMeasuredOnceAndAnotherPolicyAgain) {
  AppMeasurements apps = opened();
  ASSERT_TRUE(apps.connect(start_monitor()));
  ASSERT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)));
  const std::uint64_t commands = root_->commands_sent();
  ASSERT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)));
  EXPECT_EQ(root_->commands_sent(), commands) << "an app that starts again costs no TPM command";
  ASSERT_TRUE(apps.measure(event('0', {1, 2, 0}, 2)));
  ASSERT_TRUE(apps.measure(event('0', {1, 2, 1}, 2)));
  EXPECT_EQ(apps.texts().size(), 3U);
  EXPECT_EQ(pcr_13(), replayed(apps.texts()));
}

TEST_F(AppMeasurementsTest, ALauncherThatStartsAgainKnowsWhatWasMeasured) {
  std::vector<std::string> before;
  {
    AppMeasurements apps = opened();
    ASSERT_TRUE(apps.connect(start_monitor()));
    ASSERT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)));
    before = apps.texts();
  }
  AppMeasurements apps = opened();
  EXPECT_EQ(apps.texts(), before);
  ASSERT_TRUE(apps.connect(start_monitor()));
  ASSERT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)));
  EXPECT_EQ(pcr_13(), replayed(before)) << "not measured a second time";
  ASSERT_TRUE(apps.measure(event('1', {1, 2, 0}, 1)));
  EXPECT_EQ(pcr_13(), replayed(apps.texts()));
}

TEST_F(AppMeasurementsTest, AMonitorThatStartsAgainGetsTheWholeListAtOnce) {
  AppMeasurements apps = opened();
  ASSERT_TRUE(apps.connect(start_monitor()));
  ASSERT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)));
  ASSERT_TRUE(apps.measure(event('1', {1, 2, 0}, 1)));
  auto fresh = start_monitor();
  EXPECT_TRUE(apps.measure(event('2', {1, 2, 0}, 1)).error().is(kNotMeasured));
  EXPECT_FALSE(apps.connected());
  ASSERT_TRUE(apps.connect(std::move(fresh)));
  EXPECT_TRUE(apps.connected());
  end_monitor();
  EXPECT_EQ(monitor_->runtime_events().size(), 3U) << "before the next app starts";
  EXPECT_EQ(pcr_13(), replayed(apps.texts()));
}

// The text was kept, and one or the other ended before or after the TPM took it.
TEST_F(AppMeasurementsTest, AnEndBetweenFileAndTpmIsMadeGood) {
  for (const bool taken : {false, true}) {
    const std::string text = "pavise:app 0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10 1.2.0 " +
                             to_hex(policy(1)) + " " + to_hex(kContent);
    ASSERT_TRUE(write_kept_list(path(), {text}));
    root_->power_cycle();
    if (taken) ASSERT_TRUE(root_->extend(kAppPcr, crypto::sha256(as_bytes(text))));
    AppMeasurements apps = opened();
    ASSERT_TRUE(apps.connect(start_monitor()));
    EXPECT_EQ(pcr_13(), replayed({text}));
    ASSERT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)));
    EXPECT_EQ(pcr_13(), replayed({text}));
  }
}

TEST_F(AppMeasurementsTest, WithoutAMonitorNothingIsMeasured) {
  AppMeasurements apps = opened();
  EXPECT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)).error().is(kNotMeasured));
  EXPECT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)).error().is(kNotMeasured));
  ASSERT_TRUE(apps.connect(start_monitor()));
  EXPECT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)));
}

TEST_F(AppMeasurementsTest, ARefusalHasTheMonitorsReasonAndTheCallMayComeAgain) {
  AppMeasurements apps = opened();
  ASSERT_TRUE(apps.connect(start_monitor()));
  root_->fail_call(root_of_trust::kBusy, 1);
  const Status refused = apps.measure(event('0', {1, 2, 0}, 1));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(kNotMeasured));
  EXPECT_THAT(refused.error().detail(), HasSubstr("PV-ROT-006"));
  EXPECT_TRUE(apps.connected());
  EXPECT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)));
  EXPECT_EQ(pcr_13(), replayed(apps.texts()));
}

TEST_F(AppMeasurementsTest, APcrThatSomebodyElseExtendedStopsAllApps) {
  ASSERT_TRUE(root_->extend(kAppPcr, crypto::sha256(as_bytes("a system extension"))));
  AppMeasurements apps = opened();
  const Status connected = apps.connect(start_monitor());
  ASSERT_FALSE(connected);
  EXPECT_THAT(connected.error().detail(), HasSubstr("PV-MON-014"));
  EXPECT_FALSE(apps.measure(event('0', {1, 2, 0}, 1)));
}

TEST_F(AppMeasurementsTest, ALostFileStopsAllApps) {
  {
    AppMeasurements apps = opened();
    ASSERT_TRUE(apps.connect(start_monitor()));
    ASSERT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)));
  }
  std::filesystem::remove(path());
  AppMeasurements apps = opened();
  EXPECT_FALSE(apps.connect(start_monitor()));
  // Another history than the one that PCR 13 holds.
  EXPECT_FALSE(apps.measure(event('1', {1, 2, 0}, 1)));
  EXPECT_FALSE(apps.measure(event('0', {1, 2, 0}, 1)));
}

TEST_F(AppMeasurementsTest, ADamagedFileStopsAllApps) {
  std::ofstream(path()) << "pavise:app";
  EXPECT_TRUE(AppMeasurements::open(path()).error().is(kListUnreadable));
}

TEST_F(AppMeasurementsTest, WhatCannotBeKeptIsNotMeasured) {
  AppMeasurements apps = opened();
  ASSERT_TRUE(apps.connect(start_monitor()));
  std::filesystem::create_directory(path() + ".new");
  EXPECT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)).error().is(kListNotKept));
  EXPECT_TRUE(apps.texts().empty());
  EXPECT_EQ(pcr_13(), Digest256{});
}

TEST_F(AppMeasurementsTest, LimitAtNAndOneMore) {
  AppMeasurements apps = opened();
  ASSERT_TRUE(apps.connect(start_monitor()));
  for (std::uint16_t i = 0; i < kAppEventsMax; ++i)
    ASSERT_TRUE(apps.measure(event('0', {1, 2, i}, 1))) << i;
  EXPECT_TRUE(
      apps.measure(event('0', {2, 0, 0}, 1)).error().is(app_measurement::kTooManyAppEvents));
  EXPECT_EQ(apps.texts().size(), kAppEventsMax);
  EXPECT_TRUE(apps.measure(event('0', {1, 2, 0}, 1))) << "what was measured may start";
}

// Answers of a monitor that is bent.
TEST_F(AppMeasurementsTest, AnswersOfAnotherShapeAreNoConsent) {
  const auto refused_with = [&](Bytes reply) {
    std::filesystem::remove(path());
    auto [ours, its] = ipc::make_pair().value();
    std::thread bent([&its, &reply] {
      for (int i = 0; i < 2; ++i) {
        (void)its.receive(monitor_ipc::kMessageBytesMax, kWaitMs);
        (void)its.send(reply, kWaitMs);
      }
    });
    AppMeasurements apps = opened();
    (void)apps.connect(std::move(ours)).has_value();
    const Status status = apps.measure(event('0', {1, 2, 0}, 1));
    bent.join();
    return !status && status.error().is(kNotMeasured);
  };
  const auto bytes = [](const SecretBytes& message) { return to_bytes(message.view()); };
  EXPECT_TRUE(refused_with(bytes(monitor_ipc::encode(monitor_ipc::MeasureAppsResult{}))));
  EXPECT_TRUE(refused_with(bytes(monitor_ipc::encode(monitor_ipc::MeasureAppsResult{policy(3)}))));
  EXPECT_TRUE(refused_with(bytes(monitor_ipc::encode(monitor_ipc::StatusResult{1, 1, 1}))));
  EXPECT_TRUE(refused_with(Bytes(40, std::byte{0xff})));
}

// Init hands the same socket to the next launcher.
TEST_F(AppMeasurementsTest, AnAnswerToTheLauncherBeforeIsNotTakenForOurs) {
  const auto channel = start_monitor();
  const auto copy = [&] { return ipc::SeqpacketChannel(UniqueFd(::dup(channel.fd()))); };
  {
    AppMeasurements apps = opened();
    ASSERT_TRUE(apps.connect(copy()));
    ASSERT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)));
  }
  // It asked once more, with what is refused, and ended.
  ASSERT_TRUE(channel.send(monitor_ipc::encode(monitor_ipc::MeasureApps{{"nonsense"}}), kWaitMs));
  pollfd answered{channel.fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&answered, 1, kWaitMs), 1);
  AppMeasurements apps = opened();
  const Status connected = apps.connect(copy());
  ASSERT_TRUE(connected) << connected.error().message();
  ASSERT_TRUE(apps.measure(event('1', {1, 2, 0}, 1)));
  EXPECT_EQ(pcr_13(), replayed(apps.texts()));
}

// The monitor was still at work for it: our question gets that answer, and the next one ours.
TEST_F(AppMeasurementsTest, ALateAnswerToTheLauncherBeforeIsNoConsent) {
  auto [ours, its] = ipc::make_pair().value();
  const auto answer = [&its](const Digest256& pcr) {
    const SecretBytes message = monitor_ipc::encode(monitor_ipc::MeasureAppsResult{pcr});
    (void)its.send(message.view(), kWaitMs);
  };
  std::thread late([&] {
    (void)its.receive(monitor_ipc::kMessageBytesMax, kWaitMs);  // connect()
    answer(Digest256{});
    (void)its.receive(monitor_ipc::kMessageBytesMax, kWaitMs);  // the first measure()
    answer(policy(9));
  });
  AppMeasurements apps = opened();
  ASSERT_TRUE(apps.connect(std::move(ours)));
  EXPECT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)).error().is(kNotMeasured));
  late.join();
  answer(app_measurement::pcr_after(apps.texts()));  // to the first, late
  std::thread prompt([&] {
    (void)its.receive(monitor_ipc::kMessageBytesMax, kWaitMs);
    answer(app_measurement::pcr_after(apps.texts()));
  });
  EXPECT_TRUE(apps.measure(event('0', {1, 2, 0}, 1)));
  prompt.join();
}

TEST_F(AppMeasurementsTest, AMonitorThatDoesNotAnswerIsGone) {
  auto [ours, its] = ipc::make_pair().value();
  AppMeasurements apps = AppMeasurements::open(path(), 10).value();
  EXPECT_TRUE(apps.connect(std::move(ours)).error().is(kNotMeasured));
  EXPECT_FALSE(apps.connected()) << "its late answer must not be taken for the next one's";
}

}  // namespace
}  // namespace pavise::device
