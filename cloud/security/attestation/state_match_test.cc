#include "cloud/security/attestation/state_match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "cloud/security/attestation/log_policy.h"
#include "cloud/security/attestation/testing/soft_attester.h"

namespace pavise::attestation {
namespace {

using namespace std::string_view_literals;
using ::testing::HasSubstr;
using testing::kPolicyPcrs;
using ::testing::Not;
using testing::reference_set;
using testing::SoftAttester;
using testing::SoftImage;

StateMatch match(const SoftAttester& device, std::span<const release::ReferenceSet> releases,
                 std::string_view cmdline_claim = {}, std::uint32_t mask = kPolicyPcrs) {
  const auto log = eventlog::EventLog::parse(device.event_log());
  std::vector<RuntimeExtend> runtime;
  runtime.reserve(device.runtime.size() + device.apps.size());
  for (const std::string& text : device.runtime)
    runtime.push_back({11, text, crypto::sha256(as_bytes(text))});
  for (const std::string& text : device.apps)
    runtime.push_back({13, text, crypto::sha256(as_bytes(text))});
  return match_state({.values = device.tpm.pcrs,
                      .mask = mask,
                      .log = *log,
                      .runtime = runtime,
                      .cmdline_claim = cmdline_claim},
                     releases);
}

TEST(StateMatch, AReleasedImageMatches) {
  const SoftAttester device;
  const std::vector releases{reference_set(device.image)};
  const StateMatch result = match(device, releases);
  EXPECT_EQ(result.release, &releases[0]);
  ASSERT_NE(result.platform, nullptr);
  EXPECT_TRUE(result.reason.empty());
  for (const Measurement& m : result.measurements) {
    EXPECT_EQ(m.state, MeasurementState::matches) << m.name;
    EXPECT_FALSE(m.words.empty());
  }
  // 8 sections and the runtime event in PCR 11; PCR 12 as a whole.
  EXPECT_EQ(std::ranges::count(result.measurements, 11, &Measurement::pcr), 9);
  EXPECT_EQ(std::ranges::count(result.measurements, 12, &Measurement::pcr), 1);
}

TEST(StateMatch, FindsTheRightOneOfMany) {
  std::vector<release::ReferenceSet> releases;
  for (int i = 0; i < 20; ++i) {
    SoftImage image;
    image.version = "0." + std::to_string(i);
    image.kernel += std::to_string(i);
    releases.push_back(reference_set(image));
  }
  SoftImage image;
  image.kernel += "13";
  const StateMatch result = match(SoftAttester(image), releases);
  ASSERT_NE(result.release, nullptr);
  EXPECT_EQ(result.release->version, "0.13");
}

TEST(StateMatch, NamesTheComponentThatDiffers) {
  const std::vector releases{reference_set(SoftImage{})};
  struct Row {
    std::string SoftImage::* part;
    std::string_view words;
  };
  const Row rows[] = {{&SoftImage::kernel, "kernel differs"},
                      {&SoftImage::os_release, "OS release file differs"},
                      {&SoftImage::initrd, "initial RAM disk differs"},
                      {&SoftImage::root, "kernel command line differs"}};
  for (const Row& row : rows) {
    SoftImage image;
    image.*row.part = "changed";
    const StateMatch result = match(SoftAttester(image), releases);
    EXPECT_EQ(result.release, nullptr);
    EXPECT_EQ(result.nearest, &releases[0]);
    EXPECT_THAT(result.reason, HasSubstr(row.words));
    EXPECT_THAT(result.reason, Not(HasSubstr("boot image"))) << "PCR 4 differs with any part";
    EXPECT_THAT(result.reason, HasSubstr("pavise-os 0.1.0"));
  }
}

TEST(StateMatch, ProvenCommandLineNamesTheRootFileSystem) {
  const std::vector releases{reference_set(SoftImage{})};
  SoftImage image;
  image.root = "changed";
  const SoftAttester device(image);
  const StateMatch result = match(device, releases, image.cmdline());
  EXPECT_THAT(result.reason,
              HasSubstr("root file system differs: " + to_hex(image.root_hash()).substr(0, 12)));
  EXPECT_THAT(result.reason, HasSubstr("not of any released version"));
  EXPECT_THAT(result.reason, Not(HasSubstr("command line differs")));
}

TEST(StateMatch, AClaimThatTheLogDoesNotProveIsIgnored) {
  const std::vector releases{reference_set(SoftImage{})};
  SoftImage image;
  image.root = "changed";
  SoftImage lie;
  lie.root = "yet another";
  const StateMatch result = match(SoftAttester(image), releases, lie.cmdline());
  EXPECT_THAT(result.reason, HasSubstr("kernel command line differs"));
  EXPECT_THAT(result.reason, Not(HasSubstr("root file system")));
}

TEST(StateMatch, CommandLineDiffersWithAReleasedRoot) {
  const std::vector releases{reference_set(SoftImage{})};
  SoftAttester device;
  const std::string cmdline = device.image.cmdline() + " init=/bin/sh";
  for (testing::SoftEvent& event : device.events)
    if (event.name == ".cmdline section") event.digest = crypto::sha256(as_bytes(cmdline));
  device.tpm.reset();
  for (const testing::SoftEvent& event : device.events) device.tpm.extend(event.pcr, event.digest);
  const StateMatch result = match(device, releases, cmdline);
  EXPECT_EQ(result.release, nullptr);
  EXPECT_THAT(result.reason, HasSubstr("kernel command line differs"));
}

TEST(StateMatch, AnExtendedEmptyPcrIsRefused) {
  const std::vector releases{reference_set(SoftImage{})};
  for (const unsigned pcr : {12U, 13U, 14U}) {
    SoftAttester device;
    device.tpm.extend(pcr, crypto::sha256(as_bytes("overridden command line")));
    const StateMatch result = match(device, releases);
    EXPECT_EQ(result.release, nullptr);
    EXPECT_THAT(result.reason, HasSubstr("PCR " + std::to_string(pcr) + " was extended"));
  }
}

TEST(StateMatch, AppsExplainPcr13) {
  const std::vector releases{reference_set(SoftImage{})};
  SoftAttester device;
  for (const unsigned number : {1U, 2U, 3U}) {
    device.measure_app(testing::app_text(number));
    const StateMatch result = match(device, releases);
    EXPECT_EQ(result.release, &releases[0]) << result.reason;
    const auto row = std::ranges::find(result.measurements, 13, &Measurement::pcr);
    ASSERT_NE(row, result.measurements.end());
    EXPECT_EQ(row->state, MeasurementState::matches);
    EXPECT_EQ(row->component, "apps");
    EXPECT_EQ(row->digest, device.tpm.pcrs[13]);
    EXPECT_EQ(row->words, std::to_string(number) + " measured, each with what it may do");
  }
}

TEST(StateMatch, WhatIsNoAppDoesNotExplainPcr13) {
  const std::vector releases{reference_set(SoftImage{})};
  const std::string app = testing::app_text(1);
  const auto reason = [&](auto bend) {
    SoftAttester device;
    bend(device);
    const StateMatch result = match(device, releases);
    EXPECT_EQ(result.release, nullptr);
    return result.reason;
  };
  EXPECT_THAT(reason([&](SoftAttester& device) { device.measure_app("pavise:data-opened"); }),
              HasSubstr("PCR 13 was extended"));
  EXPECT_THAT(reason([&](SoftAttester& device) {
                device.measure_app(app);
                device.measure_app("something");
              }),
              HasSubstr("PCR 13 was extended by something that is no app"));
  EXPECT_THAT(reason([&](SoftAttester& device) {
                device.tpm.extend(13, crypto::sha256(as_bytes("a system extension")));
                device.measure_app(app);
              }),
              HasSubstr("PCR 13 was extended by something that is no app"));
  EXPECT_THAT(reason([&](SoftAttester& device) { device.apps.push_back(app); }),
              HasSubstr("PCR 13 was extended by something that is no app"))
      << "an event without its extend";
}

TEST(StateMatch, AReleaseThatFixesPcr13IsTakenAtItsWord) {
  std::vector releases{reference_set(SoftImage{})};
  SoftAttester device;
  releases[0].pcrs.push_back({13, Digest256{}});
  EXPECT_EQ(match(device, releases).release, &releases[0]);
  device.measure_app(testing::app_text(1));
  const StateMatch result = match(device, releases);
  EXPECT_EQ(result.release, nullptr);
  EXPECT_THAT(result.reason, HasSubstr("PCR 13 was extended; no release does that"));
  releases[0].pcrs.back().digest = device.tpm.pcrs[13];
  EXPECT_EQ(match(device, releases).release, &releases[0]);
}

TEST(StateMatch, MoreOrFewerExtendsThanReleased) {
  const std::vector releases{reference_set(SoftImage{})};
  SoftAttester more;
  more.runtime.emplace_back("another");
  more.tpm.extend(11, crypto::sha256(as_bytes("another")));
  EXPECT_THAT(match(more, releases).reason, HasSubstr("calls itself \"another\""));

  SoftAttester fewer;
  fewer.runtime.clear();
  fewer.tpm.reset();
  for (const testing::SoftEvent& event : fewer.events) fewer.tpm.extend(event.pcr, event.digest);
  const StateMatch result = match(fewer, releases);
  EXPECT_EQ(result.release, nullptr);
  EXPECT_THAT(result.reason, HasSubstr("running system is missing"));
}

TEST(StateMatch, AnInsertedExtendLeavesTheRestInPlace) {
  const std::vector releases{reference_set(SoftImage{})};
  SoftAttester device;
  const auto at = std::ranges::find(device.events, ".osrel name", &testing::SoftEvent::name);
  device.events.insert(at, {11, eventlog::kEvIpl, crypto::sha256(as_bytes("devicetree")),
                            eventlog::utf16z(".dtb"), "", ""});
  device.tpm.reset();
  for (const testing::SoftEvent& event : device.events) device.tpm.extend(event.pcr, event.digest);
  device.tpm.extend(11, crypto::sha256(as_bytes(testing::kDataOpened)));
  const StateMatch result = match(device, releases);
  EXPECT_EQ(result.release, nullptr);
  EXPECT_EQ(std::ranges::count(result.measurements, MeasurementState::unknown, &Measurement::state),
            1);
  EXPECT_EQ(std::ranges::count(result.measurements, MeasurementState::differs, &Measurement::state),
            0);
  EXPECT_THAT(result.reason, HasSubstr("\".dtb\""));
}

TEST(StateMatch, AFixedPcrThatWasNotQuotedIsNoMatch) {
  const SoftAttester device;
  const std::vector releases{reference_set(device.image)};
  const StateMatch result = match(device, releases, {}, kPolicyPcrs & ~(1U << 7U));
  EXPECT_EQ(result.release, nullptr);
  EXPECT_THAT(result.reason, HasSubstr("PCR 7 was not quoted"));
}

TEST(StateMatch, APlatformMustCoverEveryQuotedFirmwarePcr) {
  const SoftAttester device;
  std::vector releases{reference_set(device.image)};
  EXPECT_EQ(match(device, releases, {}, kPolicyPcrs | 1U << 1U).platform, nullptr);
  releases[0].platforms[0].pcrs[0].digest[0] ^= std::byte{1};
  const StateMatch result = match(device, releases);
  EXPECT_EQ(result.platform, nullptr);
  EXPECT_EQ(result.release, &releases[0]) << "the release itself matches";
  EXPECT_EQ(result.measurements.front().state, MeasurementState::unknown);
}

TEST(StateMatch, AHostileLogMakesNoEndlessReason) {
  const std::vector releases{reference_set(SoftImage{})};
  SoftAttester device;
  for (int i = 0; i < 500; ++i) {
    const Digest256 digest = crypto::sha256(as_bytes(std::to_string(i)));
    device.events.push_back(
        {11, eventlog::kEvIpl, digest, to_bytes(as_bytes(std::string(64, 'x'))), "", ""});
    device.tpm.extend(11, digest);
  }
  EXPECT_LT(match(device, releases).reason.size(), 1000U);
}

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The image build's prediction and the log that OVMF 2022.11 wrote when that image booted.
class RealBoot : public ::testing::Test {
 protected:
  StateMatch match_with(std::span<const std::string> runtime_texts) const {
    std::vector<RuntimeExtend> runtime;
    eventlog::PcrValues values = log.replay(kPolicyPcrs);
    for (const std::string& text : runtime_texts) {
      runtime.push_back({11, text, crypto::sha256(as_bytes(text))});
      eventlog::extend(values[11], runtime.back().digest);
    }
    return match_state({.values = values,
                        .mask = kPolicyPcrs,
                        .log = log,
                        .runtime = runtime,
                        .cmdline_claim = releases[0].cmdline},
                       releases);
  }

