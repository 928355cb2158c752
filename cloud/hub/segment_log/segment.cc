#include "cloud/hub/segment_log/segment.h"

#include <sys/random.h>

#include <algorithm>
#include <charconv>

namespace pavise::hub {
namespace {

constexpr std::string_view kSuffix = ".seg";
constexpr std::size_t kNameDigits = 20;
constexpr std::uint64_t kIndexEveryBytes = 64UL * 1024;
constexpr std::size_t kScanChunk = 64UL * 1024;
constexpr std::size_t kRecordSizeMax = kRecordHeaderSize + kRecordBodyMax;

Status write_all(LogFile& file, ByteView bytes) {
  while (!bytes.empty()) {
    PAVISE_TRY_ASSIGN(const std::size_t written, file.write(bytes));
    if (written == 0) return Error(kLogIoFailed, "write made no progress");
    bytes = bytes.subspan(written);
  }
  return {};
}

}  // namespace

std::string Segment::name_of(Offset base_offset) {
  const std::string digits = std::to_string(base_offset);
  return std::string(kNameDigits - digits.size(), '0') + digits + std::string(kSuffix);
}

std::optional<Offset> Segment::parse_name(std::string_view name) {
  if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  Offset value = 0;
  const char* const end = name.begin() + kNameDigits;
  const auto [stop, error] = std::from_chars(name.begin(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

Segment::Segment(std::string name, std::unique_ptr<LogFile> file, SegmentHeader header,
                 std::uint64_t size)
    : name_(std::move(name)),
      file_(std::move(file)),
      header_(header),
      size_(size),
      committed_size_(size) {
  index_.push_back({header.base_offset, kSegmentHeaderSize});
}

Result<std::shared_ptr<Segment>> Segment::create(LogDirectory& directory, Offset base_offset,
                                                 UnixMillis now_ms) {
  SegmentHeader header{base_offset, now_ms, 0};
  if (::getrandom(&header.salt, sizeof header.salt, 0) != sizeof header.salt)
    return Error(kLogIoFailed, "getrandom");
  const std::string name = name_of(base_offset);
  const std::string temporary = name + ".tmp";
  PAVISE_TRY_ASSIGN(auto file, directory.create(temporary));
  PAVISE_TRY(write_all(*file, header.encode()));
  PAVISE_TRY(file->sync());
  PAVISE_TRY(directory.rename(temporary, name));
  PAVISE_TRY(directory.sync());
  return std::shared_ptr<Segment>(new Segment(name, std::move(file), header, kSegmentHeaderSize));
}

Result<std::shared_ptr<Segment>> Segment::open(LogDirectory& directory, const std::string& name) {
  PAVISE_TRY_ASSIGN(auto file, directory.open(name));
  PAVISE_TRY_ASSIGN(const std::uint64_t size, file->size());
  std::array<std::byte, kSegmentHeaderSize> raw{};
  PAVISE_TRY_ASSIGN(const std::size_t got, file->read_at(0, raw));
  const auto header = SegmentHeader::parse(ByteView(raw).first(got));
  if (!header || name_of(header->base_offset) != name) return Error(kLogCorrupt, name + ", header");
  return std::shared_ptr<Segment>(new Segment(name, std::move(file), *header, size));
}

Error Segment::corrupt(std::uint64_t position) const {
  return {kLogCorrupt, name_ + " at byte " + std::to_string(position)};
}

Result<std::uint64_t> Segment::scan(std::uint64_t from, std::uint64_t end,
                                    const OnRecord& on_record) const {
  const std::uint32_t salted = header_.salted_crc();
  Bytes chunk;
  std::size_t wanted = kScanChunk;
  std::uint64_t at = from;
  while (at < end) {
    chunk.resize(std::min<std::uint64_t>(wanted, end - at));
    PAVISE_TRY_ASSIGN(const std::size_t got, file_->read_at(at, chunk));
    ByteView rest = ByteView(chunk).first(got);
    const std::uint64_t chunk_start = at;
    while (!rest.empty()) {
      const auto header = RecordHeader::parse(rest, salted);
      if (!header) {
        // A header cut by the end of the chunk is read again as the start of the next one.
        if (rest.size() < kRecordHeaderSize && at + rest.size() < end && at != chunk_start) break;
        return at;
      }
      if (header->record_size() > rest.size()) break;
      const ByteView body = rest.subspan(kRecordHeaderSize, header->body_size);
      if (!on_record(*header, body, at)) return at;
      rest = rest.subspan(header->record_size());
      at += header->record_size();
    }
    if (at == chunk_start) {
      if (chunk.size() == end - at || wanted == kRecordSizeMax) return at;  // cut by the end
      wanted = kRecordSizeMax;
    } else {
      wanted = kScanChunk;
    }
  }
  return at;
}

Result<bool> Segment::later_commit_follows(std::uint64_t damaged_at) const {
  const std::uint32_t salted = header_.salted_crc();
  Bytes chunk(kScanChunk);
  for (std::uint64_t start = damaged_at + 1; start + kRecordHeaderSize <= size_;
       start += kScanChunk - kRecordHeaderSize + 1) {
    PAVISE_TRY_ASSIGN(const std::size_t got, file_->read_at(start, chunk));
    for (std::size_t i = 0; i + kRecordHeaderSize <= got; ++i) {
      const auto header = RecordHeader::parse(ByteView(chunk).first(got).subspan(i), salted);
      // Its commit began after the damage, so the damaged bytes had been synced before.
      if (header && start + i >= header->batch_back && start + i - header->batch_back > damaged_at)
        return true;
    }
  }
  return false;
}

Result<Offset> Segment::recover() {
  Offset next = header_.base_offset;
  bool ordered = true;
  PAVISE_TRY_ASSIGN(const std::uint64_t good_end,
                    scan(kSegmentHeaderSize, size_,
                         [&](const RecordHeader& record, ByteView body, std::uint64_t at) {
                           if (!record.body_intact(body)) return false;
                           ordered = record.offset >= next;
                           if (!ordered) return false;
                           next = record.offset + 1;
                           index(record.offset, at);
                           return true;
                         }));
  if (!ordered) return corrupt(good_end);
  if (good_end != size_) {
    PAVISE_TRY_ASSIGN(const bool acknowledged, later_commit_follows(good_end));
    if (acknowledged) return corrupt(good_end);
    PAVISE_TRY(file_->truncate(good_end));
    size_ = good_end;
    committed_size_.store(good_end, std::memory_order_release);
  }
  // Whoever was killed between write and sync left whole records that only the page cache holds.
  PAVISE_TRY(file_->sync());
  return next;
}

Status Segment::append(ByteView bytes) {
  PAVISE_TRY(write_all(*file_, bytes));
  size_ += bytes.size();
  return {};
}

void Segment::commit(Offset first_offset) {
  index(first_offset, committed_size());
  committed_size_.store(size_, std::memory_order_release);
}

Status Segment::rollback() {
  PAVISE_TRY(file_->truncate(committed_size()));
  size_ = committed_size();
  return file_->sync();
}

void Segment::index(Offset offset, std::uint64_t position) {
  const std::lock_guard lock(index_mutex_);
  if (position >= index_.back().position + kIndexEveryBytes) index_.push_back({offset, position});
}

std::uint64_t Segment::position_before(Offset offset) const {
  const std::lock_guard lock(index_mutex_);
  const auto after = std::ranges::upper_bound(index_, offset, {}, &IndexEntry::offset);
  return after == index_.begin() ? kSegmentHeaderSize : std::prev(after)->position;
}

Status Segment::read(Offset from, const ReadBudget& budget, std::size_t& bytes_used,
                     std::vector<Record>& out) {
  const std::uint64_t end = committed_size();
  bool full = false;
  bool damaged = false;
  PAVISE_TRY_ASSIGN(const std::uint64_t stopped,
                    scan(position_before(from), end,
                         [&](const RecordHeader& header, ByteView body, std::uint64_t at) {
                           index(header.offset, at);
                           if (header.offset < from) return true;
                           full = out.size() >= budget.records_max ||
                                  (!out.empty() && bytes_used + body.size() > budget.bytes_max);
                           if (full) return false;
                           auto record = header.read_body(body);
                           damaged = !record.has_value();
                           if (damaged) return false;
                           bytes_used += body.size();
                           out.push_back(*std::move(record));
                           return true;
                         }));
  if (!full && (damaged || stopped != end)) return corrupt(stopped);
  return {};
}

}  // namespace pavise::hub
