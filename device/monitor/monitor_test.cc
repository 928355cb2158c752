#include "device/monitor/monitor.h"

#include <gtest/gtest.h>

#include "device/root_of_trust/fake/fake.h"
#include "protocol/eventlog/builder.h"
#include "protocol/tpm/attest.h"
#include "protocol/tpm/public_area.h"

namespace pavise::monitor {
namespace {

using pcr_policy::SignedPcrPolicy;
using root_of_trust::FakeMaker;
using root_of_trust::FakeRootOfTrust;
using root_of_trust::PcrMask;
using root_of_trust::PcrValues;

PcrMask boot_pcrs() {
  return PcrMask::of(std::vector<unsigned>{7, 11}).value();
}

class MonitorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(root_->provision());
    boot("release one");
    policy_ = sign_present_state();
  }
  // Firmware starts a release: PCRs from zero, then its measurement.
  void boot(std::string_view release) {
    root_->power_cycle();
    ASSERT_TRUE(root_->extend(11, crypto::sha256(as_bytes(release))));
  }
  Bytes sign_present_state() {
    const std::vector<PcrValues> states{root_->read_pcrs(boot_pcrs()).value()};
    return SignedPcrPolicy::sign(policy_key_, states)->encode();
  }
  Monitor start() {
    return Monitor(*root_, {.event_log = log_,
                            .signed_policy = policy_,
                            .policy_key = policy_key_.public_key(),
                            .pss_kib = [] { return Result<std::uint64_t>(123); }});
  }
  Bytes sealed_at_epoch(std::uint64_t epoch) {
    auto made = start().open_data({}, epoch);
    EXPECT_TRUE(made) << made.error().message();
    return made ? made->blob : Bytes{};
  }
  Digest256 pcr_11() { return root_->read_pcrs(boot_pcrs())->at(11); }

  std::unique_ptr<FakeRootOfTrust> root_ =
      FakeRootOfTrust::create(FakeMaker::create().value()).value();
  crypto::P256PrivateKey policy_key_ = crypto::P256PrivateKey::generate().value();
  Bytes policy_;
  Bytes log_;
};

TEST_F(MonitorTest, ABlankPartitionGetsAKeyThatTheNextBootGetsAgain) {
  auto made = start().open_data({}, 1);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_TRUE(made->is_new);
  EXPECT_EQ(made->key.size(), kDataKeyBytes);
  EXPECT_LE(made->blob.size(), kBlobBytesMax);
  EXPECT_EQ(root_->read_counter()->steps(), 1U);

  boot("release one");
  auto again = start().open_data(made->blob, 1);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_FALSE(again->is_new);
  EXPECT_TRUE(equal(again->key.view(), made->key.view()));
  EXPECT_EQ(again->blob, made->blob);
}

TEST_F(MonitorTest, TwoBlankPartitionsGetTwoKeys) {
  auto one = start().open_data({}, 1);
  boot("release one");
  auto two = start().open_data({}, 1);
  EXPECT_FALSE(equal(one->key.view(), two->key.view()));
}

TEST_F(MonitorTest, OpeningIsMeasuredAndClosesTheDoor) {
  const Bytes blob = sealed_at_epoch(1);
  boot("release one");
  const Digest256 before = pcr_11();
  Monitor monitor = start();
  ASSERT_TRUE(monitor.open_data(blob, 1));
  EXPECT_EQ(pcr_11(), crypto::sha256({before, crypto::sha256(as_bytes("pavise:data-opened"))}));
  EXPECT_EQ(monitor.runtime_events(), (std::vector<RuntimeEvent>{{11, "pavise:data-opened"}}));
  EXPECT_TRUE(monitor.open_data(blob, 1).error().is(kOpenedAlready));
  // Not even a fresh monitor in the same boot gets the key.
  EXPECT_TRUE(start().open_data(blob, 1).error().is(root_of_trust::kStateNotAllowed));
}