  const eventlog::EventLog log = *eventlog::EventLog::parse(
      as_bytes(read_file("protocol/eventlog/testdata/corpus/event_log_fuzz/ovmf_2022_11")));
  const std::vector<release::ReferenceSet> releases{
      *release::ReferenceSet::parse_unverified(as_bytes(
          read_file("protocol/release/testdata/corpus/reference_set_fuzz/pavise_os_0_1_0.json")))};
};

TEST_F(RealBoot, IsTheReleaseThatTheBuildPredicted) {
  const std::vector<std::string> runtime{"pavise:data-opened"};
  const StateMatch result = match_with(runtime);
  EXPECT_EQ(result.release, &releases[0]) << result.reason;
  EXPECT_EQ(result.platform, nullptr) << "this build has no platform profile";
  EXPECT_TRUE(check_log_policy(log, kPolicyPcrs | 0xffU, true));
  EXPECT_TRUE(cmdline_is_measured(log, releases[0].cmdline));
  EXPECT_EQ(cmdline_value(releases[0].cmdline, "pavise.roothash"),
            to_hex(releases[0].component(release::kRootFileSystem)->digest));
}

// A release that was signed before apps were measured says nothing of PCR 13.
TEST_F(RealBoot, MayHaveAppsAlso) {
  EXPECT_EQ(releases[0].pcr(13), nullptr);
  const std::string app = testing::app_text(1);
  std::vector<RuntimeExtend> runtime;
  eventlog::PcrValues values = log.replay(kPolicyPcrs);
  for (const auto& [pcr, text] :
       {std::pair{std::uint8_t{11}, "pavise:data-opened"sv}, {std::uint8_t{13}, app}}) {
    runtime.push_back({pcr, text, crypto::sha256(as_bytes(text))});
    eventlog::extend(values[pcr], runtime.back().digest);
  }
  const StateMatch result = match_state({.values = values,
                                         .mask = kPolicyPcrs,
                                         .log = log,
                                         .runtime = runtime,
                                         .cmdline_claim = releases[0].cmdline},
                                        releases);
  EXPECT_EQ(result.release, &releases[0]) << result.reason;
}

TEST_F(RealBoot, WithoutTheRuntimeEventIsNot) {
  const StateMatch result = match_with({});
  EXPECT_EQ(result.release, nullptr);
  EXPECT_THAT(result.reason, HasSubstr("running system is missing"));
}

TEST(Cmdline, OnlyRightAfterItsName) {
  const SoftAttester device;
  const auto log = eventlog::EventLog::parse(device.event_log());
  EXPECT_TRUE(cmdline_is_measured(*log, device.image.cmdline()));
  EXPECT_FALSE(cmdline_is_measured(*log, device.image.kernel)) << "measured, but as something else";
  EXPECT_FALSE(cmdline_is_measured(*log, ""));
}

TEST(Cmdline, FinalNewLineOrZeroOfTheSectionMayBeMissing) {
  for (const std::string_view tail : {""sv, "\n"sv, "\0"sv}) {
    eventlog::EventLogBuilder builder;
    builder.add(11, eventlog::kEvIpl, crypto::sha256(as_bytes(".cmdline\0"sv)), {});
    builder.add(11, eventlog::kEvIpl, crypto::sha256({as_bytes("quiet"), as_bytes(tail)}), {});
    const auto log = eventlog::EventLog::parse(builder.bytes());
    EXPECT_TRUE(cmdline_is_measured(*log, "quiet"));
    EXPECT_FALSE(cmdline_is_measured(*log, "quie"));
  }
}

TEST(Cmdline, Values) {
  EXPECT_EQ(cmdline_value("a=1 b=22 c", "b"), "22");
  EXPECT_EQ(cmdline_value("ab=1 b=2", "b"), "2");
  EXPECT_EQ(cmdline_value("b", "b"), "");
  EXPECT_EQ(cmdline_value("", "b"), "");
  EXPECT_EQ(cmdline_value("b=", "b"), "");
}

}  // namespace
}  // namespace pavise::attestation
