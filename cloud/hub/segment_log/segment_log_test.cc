#include "cloud/hub/segment_log/segment_log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "cloud/hub/segment_log/testing/memory_log_directory.h"

namespace pavise::hub {
namespace {

using testing::DiskFaults;
using testing::MemoryDisk;
using testing::MemoryLogDirectory;

const ManualClock& still_clock() {
  static const ManualClock clock(1'000'000);
  return clock;
}

Result<std::unique_ptr<SegmentLog>> open_on(const std::shared_ptr<MemoryDisk>& disk,
                                            const SegmentLogOptions& options = {},
                                            const Clock& clock = still_clock()) {
  return SegmentLog::open(std::make_unique<MemoryLogDirectory>(disk), options, clock);
}

RecordBatch batch_of(std::initializer_list<std::string_view> payloads) {
  RecordBatch batch;
  for (const auto payload : payloads)
    EXPECT_TRUE(batch.add({5, "acme", "dev", "a=1", as_bytes(payload)}));
  return batch;
}

Result<AppendedRange> put(SegmentLog& log, std::initializer_list<std::string_view> payloads) {
  RecordBatch batch = batch_of(payloads);
  return log.append_and_wait(batch);
}

std::vector<std::string> payloads_of(SegmentLog& log, Offset from = 0) {
  const auto records = log.read(from);
  EXPECT_TRUE(records) << (records ? "" : records.error().message());
  std::vector<std::string> out;
  if (records)
    for (const Record& record : *records) out.emplace_back(as_text(record.payload));
  return out;
}

using Texts = std::vector<std::string>;

TEST(SegmentLog, AppendsAndReadsBack) {
  const auto disk = std::make_shared<MemoryDisk>();
  auto log = *open_on(disk);
  const auto first = put(*log, {"a", "b"});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->first, 0U);
  EXPECT_EQ(first->end, 2U);
  EXPECT_EQ(put(*log, {"c"})->first, 2U);
  EXPECT_EQ(log->durable_end(), 3U);
  EXPECT_EQ(payloads_of(*log), (Texts{"a", "b", "c"}));
  EXPECT_EQ(payloads_of(*log, 2), (Texts{"c"}));
  EXPECT_EQ(payloads_of(*log, 3), Texts{});
  const auto records = log->read(1, {.records_max = 1});
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 1U);
  EXPECT_EQ(records->front().device, "dev");
  EXPECT_EQ(records->front().tenant, "acme");
  EXPECT_EQ(records->front().time_ms, 5);
}

TEST(SegmentLog, AnEmptyBatchIsNothing) {
  auto log = *open_on(std::make_shared<MemoryDisk>());
  EXPECT_TRUE(put(*log, {}));
  EXPECT_EQ(log->durable_end(), 0U);
}

TEST(SegmentLog, SurvivesReopening) {
  const auto disk = std::make_shared<MemoryDisk>();
  ASSERT_TRUE(put(**open_on(disk), {"a", "b"}));
  auto log = *open_on(disk);
  EXPECT_EQ(log->durable_end(), 2U);
  EXPECT_EQ(put(*log, {"c"})->first, 2U);
  EXPECT_EQ(payloads_of(*log), (Texts{"a", "b", "c"}));
}

TEST(SegmentLog, ReadBudgets) {
  auto log = *open_on(std::make_shared<MemoryDisk>());
  ASSERT_TRUE(put(*log, {"1234567890", "1234567890", "1234567890"}));
  EXPECT_EQ(log->read(0, {.records_max = 2})->size(), 2U);
  EXPECT_EQ(log->read(0, {.records_max = 0})->size(), 0U);
  EXPECT_EQ(log->read(0, {.bytes_max = 1})->size(), 1U) << "always at least one";
}

TEST(SegmentLog, RecordsLargerThanAScanChunk) {
  const auto disk = std::make_shared<MemoryDisk>();
  const Bytes big(kRecordBodyMax, std::byte{9});
  {
    auto log = *open_on(disk);
    ASSERT_TRUE(put(*log, {"a"}));
    RecordBatch batch;
    ASSERT_TRUE(batch.add({.payload = big}));
    ASSERT_TRUE(log->append_and_wait(batch));
    ASSERT_TRUE(put(*log, {"z"}));
  }
  auto log = *open_on(disk);
  EXPECT_EQ(log->durable_end(), 3U);
  const auto records = log->read(0);
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 3U);
  EXPECT_TRUE(equal((*records)[1].payload, big));
}