TEST_F(MonitorTest, AnOlderReleaseGetsNoKey) {
  const Bytes blob = sealed_at_epoch(3);
  boot("release one");
  EXPECT_TRUE(start().open_data(blob, 2).error().is(kRolledBack));
  boot("release one");
  EXPECT_TRUE(start().open_data({}, 2).error().is(kRolledBack));
  boot("release one");
  EXPECT_TRUE(start().open_data(blob, 3));
}

TEST_F(MonitorTest, ANewerReleaseRaisesTheCounterOnlyAfterTheKeyCameOut) {
  const Bytes blob = sealed_at_epoch(1);
  boot("another state");
  EXPECT_TRUE(start().open_data(blob, 5).error().is(root_of_trust::kStateNotAllowed));
  EXPECT_EQ(root_->read_counter()->steps(), 1U);
  boot("release one");
  ASSERT_TRUE(start().open_data(blob, 5));
  EXPECT_EQ(root_->read_counter()->steps(), 5U);
}

TEST_F(MonitorTest, TheNextSignedReleaseOpensTheSameData) {
  auto made = start().open_data({}, 1);
  boot("release two");
  policy_ = sign_present_state();
  auto opened = start().open_data(made->blob, 2);
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_TRUE(equal(opened->key.view(), made->key.view()));
}

TEST_F(MonitorTest, AStateThatCouldNotOpenAgainGetsNoNewKey) {
  boot("another state");
  Monitor monitor = start();
  EXPECT_TRUE(monitor.open_data({}, 1).error().is(root_of_trust::kStateNotAllowed));
  EXPECT_EQ(root_->read_counter()->steps(), 0U);
  // Measured all the same, and the device can still attest so that it is refused with a reason.
  EXPECT_EQ(monitor.runtime_events().size(), 1U);
  EXPECT_TRUE(monitor.attest(boot_pcrs(), {}));
  EXPECT_TRUE(monitor.identity());
}

TEST_F(MonitorTest, EpochsAtTheLimitAndOneMore) {
  EXPECT_TRUE(start().open_data({}, kEpochStepsPerBootMax + 1).error().is(kEpochTooFar));
  boot("release one");
  EXPECT_TRUE(start().open_data({}, kEpochMax + 1).error().is(kEpochTooFar));
  boot("release one");
  EXPECT_TRUE(start().open_data({}, kEpochStepsPerBootMax));
}

TEST_F(MonitorTest, BentBlobsAreRefused) {
  const Bytes blob = sealed_at_epoch(1);
  for (std::size_t i = 0; i < blob.size(); ++i) {
    boot("release one");
    Bytes bent = blob;
    bent[i] ^= std::byte{1};
    EXPECT_TRUE(start().open_data(bent, 1).error().is(kForeignBlob)) << i;
  }
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{11}, std::size_t{12}, blob.size() - 1}) {
    boot("release one");
    EXPECT_TRUE(start().open_data(ByteView(blob).first(size), 1).error().is(kForeignBlob)) << size;
  }
  for (const std::size_t size : {kBlobBytesMax, kBlobBytesMax + 1}) {
    boot("release one");
    EXPECT_TRUE(start().open_data(Bytes(size), 1).error().is(kForeignBlob)) << size;
  }
}

TEST_F(MonitorTest, WithoutAValidPolicyThereIsNoKey) {
  const Bytes good = policy_;
  policy_.back() ^= std::byte{1};
  EXPECT_TRUE(start().open_data({}, 1).error().is(kNoPolicy));
  policy_.clear();
  boot("release one");
  EXPECT_TRUE(start().open_data({}, 1).error().is(kNoPolicy));
  // Signed by a stranger, whose key is in the file: only the key of the root file system counts.
  const auto stranger = crypto::P256PrivateKey::generate().value();
  boot("release one");
  policy_ =
      SignedPcrPolicy::sign(stranger, std::vector<PcrValues>{root_->read_pcrs(boot_pcrs()).value()})
          ->encode();
  EXPECT_TRUE(start().open_data({}, 1).error().is(kNoPolicy));
  policy_ = good;
  boot("release one");
  Monitor keyless(*root_,
                  {.event_log = {}, .signed_policy = policy_, .policy_key = {}, .pss_kib = {}});
  EXPECT_TRUE(keyless.open_data({}, 1).error().is(kNoPolicy));
}

