#include "cloud/hub/events/retention.h"

#include <gtest/gtest.h>

#include "cloud/hub/segment_log/testing/memory_log_directory.h"

namespace pavise::hub {
namespace {

constexpr UnixMillis kStart = 1'800'000'000'000;
constexpr std::int64_t kHourMs = 3'600'000;

class RetentionTest : public ::testing::Test {
 protected:
  // A segment for each record.
  std::unique_ptr<SegmentLog> open(std::size_t segment_size_max = 100) {
    return *SegmentLog::open(std::make_unique<testing::MemoryLogDirectory>(disk_),
                             {.segment_size_max = segment_size_max}, clock_);
  }
  void append(std::string_view hub, std::size_t bytes = 10) {
    RecordBatch batch;
    const Bytes payload(bytes, std::byte{'x'});
    ASSERT_TRUE(batch.add({.time_ms = clock_.now_ms(),
                           .tenant = "acme",
                           .device = "dev",
                           .payload = payload,
                           .hub = hub}));
    ASSERT_TRUE(log_->append_and_wait(batch));
  }
  void apply() {
    const Status applied = retention_.apply();
    ASSERT_TRUE(applied) << applied.error().message();
  }

  ManualClock clock_{kStart};
  std::shared_ptr<testing::MemoryDisk> disk_ = std::make_shared<testing::MemoryDisk>();
  std::unique_ptr<SegmentLog> log_ = open();
  std::vector<HubRetention> hubs_;
  Retention retention_{*log_, clock_, [this] { return hubs_; }};
};

TEST_F(RetentionTest, ByAgeToTheMillisecond) {
  hubs_ = {{"a", 0, kHourMs, 0}};
  append("a");
  clock_.advance_ms(1'000);
  append("a");
  clock_.advance_ms(kHourMs - 1'000);
  apply();
  EXPECT_EQ(retention_.floor("a"), 0U) << "exactly at its age it still stays";
  clock_.advance_ms(1);
  apply();
  EXPECT_EQ(retention_.floor("a"), 1U);
  EXPECT_EQ(log_->first_offset(), 1U) << "its segment is gone";
  clock_.advance_ms(kHourMs);
  apply();
  EXPECT_EQ(retention_.floor("a"), 2U) << "nothing is left to be read";
  EXPECT_EQ(log_->first_offset(), 1U) << "but the last segment";
  append("a");
  apply();
  EXPECT_EQ(log_->read(0)->size(), 1U);
}

TEST_F(RetentionTest, TheLongestKeepsTheSegmentAndTheOthersDoNotSeeIt) {
  hubs_ = {{"short", 0, kHourMs, 0}, {"long", 0, 24 * kHourMs, 0}};
  append("short");
  append("long");
  clock_.advance_ms(kHourMs + 1);
  append("short");
  apply();
  EXPECT_EQ(retention_.floor("short"), 2U);
  EXPECT_EQ(retention_.floor("long"), 0U);
  EXPECT_EQ(log_->first_offset(), 0U);
  hubs_.pop_back();
  apply();
  EXPECT_EQ(log_->first_offset(), 2U) << "with the hub that wanted it";
}

TEST_F(RetentionTest, ALongerRetentionShowsAgainWhatIsStillThere) {
  hubs_ = {{"a", 0, kHourMs, 0}, {"b", 0, 24 * kHourMs, 0}};
  append("a");
  clock_.advance_ms(2 * kHourMs);
  apply();
  EXPECT_EQ(retention_.floor("a"), 1U);
  hubs_[0].age_ms = 24 * kHourMs;
  apply();
  EXPECT_EQ(retention_.floor("a"), 0U);
}

TEST_F(RetentionTest, BySizeCountsTheHubsOwnBytes) {
  hubs_ = {{"small", 0, 24 * kHourMs, 100}, {"other", 0, 24 * kHourMs, 0}};
  for (int i = 0; i < 10; ++i) append("small", 10);
  append("other", 5'000);
  apply();
  EXPECT_EQ(retention_.floor("small"), 0U) << "100 bytes of 100";
  append("small", 1);
  apply();
  EXPECT_EQ(retention_.floor("small"), 1U);
  EXPECT_EQ(retention_.floor("other"), 0U) << "what one hub sends pushes out nothing of another";
  append("small", 500);
  apply();
  EXPECT_EQ(retention_.floor("small"), 12U) << "the newest stays, whatever its size";
}

TEST_F(RetentionTest, ASizeThatIsSetLaterCountsFromTheBeginning) {
  hubs_ = {{"a", 0, 24 * kHourMs, 0}, {"b", 0, 24 * kHourMs, 0}};
  for (int i = 0; i < 5; ++i) append("a", 10);
  apply();
  hubs_[0].bytes_max = 30;
  apply();
  EXPECT_EQ(retention_.floor("a"), 2U);
  hubs_[1].bytes_max = 30;
  append("b", 10);
  apply();
  EXPECT_EQ(retention_.floor("b"), 5U) << "its only record stays";
  EXPECT_EQ(retention_.floor("a"), 2U) << "nothing is counted twice";
}

TEST_F(RetentionTest, TheCountSurvivesARestart) {
  hubs_ = {{"a", 0, 24 * kHourMs, 30}};
  for (int i = 0; i < 6; ++i) append("a", 10);
  apply();
  EXPECT_EQ(log_->first_offset(), 3U);
  log_.reset();
  log_ = open();
  Retention again(*log_, clock_, [this] { return hubs_; });
  ASSERT_TRUE(again.apply());
  EXPECT_EQ(again.floor("a"), 3U);
}

TEST_F(RetentionTest, OnePassCountsSoManyRecords) {
  log_.reset();
  log_ = open(64UL * 1024 * 1024);
  Retention retention(*log_, clock_,
                      [] { return std::vector<HubRetention>{{"a", 0, 24 * kHourMs, 64}}; });
  RecordBatch batch;
  for (std::size_t i = 0; i <= kRetentionCountedMax + 1'000; ++i)
    ASSERT_TRUE(batch.add({.time_ms = kStart, .payload = as_bytes("x"), .hub = "a"}));
  ASSERT_TRUE(log_->append_and_wait(batch));
  ASSERT_TRUE(retention.apply());
  EXPECT_LE(retention.floor("a"), kRetentionCountedMax);
  ASSERT_TRUE(retention.apply());
  EXPECT_EQ(retention.floor("a"), kRetentionCountedMax + 1'001 - 64);
}

TEST_F(RetentionTest, AHubDoesNotSeeItsPredecessor) {
  append("a");
  append("b");
  clock_.advance_ms(10);
  hubs_ = {{"a", clock_.now_ms(), kHourMs, 0}, {"b", 0, kHourMs, 0}};
  append("a");
  apply();
  EXPECT_EQ(retention_.floor("a"), 2U);
  EXPECT_EQ(retention_.floor("b"), 0U);
  EXPECT_EQ(retention_.floor("nobody"), 0U);
  hubs_.pop_back();
  apply();
  EXPECT_EQ(log_->first_offset(), 0U) << "hidden, not gone before its age";
}

TEST_F(RetentionTest, WithoutHubsNothingGoes) {
  for (int i = 0; i < 3; ++i) append("gone");
  clock_.advance_ms(24 * kHourMs);
  apply();
  EXPECT_EQ(log_->first_offset(), 0U) << "whoever lost the database has not lost the log";
}

TEST_F(RetentionTest, ADiskThatFailsIsSaidAndTriedAgain) {
  hubs_ = {{"a", 0, kHourMs, 0}};
  append("a");
  append("a");
  clock_.advance_ms(kHourMs + 1);
  disk_->set_faults({.removes_left = 0});
  EXPECT_TRUE(retention_.apply().error().is(kLogIoFailed));
  EXPECT_EQ(retention_.floor("a"), 2U) << "its readers see the retention all the same";
  disk_->set_faults({});
  apply();
  EXPECT_EQ(log_->first_offset(), 1U);
}

}  // namespace
}  // namespace pavise::hub
