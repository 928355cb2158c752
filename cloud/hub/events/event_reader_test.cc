#include "cloud/hub/events/event_reader.h"

#include <gtest/gtest.h>

#include <future>

#include "cloud/hub/events/partition.h"
#include "cloud/hub/segment_log/testing/memory_log_directory.h"

namespace pavise::hub {
namespace {

const iothub::HubName kHub = *iothub::HubName::parse("plant-1");

class EventReaderTest : public ::testing::Test {
 protected:
  void append(const std::string& device, UnixMillis time_ms, std::string_view hub = "plant-1",
              std::string_view tenant = "acme", std::string_view payload = "payload") {
    RecordBatch batch;
    ASSERT_TRUE(batch.add({.time_ms = time_ms,
                           .tenant = tenant,
                           .device = device,
                           .payload = as_bytes(payload),
                           .hub = hub}));
    ASSERT_TRUE(log_->append_and_wait(batch));
  }
  template <class T, class Ask>
  static Result<T> wait_for(Ask ask) {
    std::promise<Result<T>> answer;
    ask([&](Result<T> result) { answer.set_value(std::move(result)); });
    return answer.get_future().get();
  }
  Result<EventPage> read(unsigned partition, EventQuery query = {}, unsigned count = 4) {
    return wait_for<EventPage>([&](EventReader::Done<EventPage> done) {
      reader_.read({kHub, "acme", created_ms_, partition, count}, query, std::move(done));
    });
  }
  Result<PartitionInfo> describe(unsigned partition, unsigned count = 4) {
    return wait_for<PartitionInfo>([&](EventReader::Done<PartitionInfo> done) {
      reader_.describe({kHub, "acme", created_ms_, partition, count}, std::move(done));
    });
  }
  std::uint64_t find(UnixMillis time_ms) {
    return *wait_for<std::uint64_t>([&](EventReader::Done<std::uint64_t> done) {
      reader_.find({kHub, "acme", created_ms_, 0, 1}, time_ms, std::move(done));
    });
  }