TEST_F(MonitorTest, AKeyIsNotHandedOutIfTheDoorStaysOpen) {
  const Bytes blob = sealed_at_epoch(1);
  boot("release one");
  root_->fail_call(root_of_trust::kUnreachable, 2);  // counter, unseal, then the extend
  Monitor monitor = start();
  EXPECT_TRUE(monitor.open_data(blob, 1).error().is(kDoorStaysOpen));
  EXPECT_TRUE(monitor.runtime_events().empty());
}

TEST_F(MonitorTest, EveryFailureOfTheTpmIsAnErrorAndTheEventIsMeasured) {
  const Bytes blob = sealed_at_epoch(1);
  for (unsigned call = 0; call < 2; ++call) {
    boot("release one");
    root_->fail_call(root_of_trust::kBusy, call);
    Monitor monitor = start();
    EXPECT_TRUE(monitor.open_data(blob, 1).error().is(root_of_trust::kBusy)) << call;
    EXPECT_EQ(monitor.runtime_events().size(), 1U) << call;
  }
}

TEST_F(MonitorTest, ARestartedMonitorKnowsThatTheKeyIsOut) {
  eventlog::EventLogBuilder log;
  log.add_measured(11, eventlog::kEvIpl, as_bytes("release one"));
  log_ = log.bytes();
  Monitor first = start();
  ASSERT_TRUE(first.learn_past());
  EXPECT_TRUE(first.runtime_events().empty());
  ASSERT_TRUE(first.open_data({}, 1));

  Monitor second = start();
  ASSERT_TRUE(second.learn_past());
  EXPECT_EQ(second.runtime_events(), first.runtime_events());
  EXPECT_TRUE(second.open_data({}, 1).error().is(kOpenedAlready));

  // What it cannot explain, it does not claim.
  ASSERT_TRUE(root_->extend(11, Digest256{}));
  Monitor third = start();
  ASSERT_TRUE(third.learn_past());
  EXPECT_TRUE(third.runtime_events().empty());
}

std::string app(std::size_t version) {
  return "pavise:app 0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10 1.0." + std::to_string(version) +
         " 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef "
         "0e5c3a17d2b94f68a1c07d3e5b92f4680e5c3a17d2b94f68a1c07d3e5b92f468";
}
std::vector<std::string> apps(std::size_t count) {
  std::vector<std::string> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back(app(i));
  return out;
}
std::vector<RuntimeEvent> events_of(const std::vector<std::string>& texts) {
  std::vector<RuntimeEvent> out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.push_back({13, text});
  return out;
}

class MonitorAppsTest : public MonitorTest {
 protected:
  Digest256 pcr_13() { return root_->read_pcrs(PcrMask::from_bits(1U << 13U).value())->at(13); }
  static Digest256 replayed(const std::vector<std::string>& texts) {
    Digest256 value{};
    for (const std::string& text : texts) eventlog::extend(value, crypto::sha256(as_bytes(text)));
    return value;
  }
  // What it refuses must change nothing.
  void expect_refused(Monitor& monitor, const std::vector<std::string>& texts,
                      const ErrorInfo& info) {
    const Digest256 before = pcr_13();
    const auto events = monitor.runtime_events();
    const auto outcome = monitor.measure_apps(texts);
    ASSERT_FALSE(outcome);
    EXPECT_TRUE(outcome.error().is(info)) << outcome.error().message();
    EXPECT_EQ(pcr_13(), before);
    EXPECT_EQ(monitor.runtime_events(), events);
  }
};

