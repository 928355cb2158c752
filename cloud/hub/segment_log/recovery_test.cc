// Every way in which the end of the log can be torn, byte by byte, and a real kill -9.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "cloud/hub/segment_log/segment_log.h"
#include "cloud/hub/segment_log/testing/memory_log_directory.h"

namespace pavise::hub {
namespace {

using testing::MemoryDisk;
using testing::MemoryLogDirectory;

const ManualClock& still_clock() {
  static const ManualClock clock(1'000'000);
  return clock;
}

Result<std::unique_ptr<SegmentLog>> open_on(const std::shared_ptr<MemoryDisk>& disk) {
  return SegmentLog::open(std::make_unique<MemoryLogDirectory>(disk), {}, still_clock());
}

void put(SegmentLog& log, std::initializer_list<std::string_view> payloads) {
  RecordBatch batch;
  for (const auto payload : payloads)
    ASSERT_TRUE(batch.add({5, "acme", "dev", "a=1", as_bytes(payload)}));
  ASSERT_TRUE(log.append_and_wait(batch));
}

// Three commits; the last one has three records.
struct Written {
  std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>();
  std::size_t second_start = 0;
  std::size_t last_start = 0;
  std::size_t last_record_size = 0;
  std::size_t size = 0;

  Written() {
    auto log = *open_on(disk);
    put(*log, {"one", "two"});
    second_start = file().size();
    put(*log, {"three"});
    last_start = file().size();
    put(*log, {"four", "five", "six!"});
    size = file().size();
  }
  Bytes& file() const { return disk->files.begin()->second->written; }
};

std::size_t records_in(SegmentLog& log) {
  const auto records = log.read(0);
  EXPECT_TRUE(records);
  if (!records) return 0;
  const std::string_view expected[] = {"one", "two", "three", "four", "five", "six!"};
  for (std::size_t i = 0; i < records->size() && i < 6; ++i) {
    EXPECT_EQ(as_text((*records)[i].payload), expected[i]);
  }
  return records->size();
}

// Opens the damaged copy, expects a prefix of at least `least`, and that it takes new records.
void expect_usable(const std::shared_ptr<MemoryDisk>& disk, std::size_t least, std::size_t most,
                   std::size_t at) {
  auto log = open_on(disk);
  ASSERT_TRUE(log) << "byte " << at << ": " << log.error().message();
  const std::size_t found = records_in(**log);
  EXPECT_GE(found, least) << "byte " << at;
  EXPECT_LE(found, most) << "byte " << at;
  put(**log, {"new"});
  EXPECT_EQ((*log)->read(0)->size(), found + 1) << "byte " << at;
  log->reset();
  EXPECT_EQ((*open_on(disk))->read(0)->size(), found + 1) << "byte " << at;
}

TEST(Recovery, TruncatedAtEveryByte) {
  const Written written;
  for (std::size_t at = kSegmentHeaderSize; at <= written.size; ++at) {
    const auto disk = written.disk->copy();
    disk->files.begin()->second->written.resize(at);
    const std::size_t least = at < written.second_start ? 0 : at < written.last_start ? 2 : 3;
    expect_usable(disk, least, 6, at);
  }
}

TEST(Recovery, LastCommitDamagedAtEveryByte) {
  const Written written;
  for (std::size_t at = written.last_start; at < written.size; ++at) {
    const auto disk = written.disk->copy();
    disk->files.begin()->second->written[at] ^= std::byte{0x10};
    expect_usable(disk, 3, 5, at);
  }
}

TEST(Recovery, LastCommitWithHolesOfZeros) {
  const Written written;
  for (std::size_t at = written.last_start; at < written.size; ++at) {
    const auto disk = written.disk->copy();
    Bytes& file = disk->files.begin()->second->written;
    const std::size_t hole_end = std::min(at + 16, file.size());
    std::fill(file.begin() + static_cast<std::ptrdiff_t>(at),
              file.begin() + static_cast<std::ptrdiff_t>(hole_end), std::byte{0});
    file.resize(file.size() + 100);  // preallocated blocks show as zeros
    expect_usable(disk, 3, 6, at);
  }
}

TEST(Recovery, AcknowledgedRecordsDamagedAtEveryByteAreNeverDroppedSilently) {
  const Written written;
  for (std::size_t at = 0; at < written.last_start; ++at) {
    const auto disk = written.disk->copy();
    disk->files.begin()->second->written[at] ^= std::byte{0x10};
    const auto log = open_on(disk);
    ASSERT_FALSE(log) << "byte " << at;
    EXPECT_TRUE(log.error().is(kLogCorrupt)) << "byte " << at;
    EXPECT_EQ(disk->files.begin()->second->written.size(), written.size) << "left as it was";
  }
}

TEST(Recovery, ASegmentThatNeverGotItsNameIsRemoved) {
  const Written written;
  const auto disk = written.disk->copy();
  disk->files["00000000000000000006.seg.tmp"] = std::make_shared<MemoryDisk::FileState>();
  disk->files["notes.txt"] = std::make_shared<MemoryDisk::FileState>();
  EXPECT_EQ(records_in(**open_on(disk)), 6U);
  EXPECT_FALSE(disk->files.contains("00000000000000000006.seg.tmp"));
  EXPECT_TRUE(disk->files.contains("notes.txt")) << "foreign files are left alone";
}

TEST(Recovery, AnEmptyNewSegmentAfterATornOne) {
  const Written written;
  const auto disk = written.disk->copy();
  {
    MemoryLogDirectory directory(disk);
    ASSERT_TRUE(Segment::create(directory, 6, 0));
  }
  auto log = *open_on(disk);
  EXPECT_EQ(records_in(*log), 6U);
  put(*log, {"new"});
  EXPECT_EQ(log->read(6)->front().offset, 6U);
}

TEST(Recovery, PowerCutKeepsEverythingThatWasAcknowledged) {
  const Written written;
  for (std::size_t kept = 0; kept < 50; ++kept) {
    const auto disk = written.disk->after_power_cut(kept);
    EXPECT_EQ(records_in(**open_on(disk)), 6U);
  }
}

// A kill between write and sync, then a start, then a power cut: what the start served has to last,
// or its offsets would be used twice.
TEST(Recovery, WhatWasRecoveredSurvivesAPowerCut) {
  const Written written;
  for (const std::size_t synced : {kSegmentHeaderSize, written.second_start, written.last_start}) {
    const auto disk = written.disk->copy();
    disk->files.begin()->second->synced_size = synced;
    {
      const auto log = *open_on(disk);
      EXPECT_EQ(records_in(*log), 6U);
    }
    const auto log = *open_on(disk->after_power_cut(0));
    EXPECT_EQ(records_in(*log), 6U);
    EXPECT_EQ(log->durable_end(), 6U);
  }
}

// As above, but killed before the new segment's name was on the medium: the start writes into it.
TEST(Recovery, ASegmentsNameIsOnTheMediumBeforeItIsWrittenTo) {
  const Written written;
  const auto disk = written.disk->copy();
  disk->files.begin()->second->name_synced = false;
  {
    auto log = *open_on(disk);
    put(*log, {"seven"});
  }
  const auto log = *open_on(disk->after_power_cut(0));
  EXPECT_EQ(log->durable_end(), 7U);
}

// Six segments of one record each, of which the first three are to go.
struct Segmented {
  static constexpr SegmentLogOptions kOptions{.segment_size_max = 100};
  static constexpr Offset kEnd = 6;
  static constexpr Offset kDropped = 3;
  std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>();

