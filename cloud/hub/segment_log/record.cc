#include "cloud/hub/segment_log/record.h"

#include <array>

#include "cloud/hub/segment_log/crc32c.h"

namespace pavise::hub {
namespace {

constexpr std::string_view kMagic = "PVSLOG01";
constexpr std::size_t kHeaderCrcAt = 0;
constexpr std::size_t kBatchBackAt = 12;
constexpr std::size_t kOffsetAt = 16;

template <std::unsigned_integral T>
void store_le(std::span<std::byte> out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    out[i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i));
}

template <std::unsigned_integral T>
void push_le(Bytes& out, T value) {
  out.resize(out.size() + sizeof(T));
  store_le(std::span(out).last(sizeof(T)), value);
}

std::string text_of(ByteView bytes) {
  return std::string(as_text(bytes));
}

}  // namespace

std::string RecordOrigin::encode() const {
  return module_id + "\n" + auth_method + "\n" + generation_id + "\n" + source;
}

RecordOrigin RecordOrigin::parse(std::string_view text) {
  RecordOrigin out;
  for (std::string* field : {&out.module_id, &out.auth_method, &out.generation_id, &out.source}) {
    const std::size_t end = text.find('\n');
    *field = text.substr(0, end);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

Status RecordBatch::add(const RecordView& record) {
  const std::array<std::string_view, 4> names = {record.tenant, record.device, record.hub,
                                                 record.origin};
  std::size_t body_size = record.properties.size() + record.payload.size();
  for (const std::string_view name : names) {
    if (name.size() > kRecordIdMax) return Error(kRecordTooLarge, "an id exceeds 255 bytes");
    body_size += name.size();
  }
  if (body_size > kRecordBodyMax)
    return Error(kRecordTooLarge, std::to_string(body_size) + " bytes");
  PAVISE_CHECK(bytes_.size() < UINT32_MAX - kRecordBodyMax);

  std::uint32_t body_crc = 0;
  for (const std::string_view name : names) body_crc = crc32c(as_bytes(name), body_crc);
  body_crc = crc32c(as_bytes(record.properties), body_crc);
  body_crc = crc32c(record.payload, body_crc);

  starts_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  push_le<std::uint32_t>(bytes_, 0);  // header checksum, sealed later
  push_le(bytes_, static_cast<std::uint32_t>(body_size));
  push_le(bytes_, body_crc);
  push_le<std::uint32_t>(bytes_, 0);  // batch_back, sealed later
  push_le<std::uint64_t>(bytes_, 0);  // offset, sealed later
  push_le(bytes_, static_cast<std::uint64_t>(record.time_ms));
  for (const std::string_view name : names) push_le(bytes_, static_cast<std::uint8_t>(name.size()));
  push_le(bytes_, static_cast<std::uint32_t>(record.properties.size()));
  for (const std::string_view name : names) append(bytes_, as_bytes(name));
  append(bytes_, as_bytes(record.properties));
  append(bytes_, record.payload);
  return {};
}

void RecordBatch::clear() {
  bytes_.clear();
  starts_.clear();
}

ByteView BatchSealer::seal(RecordBatch& batch, std::uint32_t salted_crc, Offset first_offset,
                           std::size_t batch_back) {
  for (std::size_t i = 0; i < batch.starts_.size(); ++i) {
    const std::size_t start = batch.starts_[i];
    const auto header = std::span(batch.bytes_).subspan(start, kRecordHeaderSize);
    store_le(header.subspan(kBatchBackAt), static_cast<std::uint32_t>(batch_back + start));
    store_le(header.subspan(kOffsetAt), first_offset + i);
    store_le(header.subspan(kHeaderCrcAt),
             crc32c(ByteView(header).subspan(sizeof(std::uint32_t)), salted_crc));
  }
  return batch.bytes_;
}

Result<RecordHeader> RecordHeader::parse(ByteView bytes, std::uint32_t salted_crc) {
  if (bytes.size() < kRecordHeaderSize) return kBadRecord;
  bytes = bytes.first(kRecordHeaderSize);
  ByteReader in(bytes);
  const std::uint32_t header_crc = *in.le<std::uint32_t>();
  RecordHeader out;
  out.body_size = *in.le<std::uint32_t>();
  // Cheap refusal first: recovery tries every byte position of a torn tail.
  if (out.body_size > kRecordBodyMax) return kBadRecord;
  if (crc32c(bytes.subspan(sizeof(std::uint32_t)), salted_crc) != header_crc) return kBadRecord;
  out.body_crc = *in.le<std::uint32_t>();
  out.batch_back = *in.le<std::uint32_t>();
  out.offset = *in.le<std::uint64_t>();
  out.time_ms = static_cast<UnixMillis>(*in.le<std::uint64_t>());
  out.tenant_size = *in.le<std::uint8_t>();
  out.device_size = *in.le<std::uint8_t>();
  out.hub_size = *in.le<std::uint8_t>();
  out.origin_size = *in.le<std::uint8_t>();
  out.properties_size = *in.le<std::uint32_t>();
  const std::size_t named = std::size_t{out.tenant_size} + out.device_size + out.hub_size +
                            out.origin_size + out.properties_size;
  if (named > out.body_size) return kBadRecord;
  return out;
}

bool RecordHeader::body_intact(ByteView body) const {
  return body.size() == body_size && crc32c(body) == body_crc;
}

Result<Record> RecordHeader::read_body(ByteView body) const {
  if (!body_intact(body)) return kBadRecord;
  ByteReader in(body);
  Record out;
  out.offset = offset;
  out.time_ms = time_ms;
  out.tenant = text_of(*in.take(tenant_size));
  out.device = text_of(*in.take(device_size));
  out.hub = text_of(*in.take(hub_size));
  out.origin = text_of(*in.take(origin_size));
  out.properties = text_of(*in.take(properties_size));
  out.payload = to_bytes(in.rest());
  return out;
}

Bytes SegmentHeader::encode() const {
  ByteWriter out;
  out.raw(as_bytes(kMagic)).le(base_offset).le(static_cast<std::uint64_t>(created_ms)).le(salt);
  out.le<std::uint32_t>(0);
  const std::uint32_t crc = crc32c(out.bytes());
  return out.le(crc).take();
}

Result<SegmentHeader> SegmentHeader::parse(ByteView bytes) {
  ByteReader in(bytes);
  const auto magic = in.take(kMagic.size());
  SegmentHeader out;
  const auto base = in.le<std::uint64_t>();
  const auto created = in.le<std::uint64_t>();
  const auto salt = in.le<std::uint64_t>();
  const auto reserved = in.le<std::uint32_t>();
  const auto crc = in.le<std::uint32_t>();
  if (!crc || as_text(*magic) != kMagic || *reserved != 0) return kBadRecord;
  if (crc32c(bytes.first(kSegmentHeaderSize - sizeof(std::uint32_t))) != *crc) return kBadRecord;
  out.base_offset = *base;
  out.created_ms = static_cast<UnixMillis>(*created);
  out.salt = *salt;
  return out;
}

std::uint32_t SegmentHeader::salted_crc() const {
  return crc32c(ByteWriter().le(salt).bytes());
}

}  // namespace pavise::hub