TEST_F(MonitorAppsTest, EachNewTextIsExtendedOnce) {
  Monitor monitor = start();
  EXPECT_EQ(monitor.measure_apps({}).value(), Digest256{});
  EXPECT_EQ(pcr_13(), Digest256{});
  for (const std::size_t count : {1U, 1U, 2U, 5U, 5U}) {
    EXPECT_EQ(monitor.measure_apps(apps(count)).value(), replayed(apps(count)));
    EXPECT_EQ(pcr_13(), replayed(apps(count)));
    EXPECT_EQ(monitor.runtime_events(), events_of(apps(count)));
  }
}

TEST_F(MonitorAppsTest, TheDataKeyAndAppsDoNotMeet) {
  Monitor monitor = start();
  ASSERT_TRUE(monitor.measure_apps(apps(2)));
  const auto made = monitor.open_data({}, 1);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_TRUE(monitor.measure_apps(apps(3)));
  EXPECT_EQ(monitor.runtime_events(),
            (std::vector<RuntimeEvent>{
                {13, app(0)}, {13, app(1)}, {11, "pavise:data-opened"}, {13, app(2)}}));
}

TEST_F(MonitorAppsTest, TheListMayOnlyGrow) {
  Monitor monitor = start();
  ASSERT_TRUE(monitor.measure_apps(apps(3)));
  expect_refused(monitor, {}, kAppsRewritten);
  expect_refused(monitor, apps(2), kAppsRewritten);
  expect_refused(monitor, {app(0), app(2), app(1)}, kAppsRewritten);
  expect_refused(monitor, {app(9), app(0), app(1), app(2)}, kAppsRewritten);
  expect_refused(monitor, {app(0), app(1), app(9), app(10)}, kAppsRewritten);
  EXPECT_TRUE(monitor.measure_apps(apps(4)));
}

TEST_F(MonitorAppsTest, ForeignTextsAreRefusedWhole) {
  Monitor monitor = start();
  for (const std::string bad : {"pavise:data-opened", "", "pavise:app", "pavise:app x"})
    expect_refused(monitor, {app(0), bad}, app_measurement::kNotAppEvent);
  expect_refused(monitor, {app(0) + " "}, app_measurement::kNotAppEvent);
  expect_refused(monitor, {app(0), app(1), app(0)}, app_measurement::kAppEventTwice);
}

TEST_F(MonitorAppsTest, LimitAtNAndOneMore) {
  Monitor monitor = start();
  ASSERT_TRUE(monitor.measure_apps(apps(app_measurement::kAppEventsMax)));
  expect_refused(monitor, apps(app_measurement::kAppEventsMax + 1),
                 app_measurement::kTooManyAppEvents);
  // The event of the data key still has its place in evidence.
  ASSERT_TRUE(monitor.open_data({}, 1));
  EXPECT_EQ(monitor.runtime_events().size(), app_measurement::kAppEventsMax + 1);
}

TEST_F(MonitorAppsTest, ARestartedMonitorGoesOnWhereThePcrIs) {
  for (const std::size_t measured : {0U, 1U, 4U}) {
    for (const std::size_t listed : {measured, measured + 1, measured + 3}) {
      boot("release one");
      ASSERT_TRUE(start().measure_apps(apps(measured)));
      Monitor second = start();
      EXPECT_TRUE(second.runtime_events().empty());
      EXPECT_EQ(second.measure_apps(apps(listed)).value(), replayed(apps(listed)));
      EXPECT_EQ(pcr_13(), replayed(apps(listed)));
      EXPECT_EQ(second.runtime_events(), events_of(apps(listed)));
    }
  }
}

TEST_F(MonitorAppsTest, ARestartedMonitorTakesNoOtherHistory) {
  ASSERT_TRUE(start().measure_apps(apps(3)));
  Monitor second = start();
  expect_refused(second, {}, kAppsUnexplained);
  expect_refused(second, apps(2), kAppsUnexplained);
  expect_refused(second, {app(2), app(1), app(0)}, kAppsUnexplained);
  expect_refused(second, {app(1), app(2), app(3)}, kAppsUnexplained);
  EXPECT_TRUE(second.measure_apps(apps(3))) << "a refusal is no end";
}

