// Records and segment headers of the event log as bytes (docs/formats/segment-log.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cloud/hub/segment_log/errors.h"
#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/result.h"

namespace pavise::hub {

// Position of a record in the log: strictly increasing, never used twice; may have gaps.
using Offset = std::uint64_t;

inline constexpr std::size_t kRecordHeaderSize = 40;
inline constexpr std::size_t kSegmentHeaderSize = 40;
// 256 KiB of payload, the longest topic, the ids.
inline constexpr std::size_t kRecordBodyMax = 340UL * 1024;
inline constexpr std::size_t kRecordIdMax = 255;

// A message as it is handed to the log. Borrowed.
struct RecordView {
  UnixMillis time_ms = 0;  // when the hub received it
  std::string_view tenant = {};
  std::string_view device = {};
  std::string_view properties = {};  // encoded property bag
  ByteView payload = {};
  std::string_view hub = {};     // its name
  std::string_view origin = {};  // RecordOrigin::encode()
};

// A message as it is read back. Owns its bytes.
struct Record {
  Offset offset = 0;
  UnixMillis time_ms = 0;
  std::string tenant;
  std::string device;
  std::string properties;
  Bytes payload;
  std::string hub;
  std::string origin;
};

// What the hub itself knows of a message's sender and kind; readers show it as system properties.
// As text: the four fields in this order, separated by line feeds, which none of them holds.
struct RecordOrigin {
  std::string module_id;      // empty: the device itself
  std::string auth_method;    // "sas", "x509", "attested", "hub"; empty: not known
  std::string generation_id;  // of the identity, so that a re-created one is told from the old
  std::string source;         // iothub-message-source; empty: Telemetry

  std::string encode() const;
  // Text of a record; unknown further fields are ignored, missing ones are empty.
  static RecordOrigin parse(std::string_view text);
};

// Records encoded for one append(); offsets are filled in by the log. Reusable after clear().
class RecordBatch {
 public:
  // kRecordTooLarge; the batch is then unchanged.
  Status add(const RecordView& record);
  std::size_t count() const { return starts_.size(); }
  bool empty() const { return starts_.empty(); }
  std::size_t size_bytes() const { return bytes_.size(); }
  void clear();

 private:
  friend class BatchSealer;
  Bytes bytes_;
  std::vector<std::uint32_t> starts_;
};

// Fills in what only the log knows, just before a batch is written.
class BatchSealer {
 public:
  // `batch_back`: bytes already written since the start of this commit.
  static ByteView seal(RecordBatch& batch, std::uint32_t salted_crc, Offset first_offset,
                       std::size_t batch_back);
};

// What a record header says, once its checksum held.
struct RecordHeader {
  std::uint32_t body_size = 0;
  std::uint32_t body_crc = 0;
  std::uint32_t batch_back = 0;
  Offset offset = 0;
  UnixMillis time_ms = 0;
  std::uint8_t tenant_size = 0;
  std::uint8_t device_size = 0;
  std::uint8_t hub_size = 0;
  std::uint8_t origin_size = 0;
  std::uint32_t properties_size = 0;

  std::size_t record_size() const { return kRecordHeaderSize + body_size; }
  // kBadRecord: short, wrong checksum or impossible sizes.
  static Result<RecordHeader> parse(ByteView bytes, std::uint32_t salted_crc);
  bool body_intact(ByteView body) const;
  // `body` has body_size bytes. kBadRecord: wrong checksum.
  Result<Record> read_body(ByteView body) const;
};

// First bytes of every segment file.
struct SegmentHeader {
  Offset base_offset = 0;
  UnixMillis created_ms = 0;
  std::uint64_t salt = 0;  // random: a payload cannot imitate a record header

  Bytes encode() const;
  static Result<SegmentHeader> parse(ByteView bytes);  // kBadRecord
  std::uint32_t salted_crc() const;  // where header checksums of this segment start
};

}  // namespace pavise::hub