  UnixMillis created_ms_ = 0;  // of the hub
  SystemClock clock_;
  std::unique_ptr<SegmentLog> log_ = *SegmentLog::open(
      std::make_unique<testing::MemoryLogDirectory>(std::make_shared<testing::MemoryDisk>()), {},
      clock_);
  EventReader reader_{*log_, nullptr, 2};
};

TEST_F(EventReaderTest, EveryRecordIsInExactlyOnePartition) {
  for (int i = 0; i < 40; ++i) append("dev-" + std::to_string(i), i);
  append("other-hub", 50, "plant-2");
  std::size_t seen = 0;
  for (unsigned partition = 0; partition < 4; ++partition) {
    const auto page = read(partition);
    ASSERT_TRUE(page);
    EXPECT_TRUE(page->at_end);
    EXPECT_EQ(page->next, 41U);
    for (const Record& record : page->records) {
      EXPECT_EQ(partition_of(record.device, 4), partition);
      EXPECT_EQ(record.hub, "plant-1");
    }
    seen += page->records.size();
  }
  EXPECT_EQ(seen, 40U);
  EXPECT_TRUE(read(4).error().is(kPartitionUnknown));
}

TEST_F(EventReaderTest, PagesGoOnWhereTheLastEnded) {
  for (int i = 0; i < 5; ++i) append("dev", i);
  EventQuery query{.records_max = 2};
  std::vector<std::uint64_t> offsets;
  for (;;) {
    const auto page = read(0, query, 1);
    for (const Record& record : page->records) offsets.push_back(record.offset);
    query.from = page->next;
    if (page->at_end) break;
    EXPECT_LE(page->records.size(), 2U);
  }
  EXPECT_EQ(offsets, (std::vector<std::uint64_t>{0, 1, 2, 3, 4}));
  query = {.records_max = 10, .bytes_max = 3};
  EXPECT_EQ(read(0, query, 1)->records.size(), 1U) << "the budget of bytes";
}

TEST_F(EventReaderTest, DescribesPartitionsAndFollowsTheLog) {
  EXPECT_TRUE(describe(0, 1)->empty);
  append("dev", 100);
  append("dev", 200);
  append("far", 300, "plant-2");
  auto info = describe(0, 1);
  EXPECT_FALSE(info->empty);
  EXPECT_EQ(info->last_offset, 1U);
  EXPECT_EQ(info->last_enqueued_ms, 200);
  EXPECT_EQ(info->next_offset, 3U);
  append("dev", 400);
  info = describe(0, 1);
  EXPECT_EQ(info->last_offset, 3U);
  const unsigned own = partition_of("dev", 4);
  EXPECT_FALSE(describe(own)->empty);
  EXPECT_TRUE(describe((own + 1) % 4)->empty);
}

TEST_F(EventReaderTest, AHubOfADeletedOnesNameReadsNothingOfThatOne) {
  append("dev", 100, "plant-1", "evil");
  append("dev", 900, "plant-1", "evil");
  append("dev", 200);
  created_ms_ = 500;
  EXPECT_TRUE(read(0, {}, 1)->records.empty());
  EXPECT_EQ(read(0, {}, 1)->next, 3U);
  EXPECT_TRUE(describe(0, 1)->empty);
  append("dev", 500);
  append("dev", 600, "plant-1", "evil");
  const auto page = read(0, {}, 1);
  ASSERT_EQ(page->records.size(), 1U);
  EXPECT_EQ(page->records[0].offset, 3U);
  const auto info = describe(0, 1);
  EXPECT_FALSE(info->empty);
  EXPECT_EQ(info->last_offset, 3U);
  EXPECT_EQ(info->last_enqueued_ms, 500);
  EXPECT_LE(info->first_offset, info->last_offset);
  created_ms_ = 501;
  EXPECT_TRUE(describe(0, 1)->empty);
}

TEST_F(EventReaderTest, APageLooksAtNoMoreBytesThanItsTurnAllows) {
  constexpr std::size_t kPayload = 256UL * 1024;
  constexpr std::size_t kFull = kEventsScannedBytesMax / kPayload;
  const std::string payload(kPayload, 'x');
  for (std::size_t i = 0; i + 1 < kFull; ++i) append("dev", 1, "plant-2", "acme", payload);
  append("dev", 1, "plant-2", "acme", payload.substr(1));
  EXPECT_TRUE(read(0)->at_end) << "one byte below";
  append("dev", 1, "plant-2", "acme", "x");
  append("dev", 1, "plant-1", "acme");
  const auto page = read(0, {}, 1);
  EXPECT_TRUE(page->records.empty());
  EXPECT_FALSE(page->at_end);
  EXPECT_EQ(page->next, kFull + 1) << "it moves on";
  const auto rest = read(0, {.from = page->next}, 1);
  EXPECT_EQ(rest->records.size(), 1U);
}

// The walk over the whole log that a description may need.
TEST_F(EventReaderTest, ALongWalkLetsOthersTakeTheirTurn) {
  for (std::size_t n = 0; n < 3; ++n) {
    RecordBatch batch;
    for (std::size_t i = 0; i < ReadBudget{}.records_max; ++i)
      ASSERT_TRUE(batch.add({.time_ms = 1, .tenant = "acme", .device = "dev", .hub = "plant-1"}));
    ASSERT_TRUE(log_->append_and_wait(batch));
  }
  EventReader reader(*log_, nullptr, 1);
  const PartitionKey key{kHub, "acme", 0, 0, 1};
  std::promise<void> busy;
  reader.find(key, 0, [&](const auto&) { busy.get_future().wait(); });
  std::string order;
  std::promise<PartitionInfo> described;
  reader.describe(key, [&](Result<PartitionInfo> info) {
    order += "describe ";
    described.set_value(*info);
  });
  reader.read(key, {.records_max = 1}, [&](const auto&) { order += "read "; });
  reader.find(key, 0, [&](const auto&) { order += "find "; });
  busy.set_value();
  const PartitionInfo info = described.get_future().get();
  EXPECT_EQ(order, "read find describe ");
  EXPECT_EQ(info.last_offset, 3 * ReadBudget{}.records_max - 1);
}

TEST_F(EventReaderTest, DescribesOnlyPartitionsThatCanBe) {
  EXPECT_TRUE(describe(kPartitionsMax - 1, kPartitionsMax));
  EXPECT_TRUE(describe(0, kPartitionsMax + 1).error().is(kPartitionUnknown));
  EXPECT_TRUE(describe(4).error().is(kPartitionUnknown));
}

TEST_F(EventReaderTest, ReadersSeeWhatTheirHubKeeps) {
  const auto now_ms = clock_.now_ms();
  append("dev", now_ms - 5'000);
  append("dev", now_ms - 5'000, "plant-2");
  append("dev", now_ms);
  Retention retention(*log_, clock_, [] {
    return std::vector<HubRetention>{{"plant-1", 0, 3'000, 0}, {"plant-2", 0, 3'600'000, 0}};
  });
  ASSERT_TRUE(retention.apply());
  EventReader reader(*log_, &retention, 1);
  const auto of = [&](std::string_view hub) {
    return PartitionKey{*iothub::HubName::parse(hub), "acme", 0, 0, 1};
  };
  const auto page = wait_for<EventPage>([&](EventReader::Done<EventPage> done) {
    reader.read(of("plant-1"), {.from = 0}, std::move(done));
  });
  ASSERT_EQ(page->records.size(), 1U) << "from before the beginning: from the beginning";
  EXPECT_EQ(page->records[0].offset, 2U);
  const auto describe = [&](std::string_view hub) {
    return *wait_for<PartitionInfo>(
        [&](EventReader::Done<PartitionInfo> done) { reader.describe(of(hub), std::move(done)); });
  };
  EXPECT_EQ(describe("plant-1").first_offset, 2U);
  EXPECT_EQ(describe("plant-2").first_offset, 0U) << "nothing older, of whatever hub";
  EXPECT_EQ(describe("plant-2").last_offset, 1U);
  const auto found = wait_for<std::uint64_t>([&](EventReader::Done<std::uint64_t> done) {
    reader.find(of("plant-1"), 0, std::move(done));
  });
  EXPECT_EQ(*found, 2U);
}

TEST_F(EventReaderTest, FindsTheOffsetOfATime) {
  EXPECT_EQ(find(0), 0U);
  for (const UnixMillis time : {100, 200, 200, 300}) append("dev", time);
  EXPECT_EQ(find(0), 0U);
  EXPECT_EQ(find(100), 0U);
  EXPECT_EQ(find(101), 1U);
  EXPECT_EQ(find(200), 1U);
  EXPECT_EQ(find(250), 3U);
  EXPECT_EQ(find(301), 4U) << "nothing yet: where the next will stand";
}

}  // namespace
}  // namespace pavise::hub