TEST_F(MonitorAppsTest, WhatSomebodyElseExtendedIsRefused) {
  Monitor monitor = start();
  ASSERT_TRUE(monitor.measure_apps(apps(1)));
  ASSERT_TRUE(root_->extend(13, crypto::sha256(as_bytes("a system extension"))));
  expect_refused(monitor, apps(1), kAppsUnexplained);
  expect_refused(monitor, apps(2), kAppsUnexplained);
}

// A TPM that lost power while the monitor lived.
TEST_F(MonitorAppsTest, APcrThatWentBackIsRefused) {
  Monitor monitor = start();
  ASSERT_TRUE(monitor.measure_apps(apps(2)));
  root_->power_cycle();
  expect_refused(monitor, apps(2), kAppsUnexplained);
  ASSERT_TRUE(root_->extend(13, crypto::sha256(as_bytes(app(0)))));
  expect_refused(monitor, apps(3), kAppsUnexplained);
}

TEST_F(MonitorAppsTest, EveryFailureOfTheTpmIsAnErrorAndTheCallMayComeAgain) {
  for (unsigned call = 0; call < 4; ++call) {  // read, then three extends
    boot("release one");
    Monitor monitor = start();
    root_->fail_call(root_of_trust::kBusy, call);
    EXPECT_TRUE(monitor.measure_apps(apps(3)).error().is(root_of_trust::kBusy)) << call;
    EXPECT_EQ(monitor.runtime_events(), events_of(apps(call == 0 ? 0 : call - 1)));
    EXPECT_EQ(monitor.measure_apps(apps(3)).value(), replayed(apps(3))) << call;
    EXPECT_EQ(pcr_13(), replayed(apps(3)));
  }
}

// The TPM took it, but the answer was lost, or the monitor ended before it noted it.
TEST_F(MonitorAppsTest, AnExtendThatWasNotNotedIsFound) {
  Monitor monitor = start();
  ASSERT_TRUE(monitor.measure_apps(apps(1)));
  ASSERT_TRUE(root_->extend(13, crypto::sha256(as_bytes(app(1)))));
  EXPECT_EQ(monitor.measure_apps(apps(3)).value(), replayed(apps(3)));
  EXPECT_EQ(pcr_13(), replayed(apps(3)));
  EXPECT_EQ(monitor.runtime_events(), events_of(apps(3)));
}

TEST_F(MonitorTest, TheAgentsOperations) {
  Monitor monitor = start();
  const auto who = monitor.identity();
  ASSERT_TRUE(who);
  EXPECT_EQ(who->identity.device, root_->identity()->device);
  const auto digest = crypto::sha256(as_bytes("to sign"));
  const auto signature = monitor.sign_tls(digest);
  ASSERT_TRUE(signature);
  const auto key = tpm::PublicArea::parse(who->keys.tls_public)->p256_key();
  EXPECT_TRUE(key->verify_digest(digest, *crypto::ecdsa_from_der(*signature)));

  attestor::Binding binding{};
  binding.nonce.fill(std::byte{7});
  const auto quote = monitor.attest(boot_pcrs(), binding);
  ASSERT_TRUE(quote);
  EXPECT_EQ(tpm::Attest::parse(quote->attest)->extra_data,
            to_bytes(crypto::sha256({binding.nonce, binding.tls_exporter, binding.csr_digest})));

  const auto health = monitor.status();
  ASSERT_TRUE(health);
  EXPECT_EQ(health->pss_kib, 123U);
  EXPECT_GT(health->tpm_commands, 0U);
  EXPECT_TRUE(monitor.activate(Bytes(4), Bytes(4)).error().is(root_of_trust::kCredentialRefused));
}

}  // namespace
}  // namespace pavise::monitor
