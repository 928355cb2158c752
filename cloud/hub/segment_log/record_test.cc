#include "cloud/hub/segment_log/record.h"

#include <gtest/gtest.h>

#include "cloud/hub/segment_log/crc32c.h"
#include "cloud/hub/segment_log/segment.h"

namespace pavise::hub {
namespace {

constexpr std::uint32_t kSalted = 0x12345678;

TEST(Crc32c, PublishedVectors) {  // RFC 3720 appendix B.4
  Bytes increasing(32);
  for (std::size_t i = 0; i < increasing.size(); ++i) increasing[i] = static_cast<std::byte>(i);
  const std::pair<Bytes, std::uint32_t> rows[] = {
      {Bytes(32, std::byte{0}), 0x8A9136AA},
      {Bytes(32, std::byte{0xFF}), 0x62A8AB43},
      {increasing, 0x46DD794E},
      {to_bytes(as_bytes("123456789")), 0xE3069283},
      {{}, 0},
  };
  for (const auto& [data, crc] : rows) {
    EXPECT_EQ(crc32c(data), crc);
    EXPECT_EQ(crc32c_portable(data), crc);
  }
}

TEST(Crc32c, ContinuesAndAgreesWithThePortableForm) {
  Bytes data(1000);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 7);
  for (std::size_t cut = 0; cut < 40; ++cut) {
    const std::uint32_t first = crc32c(ByteView(data).first(cut));
    EXPECT_EQ(crc32c(ByteView(data).subspan(cut), first), crc32c_portable(data));
  }
}

Bytes sealed(const RecordView& view, Offset offset) {
  RecordBatch batch;
  EXPECT_TRUE(batch.add(view));
  return to_bytes(BatchSealer::seal(batch, kSalted, offset, 0));
}

TEST(Record, RoundTrip) {
  const Bytes bytes = sealed({1234, "tenant", "device", "a=1", as_bytes("payload")}, 77);
  const auto header = RecordHeader::parse(bytes, kSalted);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->record_size(), bytes.size());
  const auto record = header->read_body(ByteView(bytes).subspan(kRecordHeaderSize));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->offset, 77U);
  EXPECT_EQ(record->time_ms, 1234);
  EXPECT_EQ(record->tenant, "tenant");
  EXPECT_EQ(record->device, "device");
  EXPECT_EQ(record->properties, "a=1");
  EXPECT_EQ(as_text(record->payload), "payload");
}

TEST(Record, KeepsHubAndOrigin) {
  const RecordOrigin origin{"mod", "sas", "638000", "twinChangeEvents"};
  const std::string encoded = origin.encode();
  const Bytes bytes = sealed({1, "t", "d", "p", as_bytes("x"), "hub-1", encoded}, 5);
  const auto record =
      RecordHeader::parse(bytes, kSalted)->read_body(ByteView(bytes).subspan(kRecordHeaderSize));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->hub, "hub-1");
  const RecordOrigin read = RecordOrigin::parse(record->origin);
  EXPECT_EQ(read.module_id, "mod");
  EXPECT_EQ(read.auth_method, "sas");
  EXPECT_EQ(read.generation_id, "638000");
  EXPECT_EQ(read.source, "twinChangeEvents");
  EXPECT_EQ(record->properties, "p");
}

TEST(Record, OriginsOfOtherVersionsAreRead) {
  EXPECT_EQ(RecordOrigin::parse("").encode(), RecordOrigin{}.encode());
  EXPECT_EQ(RecordOrigin::parse("m").module_id, "m");
  EXPECT_EQ(RecordOrigin::parse("m\na\ng\ns\nfuture\nmore").source, "s");
}

// Written before hubs had names: bytes 34 and 35 were zero and the body had four parts.
TEST(Record, RecordsWithoutHubAndOriginStayReadable) {
  const Bytes bytes = sealed({1234, "tenant", "device", "a=1", as_bytes("payload")}, 77);
  EXPECT_EQ(bytes[34], std::byte{0});
  EXPECT_EQ(bytes[35], std::byte{0});
  EXPECT_EQ(as_text(ByteView(bytes).subspan(kRecordHeaderSize)), "tenantdevicea=1payload");
}

TEST(Record, AnyFlippedBitIsNoticed) {
  const Bytes good = sealed({1, "t", "d", "p", as_bytes("x"), "h", "o"}, 5);
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    Bytes bad = good;
    bad[i / 8] ^= static_cast<std::byte>(1U << (i % 8));
    const auto header = RecordHeader::parse(bad, kSalted);
    const bool accepted =
        header && header->read_body(ByteView(bad).subspan(kRecordHeaderSize)).has_value();
    EXPECT_FALSE(accepted) << "bit " << i;
  }
}

TEST(Record, AnotherSegmentsSaltIsNoticed) {
  const Bytes bytes = sealed({1, "t", "d", "p", as_bytes("x")}, 5);
  EXPECT_FALSE(RecordHeader::parse(bytes, kSalted + 1));
}

TEST(Record, SizeLimits) {
  RecordBatch batch;
  const std::string longest(kRecordIdMax, 'i');
  EXPECT_TRUE(batch.add({.hub = longest, .origin = longest}));
  EXPECT_TRUE(batch.add({.hub = longest + "i"}).error().is(kRecordTooLarge));
  EXPECT_TRUE(batch.add({.origin = longest + "i"}).error().is(kRecordTooLarge));
  const Bytes payload(kRecordBodyMax + 1);
  EXPECT_TRUE(batch.add({.payload = ByteView(payload).first(kRecordBodyMax)}));
  EXPECT_TRUE(batch.add({.payload = payload}).error().is(kRecordTooLarge));
  const std::string id(kRecordIdMax + 1, 'a');
  const auto allowed = std::string_view(id).substr(1);
  EXPECT_TRUE(batch.add({.tenant = allowed, .device = allowed}));
  EXPECT_TRUE(batch.add({.tenant = id}).error().is(kRecordTooLarge));
  EXPECT_TRUE(batch.add({.device = id}).error().is(kRecordTooLarge));
  EXPECT_EQ(batch.count(), 3U) << "refused records leave the batch as it was";
}

TEST(SegmentHeader, RoundTripAndDamage) {
  const SegmentHeader header{42, 1'000, 0xABCDEF};
  const Bytes good = header.encode();
  ASSERT_EQ(good.size(), kSegmentHeaderSize);
  const auto back = SegmentHeader::parse(good);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->base_offset, 42U);
  EXPECT_EQ(back->salt, 0xABCDEFU);
  EXPECT_EQ(back->salted_crc(), header.salted_crc());
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= std::byte{1};
    EXPECT_FALSE(SegmentHeader::parse(bad)) << i;
    EXPECT_FALSE(SegmentHeader::parse(ByteView(good).first(i))) << i;
  }
}

TEST(SegmentName, OnlyTheExactForm) {
  EXPECT_EQ(Segment::name_of(42), "00000000000000000042.seg");
  EXPECT_EQ(Segment::parse_name("00000000000000000042.seg"), 42U);
  EXPECT_EQ(Segment::parse_name(Segment::name_of(UINT64_MAX)), UINT64_MAX);
  for (const std::string_view bad :
       {"", "42.seg", "0000000000000000004x.seg", "00000000000000000042.seg.tmp",
        "00000000000000000042.sig", "99999999999999999999.seg"})
    EXPECT_FALSE(Segment::parse_name(bad)) << bad;
}

}  // namespace
}  // namespace pavise::hub
