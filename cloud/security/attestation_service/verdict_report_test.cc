#include "cloud/security/attestation_service/verdict_report.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace pavise::security {
namespace {

namespace json = boost::json;

TEST(VerdictReport, IsJsonWhateverTheWordsAre) {
  attestation::Verdict verdict;
  verdict.reason = "unused here";
  verdict.next_step = "say \"hi\" \\ \x01 \xff \n";
  verdict.checks.push_back({1, "PV-ATT-001", "magic", attestation::CheckState::passed, ""});
  verdict.checks.push_back({2, "PV-ATT-002", "type", attestation::CheckState::failed, "no quote"});
  attestation::Measurement measurement;
  measurement.pcr = 11;
  measurement.digest.emplace();
  measurement.component = "kernel";
  verdict.measurements.push_back(measurement);
  verdict.clock = attestation::ClockMarks{1, 2, 3};
  verdict.release = attestation::ReleaseMatch{"pavise-os", "0.1.0", 4, {}};

  const json::value report = json::parse(report_of(verdict));
  EXPECT_EQ(report.at("next_step"), "say \"hi\" \\ \x01 ? \n");
  EXPECT_EQ(report.at("checks").at(1).at("words"), "no quote");
  EXPECT_EQ(report.at("checks").at(0).at("number"), 1);
  EXPECT_EQ(report.at("measurements").at(0).at("digest").as_string(), std::string(64, '0'));
  EXPECT_TRUE(report.at("measurements").at(0).at("expected").is_null());
  EXPECT_EQ(report.at("release").at("security_epoch"), 4);
  EXPECT_TRUE(report.at("compared_with").is_null());
  EXPECT_EQ(report.at("clock").at("restart_count"), 3);
}

TEST(VerdictReport, OfNothingIsStillWhole) {
  const json::value report = json::parse(report_of({}));
  EXPECT_TRUE(report.at("checks").as_array().empty());
  EXPECT_TRUE(report.at("clock").is_null());
  EXPECT_EQ(report.at("retry"), "never");
}

}  // namespace
}  // namespace pavise::security
