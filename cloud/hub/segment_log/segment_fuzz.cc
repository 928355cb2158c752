// Input: the bytes after the header of a segment file, with the checksums mended so that the
// fuzzer gets past them. Recovery must end in a usable log or in an error, and be idempotent.
#include "cloud/hub/segment_log/crc32c.h"
#include "cloud/hub/segment_log/segment.h"
#include "cloud/hub/segment_log/testing/memory_log_directory.h"

namespace {

using namespace pavise;
using namespace pavise::hub;

void mend_checksums(Bytes& file, std::uint32_t salted) {
  for (std::size_t at = kSegmentHeaderSize; at + kRecordHeaderSize <= file.size();) {
    const auto header = std::span(file).subspan(at, kRecordHeaderSize);
    ByteReader in(ByteView(header).subspan(4));
    const std::uint32_t body_size = *in.le<std::uint32_t>();
    const std::size_t end = at + kRecordHeaderSize + body_size;
    if (body_size > kRecordBodyMax || end > file.size()) return;
    const auto put = [&](std::size_t where, std::uint32_t value) {
      for (std::size_t i = 0; i < 4; ++i)
        header[where + i] = static_cast<std::byte>(value >> 8 * i);
    };
    // The last byte of a body tells whether its checksums are mended.
    if (body_size == 0 || (file[end - 1] & std::byte{1}) == std::byte{0}) {
      put(8, crc32c(ByteView(file).subspan(at + kRecordHeaderSize, body_size)));
      put(0, crc32c(ByteView(header).subspan(4), salted));
    }
    at = end;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto disk = std::make_shared<hub::testing::MemoryDisk>();
  const SegmentHeader header{7, 0, 0x1234};
  auto state = std::make_shared<hub::testing::MemoryDisk::FileState>();
  state->written = header.encode();
  append(state->written, std::as_bytes(std::span(data, size)));
  mend_checksums(state->written, header.salted_crc());
  disk->files[Segment::name_of(7)] = state;
  hub::testing::MemoryLogDirectory directory(disk);
  auto segment = Segment::open(directory, Segment::name_of(7));
  PAVISE_CHECK(segment.has_value());
  const auto next = (*segment)->recover();
  if (!next) return 0;
  std::vector<Record> records;
  std::size_t used = 0;
  PAVISE_CHECK((*segment)->read(0, {}, used, records).has_value());
  auto again = Segment::open(directory, Segment::name_of(7));
  const auto next_again = (*again)->recover();
  PAVISE_CHECK(next_again.has_value() && *next_again == *next);
  return 0;
}