TEST(SegmentLog, ManySegmentsReadAsOne) {
  const auto disk = std::make_shared<MemoryDisk>();
  const SegmentLogOptions options{.segment_size_max = 300};
  {
    auto log = *open_on(disk, options);
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(put(*log, {std::to_string(i)}));
  }
  EXPECT_GT(disk->files.size(), 3U);
  auto log = *open_on(disk, options);
  for (Offset from = 0; from <= 20; ++from) {
    const auto texts = payloads_of(*log, from);
    ASSERT_EQ(texts.size(), 20 - from);
    if (!texts.empty()) EXPECT_EQ(texts.front(), std::to_string(from));
  }
}

TEST(SegmentLog, SparseIndexFindsEveryRecord) {
  const auto disk = std::make_shared<MemoryDisk>();
  const std::string filler(3000, 'x');
  {
    auto log = *open_on(disk);
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(put(*log, {std::to_string(i) + filler}));
    for (Offset from = 0; from < 200; from += 7)
      EXPECT_EQ(log->read(from, {.records_max = 1})->front().offset, from);
  }
  auto log = *open_on(disk);
  for (Offset from = 0; from < 200; from += 7)
    EXPECT_EQ(log->read(from, {.records_max = 1})->front().offset, from);
}

TEST(SegmentLog, RetentionBySizeKeepsTheNewest) {
  const auto disk = std::make_shared<MemoryDisk>();
  const SegmentLogOptions options{.segment_size_max = 200, .retention_bytes_max = 600};
  auto log = *open_on(disk, options);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(put(*log, {std::to_string(i)}));
  EXPECT_GT(log->first_offset(), 30U);
  EXPECT_LE(log->stored_bytes(), 800U);
  const auto texts = payloads_of(*log, 0);
  ASSERT_FALSE(texts.empty());
  EXPECT_EQ(texts.front(), std::to_string(log->first_offset()));
  EXPECT_EQ(texts.back(), "49");
}

