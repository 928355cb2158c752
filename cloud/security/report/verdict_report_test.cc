#include "cloud/security/report/verdict_report.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "cloud/security/attestation/testing/soft_attester.h"
#include "cloud/security/attestation/verifier.h"

namespace pavise::security {
namespace {

namespace json = boost::json;
using attestation::CheckState;
using attestation::MeasurementState;
using attestation::Verdict;

Verdict sample_verdict() {
  Verdict verdict;
  verdict.next_step = "say \"hi\" \\ \x01 \xff \n";
  verdict.retry = Retry::needs_operator;
  verdict.evidence_digest.emplace();
  verdict.evidence_digest->fill(std::byte{0xab});
  const auto& first = attestation::check_info(1);
  verdict.checks.push_back(
      {1, first.code, first.title, CheckState::passed, std::string(first.passed)});
  const auto& second = attestation::check_info(2);
  verdict.checks.push_back({2, second.code, second.title, CheckState::failed, "no quote"});
  const auto& third = attestation::check_info(3);
  verdict.checks.push_back({3, third.code, third.title, CheckState::not_reached, ""});
  Digest256 one{};
  Digest256 other{};
  other.fill(std::byte{2});
  verdict.measurements = {
      {11, one, one, "kernel", ".linux", MeasurementState::matches, "as released"},
      {11, one, other, "initrd", ".initrd", MeasurementState::differs, "initrd differs \xff"},
      {11, {}, other, "initrd", "", MeasurementState::differs, "it was not measured"},
      {12, other, {}, "something else", "x", MeasurementState::unknown, "measured"},
      {14, one, one, "PCR 14", "PCR 14", MeasurementState::matches,
       "nothing measured, as released"},
      {255, {}, {}, "", "", MeasurementState::unknown, ""}};
  verdict.clock = attestation::ClockMarks{UINT64_MAX, 2, UINT32_MAX};
  verdict.firmware_version = UINT64_MAX;
  verdict.release = attestation::ReleaseMatch{"pavise-os", "0.1.0", 4, other};
  verdict.platform = "ovmf";
  verdict.assurance = attestation::Assurance::platform;
  return verdict;
}

json::value parsed(ByteView stored) {
  return json::parse(report_json(stored).value());
}

TEST(VerdictReport, ReadsBackWhatWasWritten) {
  const Verdict before = sample_verdict();
  const Verdict after = decode_report(encode_report(before)).value();
  EXPECT_EQ(after.evidence_digest, before.evidence_digest);
  ASSERT_EQ(after.checks.size(), before.checks.size());
  for (std::size_t i = 0; i < before.checks.size(); ++i) {
    EXPECT_EQ(after.checks[i].number, before.checks[i].number);
    EXPECT_EQ(after.checks[i].code, before.checks[i].code);
    EXPECT_EQ(after.checks[i].title, before.checks[i].title);
    EXPECT_EQ(after.checks[i].state, before.checks[i].state);
    EXPECT_EQ(after.checks[i].words, before.checks[i].words);
  }
  ASSERT_EQ(after.measurements.size(), before.measurements.size());
  for (std::size_t i = 0; i < before.measurements.size(); ++i) {
    EXPECT_EQ(after.measurements[i].pcr, before.measurements[i].pcr);
    EXPECT_EQ(after.measurements[i].digest, before.measurements[i].digest);
    EXPECT_EQ(after.measurements[i].expected, before.measurements[i].expected);
    EXPECT_EQ(after.measurements[i].component, before.measurements[i].component);
    EXPECT_EQ(after.measurements[i].name, before.measurements[i].name);
    EXPECT_EQ(after.measurements[i].state, before.measurements[i].state);
    EXPECT_EQ(after.measurements[i].words, before.measurements[i].words);
  }
  EXPECT_EQ(after.release->name, "pavise-os");
  EXPECT_EQ(after.release->version, "0.1.0");
  EXPECT_EQ(after.release->security_epoch, 4U);
  EXPECT_EQ(after.release->manifest_digest, before.release->manifest_digest);
  EXPECT_FALSE(after.compared_with);
  EXPECT_EQ(after.platform, "ovmf");
  EXPECT_EQ(after.assurance, attestation::Assurance::platform);
  EXPECT_EQ(after.firmware_version, UINT64_MAX);
  EXPECT_EQ(after.clock, before.clock);
  EXPECT_EQ(after.next_step, before.next_step);
  EXPECT_EQ(after.retry, Retry::needs_operator);
}

app_measurement::AppEvent app(unsigned number) {
  return app_measurement::AppEvent::parse(attestation::testing::app_text(number)).value();
}

TEST(VerdictReport, AppsAreKeptAndShown) {
  Verdict before = sample_verdict();
  before.apps = {app(1), app(2)};
  const Bytes stored = encode_report(before);
  EXPECT_EQ(decode_report(stored)->apps, before.apps);
  const json::value report = parsed(stored);
  ASSERT_EQ(report.at("apps").as_array().size(), 2U);
  EXPECT_EQ(report.at("apps").at(1).at("component_id"), "0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10");
  EXPECT_EQ(report.at("apps").at(1).at("version"), "1.0.2");
  EXPECT_EQ(std::string(report.at("apps").at(1).at("policy_digest").as_string()),
            to_hex(before.apps[1].policy_digest));
  EXPECT_EQ(std::string(report.at("apps").at(1).at("content_digest").as_string()),
            to_hex(before.apps[1].content_digest));
  EXPECT_EQ(report.at("retry"), "needs_operator");
  for (std::size_t size = 1; size < stored.size(); ++size)
    EXPECT_FALSE(decode_report(ByteView(stored).first(size))) << size;
}

// A report of before, and of a device without apps.
TEST(VerdictReport, WithoutAppsItIsOfTheFirstFormat) {
  const Bytes stored = encode_report(sample_verdict());
  EXPECT_EQ(stored[0], std::byte{0x8c});
  EXPECT_EQ(stored[1], std::byte{1});
  EXPECT_TRUE(parsed(stored).at("apps").as_array().empty());
}

TEST(VerdictReport, AppsAtTheLimitAndOneMore) {
  Verdict verdict;
  for (unsigned i = 0; i < app_measurement::kAppEventsMax; ++i) verdict.apps.push_back(app(i));
  EXPECT_TRUE(decode_report(encode_report(verdict)));
  verdict.apps.push_back(app(1000));
  EXPECT_FALSE(decode_report(encode_report(verdict)));
  verdict.apps = {app(0)};
  verdict.apps[0].version.major = manifest::kVersionPartMax + 1;
  EXPECT_FALSE(decode_report(encode_report(verdict)));
}

TEST(VerdictReport, IsJsonWhateverTheWordsAre) {
  const json::value report = parsed(encode_report(sample_verdict()));
  EXPECT_EQ(report.at("evidence_sha256").as_string().subview(0, 4), "abab");
  EXPECT_EQ(report.at("next_step"), "say \"hi\" \\ \x01 ? \n");
  EXPECT_EQ(report.at("checks").at(1).at("words"), "no quote");
  EXPECT_EQ(report.at("checks").at(0).at("number"), 1);
  EXPECT_EQ(report.at("checks").at(0).at("code"), "PV-ATT-001");
  EXPECT_EQ(std::string(report.at("checks").at(0).at("words").as_string()),
            attestation::check_info(1).passed);
  EXPECT_EQ(report.at("checks").at(2).at("state"), "not reached");
  EXPECT_EQ(report.at("measurements").at(0).at("digest").as_string(), std::string(64, '0'));
  EXPECT_EQ(report.at("measurements").at(0).at("words"), "as released");
  EXPECT_EQ(report.at("measurements").at(1).at("words"), "initrd differs ?");
  EXPECT_TRUE(report.at("measurements").at(2).at("digest").is_null());
  EXPECT_TRUE(report.at("measurements").at(3).at("expected").is_null());
  EXPECT_EQ(report.at("release").at("security_epoch"), 4);
  EXPECT_TRUE(report.at("compared_with").is_null());
  EXPECT_EQ(report.at("clock").at("restart_count"), UINT32_MAX);
  EXPECT_EQ(report.at("assurance"), "platform");
  EXPECT_EQ(std::string(report.at("retry").as_string()), to_string(Retry::needs_operator));
}

TEST(VerdictReport, OfNothingIsStillWhole) {
  const json::value report = parsed(encode_report({}));
  EXPECT_TRUE(report.at("checks").as_array().empty());
  EXPECT_TRUE(report.at("evidence_sha256").is_null());
  EXPECT_TRUE(report.at("clock").is_null());
  EXPECT_EQ(report.at("retry"), "never");
}

TEST(VerdictReport, WithoutAVerdictIsAnEmptyObject) {
  EXPECT_EQ(report_json({}).value(), "{}");
}

TEST(VerdictReport, OfARegistryOfVersion1IsPassedOn) {
  const std::string_view old = R"({"checks":[],"platform":""})";
  EXPECT_EQ(report_json(as_bytes(old)).value(), old);
}

TEST(VerdictReport, NoCutOrLengthenedOneIsRead) {
  Bytes whole = encode_report(sample_verdict());
  for (std::size_t size = 1; size < whole.size(); ++size)
    EXPECT_FALSE(report_json(ByteView(whole).first(size))) << size;
  whole.push_back(std::byte{0});
  EXPECT_FALSE(report_json(whole));
}

TEST(VerdictReport, OfAnotherFormatIsNotGuessedAt) {
  Bytes report = encode_report({});
  ASSERT_EQ(report[1], std::byte{1});
  report[1] = std::byte{2};
  EXPECT_FALSE(report_json(report));
}

// What a real verdict holds has to fit into few pages of the registry.
TEST(VerdictReport, OfAnAcceptedDeviceIsSmall) {
  attestation::testing::SoftAttester device;
  const auto challenge = attestation::testing::fresh_challenge();
  const std::vector releases{attestation::testing::reference_set(device.image)};
  const auto evidence = device.attest(challenge);
  const Verdict verdict =
      attestation::verify(evidence.fields(), device.expectation(challenge), releases);
  ASSERT_TRUE(verdict.accepted) << verdict.reason;
  const Bytes stored = encode_report(verdict);
  EXPECT_LE(stored.size(), 2048U);
  const auto report = parsed(stored);
  EXPECT_EQ(report.at("checks").as_array().size(), attestation::kChecks);
  for (const auto& check : report.at("checks").as_array()) EXPECT_EQ(check.at("state"), "passed");
  RecordProperty("stored_bytes", static_cast<int>(stored.size()));
  RecordProperty("json_bytes", static_cast<int>(report_json(stored)->size()));
}

}  // namespace
}  // namespace pavise::security
