#include "common/metrics/metrics.h"

#include <gtest/gtest.h>

#include <thread>

#include "common/metrics/exposition.h"
#include "common/metrics/process.h"
#include "common/metrics/testing/exposition_reader.h"

namespace pavise::metrics {
namespace {

using testing::ExpositionReader;

TEST(Histogram, PutsAValueIntoTheFirstBucketThatHoldsIt) {
  LatencyHistogram histogram;
  for (const std::uint64_t us : {std::uint64_t{0}, std::uint64_t{100}, std::uint64_t{101},
                                 std::uint64_t{10'000'000}, std::uint64_t{10'000'001}})
    histogram.add(us);
  histogram.add(200, 5);
  const HistogramCounts counts = histogram.counts();
  ASSERT_EQ(counts.counts.size(), kLatencyBoundsUs.size() + 1);
  EXPECT_EQ(counts.counts[0], 2U);
  EXPECT_EQ(counts.counts[1], 6U);
  EXPECT_EQ(counts.counts[kLatencyBoundsUs.size() - 1], 1U);
  EXPECT_EQ(counts.counts.back(), 1U);
  EXPECT_EQ(counts.sum, 0U + 100 + 101 + 10'000'000 + 10'000'001 + 1'000);
}

constexpr ErrorInfo kFirst{"PV-TST-001", Retry::never, "a", "b"};
constexpr ErrorInfo kSecond{"PV-TST-002", Retry::never, "a", "b"};
constexpr ErrorInfo kThird{"PV-TST-003", Retry::never, "a", "b"};

TEST(CodeCounters, CountRowsApartUpToTheirNumber) {
  CodeCounters<2> codes;
  for (const ErrorInfo* info : {&kFirst, &kSecond, &kSecond, &kThird, &kThird, &kThird})
    codes.add(*info);
  std::map<std::string, std::uint64_t> seen;
  codes.for_each(
      [&](const ErrorInfo& info, std::uint64_t count) { seen.emplace(info.code, count); });
  EXPECT_EQ(seen, (std::map<std::string, std::uint64_t>{
                      {"PV-TST-001", 1}, {"PV-TST-002", 2}, {"PV-MET-001", 3}}));
}

std::string sample_text(Format format) {
  Exposition out(format);
  out.counter("pavise_things_total", "Things \\ with \"quotes\"\nand lines.");
  out.sample({{"kind", "a\"b\\c\nd"}, {"code", ""}}, std::uint64_t{3});
  out.gauge("pavise_ratio", "A share.");
  out.sample({}, 0.25);
  LatencyHistogram latency;
  latency.add(300);
  latency.add(20'000'000);
  out.histogram("pavise_wait_seconds", "Waiting.");
  out.sample({{"op", "x"}}, latency.counts(), 1e6);
  return std::move(out).finish();
}

TEST(Exposition, IsWellFormedAndEscaped) {
  const std::string text = sample_text(Format::text);
  EXPECT_TRUE(
      text.starts_with("# HELP pavise_things_total Things \\\\ with \"quotes\"\\nand lines.\n"
                       "# TYPE pavise_things_total counter\n"
                       "pavise_things_total{kind=\"a\\\"b\\\\c\\nd\",code=\"\"} 3\n"))
      << text;
  const ExpositionReader reader(text);
  EXPECT_EQ(reader.families.size(), 3U);
  EXPECT_FALSE(reader.ended());
  EXPECT_EQ(reader.value("pavise_ratio"), 0.25);
  EXPECT_EQ(reader.value("pavise_wait_seconds_bucket{op=\"x\",le=\"0.00025\"}"), 0);
  EXPECT_EQ(reader.value("pavise_wait_seconds_bucket{op=\"x\",le=\"0.0005\"}"), 1);
  EXPECT_EQ(reader.value("pavise_wait_seconds_bucket{op=\"x\",le=\"10.0\"}"), 1);
  EXPECT_EQ(reader.value("pavise_wait_seconds_count{op=\"x\"}"), 2);
  EXPECT_DOUBLE_EQ(reader.value("pavise_wait_seconds_sum{op=\"x\"}"), 20.0003);
}

TEST(Exposition, OpenMetricsNamesCountersWithoutTheirSuffixAndEnds) {
  const std::string text = sample_text(Format::open_metrics);
  EXPECT_NE(text.find("# TYPE pavise_things counter\n"), std::string::npos);
  EXPECT_NE(text.find("with \\\"quotes\\\""), std::string::npos);
  const ExpositionReader reader(text);
  EXPECT_TRUE(reader.ended());
}

TEST(ExpositionDeath, AFamilyComesOnceAndHasAProperName) {
  const auto twice = [] {
    Exposition out(Format::text);
    out.gauge("pavise_a", "A.");
    out.gauge("pavise_a", "A.");
  };
  EXPECT_DEATH(twice(), "invariant broken");
  EXPECT_DEATH(Exposition(Format::text).counter("pavise_a", "A."), "invariant broken");
  EXPECT_DEATH(Exposition(Format::text).gauge("pavise_a_total", "A."), "invariant broken");
  EXPECT_DEATH(Exposition(Format::text).gauge("pavise a", "A."), "invariant broken");
}

TEST(FormatFor, FollowsTheAcceptHeader) {
  EXPECT_EQ(format_for(""), Format::text);
  EXPECT_EQ(format_for("*/*"), Format::text);
  EXPECT_EQ(format_for("text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), Format::text);
  // As Prometheus asks.
  EXPECT_EQ(format_for("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2"),
            Format::open_metrics);
  EXPECT_EQ(format_for("text/plain, application/openmetrics-text"), Format::open_metrics);
  EXPECT_EQ(format_for("application/openmetrics-text;q=0"), Format::text);
}

TEST(ProcessUse, KnowsMemoryAndTime) {
  prepare_process_use();
  EXPECT_GT(process_use().resident_bytes, 1'000'000U);
  EXPECT_GT(process_use().cpu_seconds, 0);
}

}  // namespace
}  // namespace pavise::metrics