  Segmented() {
    auto log = *open(disk);
    for (const auto payload : {"one", "two", "three", "four", "five", "six!"}) put(*log, {payload});
  }
  static Result<std::unique_ptr<SegmentLog>> open(const std::shared_ptr<MemoryDisk>& disk) {
    return SegmentLog::open(std::make_unique<MemoryLogDirectory>(disk), kOptions, still_clock());
  }
  static std::vector<Offset> offsets(SegmentLog& log) {
    std::vector<Offset> out;
    for (const Record& record : *log.read(0)) out.push_back(record.offset);
    return out;
  }
};

TEST(Recovery, KilledAtEachStepOfTheRetention) {
  for (std::size_t steps = 0; steps <= Segmented::kDropped; ++steps) {
    const Segmented written;
    {
      auto log = *Segmented::open(written.disk);
      written.disk->set_faults({.removes_left = steps});
      EXPECT_EQ(log->drop_before(Segmented::kDropped).has_value(), steps == Segmented::kDropped);
    }
    written.disk->set_faults({});
    auto log = Segmented::open(written.disk);
    ASSERT_TRUE(log) << "after " << steps << " removals: " << log.error().message();
    EXPECT_EQ((*log)->first_offset(), steps);
    EXPECT_EQ((*log)->durable_end(), Segmented::kEnd);
    EXPECT_EQ(Segmented::offsets(**log).size(), Segmented::kEnd - steps);
    ASSERT_TRUE((*log)->drop_before(Segmented::kDropped));
    EXPECT_EQ(Segmented::offsets(**log), (std::vector<Offset>{3, 4, 5}));
  }
}

// A power cut may undo any of the removals, in any order: names are not written in theirs.
TEST(Recovery, RemovedSegmentsThatComeBackAreNoDamage) {
  const Segmented written;
  for (unsigned back = 0; back < 1U << Segmented::kDropped; ++back) {
    const auto disk = written.disk->copy();
    std::vector<Offset> expected;
    for (Offset offset = 0; offset < Segmented::kEnd; ++offset) {
      if (offset >= Segmented::kDropped || (back & (1U << offset)) != 0)
        expected.push_back(offset);
      else
        disk->files.erase(Segment::name_of(offset));
    }
    auto log = Segmented::open(disk);
    ASSERT_TRUE(log) << back << ": " << log.error().message();
    EXPECT_EQ(Segmented::offsets(**log), expected);
    EXPECT_EQ((*log)->read(1)->front().offset, *std::ranges::lower_bound(expected, Offset{1}));
    put(**log, {"new"});
    ASSERT_TRUE((*log)->drop_before(Segmented::kDropped));
    EXPECT_EQ(Segmented::offsets(**log), (std::vector<Offset>{3, 4, 5, 6}));
  }
}

TEST(Recovery, TheLastSegmentTornAtEveryByteAfterTheOthersWereDropped) {
  const Segmented written;
  {
    auto log = *Segmented::open(written.disk);
    ASSERT_TRUE(log->drop_before(Segmented::kEnd));
    ASSERT_EQ(written.disk->files.size(), 1U);
    put(*log, {"seven"});
  }
  const auto name = Segment::name_of(Segmented::kEnd - 1);
  ASSERT_TRUE(written.disk->files.contains(Segment::name_of(Segmented::kEnd)));
  {
    auto log = *Segmented::open(written.disk);
    ASSERT_TRUE(log->drop_before(Segmented::kEnd));
  }
  ASSERT_FALSE(written.disk->files.contains(name));
  const std::size_t size = written.disk->files.begin()->second->written.size();
  for (std::size_t at = kSegmentHeaderSize; at <= size; ++at) {
    const auto disk = written.disk->copy();
    disk->files.begin()->second->written.resize(at);
    auto log = Segmented::open(disk);
    ASSERT_TRUE(log) << "byte " << at << ": " << log.error().message();
    EXPECT_EQ((*log)->durable_end(), at == size ? 7U : 6U) << "byte " << at;
    put(**log, {"new"});
    EXPECT_EQ((*log)->read(0)->back().offset, at == size ? 7U : 6U)
        << "byte " << at << ": offsets go on where they were";
  }
}

// A payload that looks like a record must not make a torn tail look like an acknowledged one.
TEST(Recovery, ARecordInsideAPayloadIsNotBelieved) {
  const Written other;
  const std::string imitation(as_text(ByteView(other.file()).subspan(other.second_start)));
  const auto disk = std::make_shared<MemoryDisk>();
  {
    auto log = *open_on(disk);
    put(*log, {"one"});
    put(*log, {imitation, imitation});
  }
  Bytes& file = disk->files.begin()->second->written;
  for (const std::size_t cut : {1UL, 50UL, 100UL}) {
    const auto torn = disk->copy();
    torn->files.begin()->second->written.resize(file.size() - cut);
    const auto log = open_on(torn);
    ASSERT_TRUE(log) << log.error().message();
    EXPECT_EQ((*log)->read(0)->size(), 2U);
  }
}

// --- kill -9 -----------------------------------------------------------------------------------

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "pavise-log-XXXXXX").string();
    PAVISE_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Result<std::unique_ptr<SegmentLog>> open_at(const std::string& path) {
  PAVISE_TRY_ASSIGN(auto directory, open_log_directory(path));
  return SegmentLog::open(std::move(directory), {.segment_size_max = 4096}, still_clock());
}

// The child: appends for ever, writes each acknowledged end to the pipe.
[[noreturn]] void append_until_killed(const std::string& path, int acknowledged) {
  auto log = open_at(path);
  if (!log) _exit(2);
  for (Offset n = (*log)->durable_end();; n = (*log)->durable_end()) {
    RecordBatch batch;
    for (Offset i = 0; i < 5; ++i) {
      const std::string text = "record " + std::to_string(n + i);
      if (!batch.add({0, "acme", "dev", "", as_bytes(text)})) _exit(3);
    }
    const auto range = (*log)->append_and_wait(batch);
    if (!range) _exit(4);
    if (::write(acknowledged, &range->end, sizeof range->end) != sizeof range->end) _exit(5);
  }
}

TEST(Recovery, KillNineLosesNothingAcknowledged) {
  const TemporaryFolder folder;
  Offset acknowledged = 0;
  for (std::size_t round = 0; round < 8; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      append_until_killed(folder.path(), ends[1]);
    }
    ::close(ends[1]);
    Offset end = 0;
    for (std::size_t i = 0; i < 3 + round * 5; ++i) {
      ASSERT_EQ(::read(ends[0], &end, sizeof end), ssize_t{sizeof end}) << "the child died";
      acknowledged = end;
    }
    ::kill(child, SIGKILL);
    while (::read(ends[0], &end, sizeof end) == ssize_t{sizeof end}) acknowledged = end;
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);

    auto log = open_at(folder.path());
    ASSERT_TRUE(log) << log.error().message();
    ASSERT_GE((*log)->durable_end(), acknowledged);
    const auto records = (*log)->read(0, {.records_max = 1'000'000, .bytes_max = 1UL << 30U});
    ASSERT_TRUE(records) << records.error().message();
    ASSERT_EQ(records->size(), (*log)->durable_end());
    for (std::size_t i = 0; i < records->size(); ++i)
      ASSERT_EQ(as_text((*records)[i].payload), "record " + std::to_string(i));
  }
}

TEST(LogDirectory, ASecondProcessIsRefused) {
  const TemporaryFolder folder;
  const auto first = open_log_directory(folder.path() + "/log");
  ASSERT_TRUE(first);
  const auto second = open_log_directory(folder.path() + "/log");
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is(kLogLocked));
  EXPECT_TRUE(open_log_directory(folder.path() + "/missing/log").error().is(kLogIoFailed));
}

}  // namespace
}  // namespace pavise::hub