TEST(SegmentLog, RetentionByAge) {
  ManualClock clock(1'000'000);
  const auto disk = std::make_shared<MemoryDisk>();
  const SegmentLogOptions options{.segment_size_max = 100, .retention_age_ms = 10'000};
  auto log = *open_on(disk, options, clock);
  ASSERT_TRUE(put(*log, {"old"}));
  clock.advance_ms(5'000);
  ASSERT_TRUE(put(*log, {"middle"}));
  clock.advance_ms(10'000);
  ASSERT_TRUE(log->apply_retention());
  EXPECT_EQ(payloads_of(*log), (Texts{"old", "middle"})) << "exactly at the age it still stays";
  clock.advance_ms(1);
  ASSERT_TRUE(log->apply_retention());
  EXPECT_EQ(payloads_of(*log), (Texts{"middle"}));
}

TEST(SegmentLog, DropBeforeTakesWholeSegmentsFromTheFront) {
  const auto disk = std::make_shared<MemoryDisk>();
  auto log = *open_on(disk, {.segment_size_max = 100});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put(*log, {std::to_string(i)}));  // a segment each
  ASSERT_EQ(disk->files.size(), 5U);
  ASSERT_TRUE(log->drop_before(0));
  EXPECT_EQ(log->first_offset(), 0U);
  ASSERT_TRUE(log->drop_before(2));
  EXPECT_EQ(log->first_offset(), 2U) << "the end itself stays";
  EXPECT_EQ(payloads_of(*log, 0), (Texts{"2", "3", "4"})) << "a reader starts at the beginning";
  ASSERT_TRUE(log->drop_before(log->durable_end()));
  EXPECT_EQ(payloads_of(*log, 0), (Texts{"4"})) << "the last segment is written to";
  ASSERT_TRUE(put(*log, {"5"}));
  log.reset();
  log = *open_on(disk, {.segment_size_max = 100});
  EXPECT_EQ(payloads_of(*log, 0), (Texts{"4", "5"}));
  EXPECT_EQ(log->durable_end(), 6U);
}

TEST(SegmentLog, WhatCannotBeRemovedIsTriedAgain) {
  const auto disk = std::make_shared<MemoryDisk>();
  auto log = *open_on(disk, {.segment_size_max = 100});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put(*log, {std::to_string(i)}));
  disk->set_faults({.removes_left = 1});
  EXPECT_TRUE(log->drop_before(4).error().is(kLogIoFailed));
  EXPECT_EQ(log->first_offset(), 1U);
  EXPECT_EQ(payloads_of(*log, 0), (Texts{"1", "2", "3", "4"})) << "still read";
  ASSERT_TRUE(put(*log, {"5"})) << "and records are taken";
  disk->set_faults({});
  ASSERT_TRUE(log->drop_before(4));
  EXPECT_EQ(log->first_offset(), 4U);
}

TEST(SegmentLog, WaitSeesOnlyDurableRecords) {
  auto log = *open_on(std::make_shared<MemoryDisk>());
  EXPECT_FALSE(log->wait(0, 0));
  ASSERT_TRUE(put(*log, {"a"}));
  EXPECT_TRUE(log->wait(0, 0));
  EXPECT_FALSE(log->wait(1, 0));
}

TEST(SegmentLog, SubscribersHearEveryCommit) {
  auto log = *open_on(std::make_shared<MemoryDisk>());
  std::promise<Offset> heard;
  const auto subscription = log->subscribe([&](const LogProgress& progress) {
    EXPECT_FALSE(progress.error);
    if (progress.durable_end == 2) heard.set_value(progress.durable_end);
  });
  ASSERT_TRUE(put(*log, {"a", "b"}));
  EXPECT_EQ(heard.get_future().get(), 2U);
  log->unsubscribe(subscription);
  ASSERT_TRUE(put(*log, {"c"}));
}

TEST(SegmentLog, ConcurrentAppendersGetDistinctOffsetsInOrder) {
  auto log = *open_on(std::make_shared<MemoryDisk>());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&log, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string text = std::to_string(t) + ":" + std::to_string(i);
        RecordBatch batch = batch_of({text});
        EXPECT_TRUE(i % 2 == 0 ? log->append(batch) : log->append_and_wait(batch));
      }
    });
  for (auto& thread : threads) thread.join();
  ASSERT_TRUE(log->wait(199, 10'000));
  const auto records = log->read(0);
  ASSERT_EQ(records->size(), 200U);
  std::map<char, int> next;
  for (std::size_t i = 0; i < records->size(); ++i) {
    const Record& record = (*records)[i];
    EXPECT_EQ(record.offset, i);
    const auto text = as_text(record.payload);
    EXPECT_EQ(text.substr(2), std::to_string(next[text[0]]++)) << "each appender's order is kept";
  }
}

TEST(SegmentLog, PendingBytesLimit) {
  const RecordBatch sample = batch_of({"x"});
  auto log = *open_on(std::make_shared<MemoryDisk>(),
                      SegmentLogOptions{.pending_bytes_max = sample.size_bytes()});
  RecordBatch fits = batch_of({"x"});
  EXPECT_TRUE(log->append_and_wait(fits));
  EXPECT_TRUE(fits.empty());
  RecordBatch over = batch_of({"xy"});
  EXPECT_TRUE(log->append(over).error().is(kLogBusy));
  EXPECT_EQ(over.count(), 1U) << "the caller keeps what was refused";
}

// --- Faults ------------------------------------------------------------------------------------

TEST(SegmentLogFaults, ShortWritesLoseNothing) {
  const auto disk = std::make_shared<MemoryDisk>();
  disk->set_faults({.write_max = 7});
  ASSERT_TRUE(put(**open_on(disk), {"alpha", "beta"}));
  EXPECT_EQ(payloads_of(**open_on(disk)), (Texts{"alpha", "beta"}));
}

TEST(SegmentLogFaults, DiskFullIsClearAndLosesNothingAcknowledged) {
  for (std::size_t space = 0; space < 120; ++space) {
    const auto disk = std::make_shared<MemoryDisk>();
    auto log = *open_on(disk);
    ASSERT_TRUE(put(*log, {"kept"}));
    disk->set_faults({.write_max = 11, .space_left = space});
    const auto refused = put(*log, {"lost 1", "lost 2", "lost 3"});
    ASSERT_FALSE(refused) << space;
    ASSERT_TRUE(log->failure());
    EXPECT_TRUE(log->failure()->is(kDiskFull));
    RecordBatch more = batch_of({"refused"});
    EXPECT_TRUE(log->append(more).error().is(kLogFailed)) << "refuses until reopened";
    EXPECT_EQ(payloads_of(*log), (Texts{"kept"})) << "reading goes on";

    // Killed now, another process finds all that was acknowledged.
    EXPECT_EQ(payloads_of(**open_on(disk->copy())), (Texts{"kept"}));

    disk->set_faults({});
    ASSERT_TRUE(log->reopen());
    const auto again = put(*log, {"after"});
    ASSERT_TRUE(again);
    EXPECT_GE(again->first, 4U) << "failed offsets are not used again";
    EXPECT_EQ(payloads_of(*log), (Texts{"kept", "after"}));
    log.reset();
    EXPECT_EQ(payloads_of(**open_on(disk)), (Texts{"kept", "after"}));
  }
}

TEST(SegmentLogFaults, DiskFullWhileASegmentStarts) {
  const auto disk = std::make_shared<MemoryDisk>();
  const SegmentLogOptions options{.segment_size_max = 120};
  auto log = *open_on(disk, options);
  ASSERT_TRUE(put(*log, {"kept"}));
  disk->set_faults({.create_fails = true});
  EXPECT_FALSE(put(*log, {std::string(100, 'x')}));
  disk->set_faults({});
  ASSERT_TRUE(log->reopen());
  ASSERT_TRUE(put(*log, {"after"}));
  log.reset();
  EXPECT_EQ(payloads_of(**open_on(disk, options)), (Texts{"kept", "after"}));
}

TEST(SegmentLogFaults, AFailedSyncIsNotAcknowledged) {
  const auto disk = std::make_shared<MemoryDisk>();
  auto log = *open_on(disk);
  ASSERT_TRUE(put(*log, {"kept"}));
  std::promise<LogProgress> failed;
  const auto subscription = log->subscribe([&](const LogProgress& progress) {
    if (progress.error) failed.set_value(progress);
  });
  disk->set_faults({.sync_fails = true});
  EXPECT_FALSE(put(*log, {"lost"}));
  const LogProgress progress = failed.get_future().get();
  EXPECT_EQ(progress.durable_end, 1U);
  EXPECT_EQ(progress.failed_end, 2U);
  EXPECT_TRUE(progress.error->is(kLogIoFailed));
  EXPECT_FALSE(log->reopen()) << "the disk still fails";
  EXPECT_TRUE(log->failure());
  disk->set_faults({});
  EXPECT_TRUE(log->reopen());
  ASSERT_TRUE(put(*log, {"after"}));
  EXPECT_EQ(payloads_of(*log), (Texts{"kept", "after"}));
  log->unsubscribe(subscription);
}

TEST(SegmentLogFaults, ARollbackThatFailsIsRepeatedByReopen) {
  const auto disk = std::make_shared<MemoryDisk>();
  auto log = *open_on(disk);
  ASSERT_TRUE(put(*log, {"kept"}));
  disk->set_faults({.space_left = 20, .truncate_fails = true});
  EXPECT_FALSE(put(*log, {"lost"}));
  EXPECT_FALSE(log->reopen());
  EXPECT_EQ(payloads_of(**open_on(disk->copy())), (Texts{"kept"}));
  disk->set_faults({});
  ASSERT_TRUE(log->reopen());
  ASSERT_TRUE(put(*log, {"after"}));
  EXPECT_EQ(payloads_of(**open_on(disk->copy())), (Texts{"kept", "after"}));
}

TEST(SegmentLogFaults, AFileThatCannotBeRemovedFailsNoCommit) {
  const auto disk = std::make_shared<MemoryDisk>();
  auto log = *open_on(disk, {.segment_size_max = 120, .retention_bytes_max = 1});
  disk->set_faults({.remove_fails = true});
  ASSERT_TRUE(put(*log, {std::string(100, 'a')}));
  ASSERT_TRUE(put(*log, {std::string(100, 'b')})) << "starts a segment";
  EXPECT_FALSE(log->failure());
  EXPECT_EQ(log->first_offset(), 0U);
  EXPECT_TRUE(log->apply_retention().error().is(kLogIoFailed));
  disk->set_faults({});
  ASSERT_TRUE(put(*log, {std::string(100, 'c')}));
  EXPECT_EQ(log->first_offset(), 2U) << "it is tried again";
  EXPECT_EQ(disk->files.size(), 1U);
}

// Every worker appends: a disk that hangs must not hang them.
TEST(SegmentLogFaults, NobodyWaitsForADiskThatHangs) {
  const auto disk = std::make_shared<MemoryDisk>();
  auto log = *open_on(disk, {.segment_size_max = 120, .retention_bytes_max = 1});
  ASSERT_TRUE(put(*log, {std::string(100, 'a')}));
  SegmentLog& raw = *log;
  std::atomic<int> hung = 0;
  std::vector<std::future<void>> workers;  // one that is stuck is let go after its disk
  const auto ask = [&] {
    workers.push_back(std::async(std::launch::async, [&raw] {
      RecordBatch batch = batch_of({"x"});
      (void)raw.append(batch).has_value();
      (void)raw.durable_end();
      (void)raw.failure();
      (void)raw.stored_bytes();
    }));
    EXPECT_EQ(workers.back().wait_for(std::chrono::seconds(10)), std::future_status::ready);
    ++hung;
  };
  disk->set_faults({.meanwhile = ask});
  ASSERT_TRUE(put(*log, {std::string(100, 'b')})) << "a segment starts, another is removed";
  disk->set_faults({});
  ASSERT_TRUE(put(*log, {"c"})) << "and with it whatever the workers appended";
  EXPECT_GE(hung.exchange(0), 3);
  disk->set_faults({.space_left = 0, .meanwhile = ask});
  EXPECT_FALSE(put(*log, {"lost"})) << "known before the rollback has ended";
  EXPECT_TRUE(log->reopen()) << "after the rollback";
  EXPECT_EQ(hung, 4) << "truncated and synced by the rollback, and again by reopen()";
  log.reset();
}

}  // namespace
}  // namespace pavise::hub
