#include "protocol/eventlog/event_log.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "common/crypto/crypto.h"
#include "protocol/eventlog/builder.h"

namespace pavise::eventlog {
namespace {

using namespace std::string_view_literals;

constexpr std::uint32_t kAllPcrs = 0xffffff;
// Offsets in a log of EventLogBuilder: header event (32 + 33 bytes), then events of 14 + 32 + 4.
constexpr std::size_t kSpecDataAt = 32;
constexpr std::size_t kAlgorithmCountAt = kSpecDataAt + 24;
constexpr std::size_t kHeaderBytes = kSpecDataAt + 33;

Digest256 digest_of(std::string_view text) {
  return crypto::sha256(as_bytes(text));
}

Bytes sample() {
  EventLogBuilder log;
  log.startup_locality(3);
  log.add_measured(0, kEvCrtmVersion, as_bytes("v1"));
  log.add(4, kEvEfiBootServicesApplication, digest_of("the image"), as_bytes("a device path"));
  log.separator(4);
  log.add(11, kEvIpl, digest_of(".linux\0"sv), utf16z(".linux"));
  return log.bytes();
}

TEST(EventLog, ReadsEventsInOrder) {
  const auto log = EventLog::parse(sample());
  ASSERT_TRUE(log) << log.error().message();
  ASSERT_EQ(log->events().size(), 4U);
  EXPECT_EQ(log->startup_locality(), 3);
  const Event& application = log->events()[1];
  EXPECT_EQ(application.pcr, 4);
  EXPECT_EQ(application.type, kEvEfiBootServicesApplication);
  EXPECT_EQ(application.digest, digest_of("the image"));
  EXPECT_EQ(as_text(log->data(application)), "a device path");
  EXPECT_FALSE(log->data_is_measured(application));
  EXPECT_TRUE(log->data_is_measured(log->events()[2]));
}

TEST(EventLog, AnEmptyLogIsOnlyItsHeader) {
  const auto log = EventLog::parse(EventLogBuilder().bytes());
  ASSERT_TRUE(log) << log.error().message();
  EXPECT_TRUE(log->events().empty());
  EXPECT_FALSE(EventLog::parse({}));
}

TEST(EventLog, ReplaysAsATpmExtends) {
  const auto log = EventLog::parse(sample());
  const PcrValues values = log->replay(kAllPcrs);
  Digest256 expected{};
  extend(expected, digest_of("the image"));
  extend(expected, crypto::sha256(Bytes(4)));
  EXPECT_EQ(values[4], expected);
  // PCR 0 starts at the locality of TPM2_Startup.
  Bytes zero_and_event(32);
  zero_and_event.back() = std::byte{3};
  append(zero_and_event, digest_of("v1"));
  EXPECT_EQ(values[0], crypto::sha256(zero_and_event));
  EXPECT_EQ(values[1], Digest256{});
  EXPECT_EQ(to_hex(values[17]), std::string(64, 'f'));
  EXPECT_EQ(to_hex(values[22]), std::string(64, 'f'));
  EXPECT_EQ(values[23], Digest256{});
  EXPECT_EQ(log->replay(1U << 11U)[4], Digest256{}) << "PCRs outside the mask stay untouched";
}

TEST(EventLog, EveryTruncationIsRefusedOrShorter) {
  const Bytes whole = sample();
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto log = EventLog::parse(ByteView(whole).first(size));
    if (!log) continue;
    ++accepted;  // cut between two events
    EXPECT_LT(log->events().size(), 4U);
  }
  EXPECT_EQ(accepted, 5U);
}

TEST(EventLog, HeaderIsStrict) {
  const Bytes good = sample();
  const std::pair<std::size_t, unsigned> rows[] = {
      {0, 1},                         // PCR
      {4, 1},                         // type
      {28, 32},                       // size
      {kSpecDataAt, 'X'},             // signature
      {kAlgorithmCountAt, 0},         // no algorithm
      {kAlgorithmCountAt, 2},         // more than there are
      {kAlgorithmCountAt + 3, 0x80},  // billions
      {kAlgorithmCountAt + 4, 0x0c},  // SHA-384 where SHA-256 was
      {kAlgorithmCountAt + 6, 20},    // SHA-256 of 20 bytes
      {kAlgorithmCountAt + 6, 0},
      {kAlgorithmCountAt + 8, 1},  // vendor information beyond the end
  };
  for (const auto& [at, value] : rows) {
    Bytes changed = good;
    changed.at(at) = static_cast<std::byte>(value);
    EXPECT_FALSE(EventLog::parse(changed)) << at;
  }
}

TEST(EventLog, WithoutSha256IsToldApart) {
  Bytes changed = EventLogBuilder().bytes();
  changed.at(kAlgorithmCountAt + 4) = std::byte{0x0c};
  const auto log = EventLog::parse(changed);
  ASSERT_FALSE(log);
  EXPECT_TRUE(log.error().is(kLogNoSha256));
}

Bytes log_with_algorithms(std::span<const std::uint16_t> ids) {
  ByteWriter spec;
  spec.raw(as_bytes("Spec ID Event03\0"sv)).raw(Bytes(8));
  spec.le(static_cast<std::uint32_t>(ids.size()));
  for (const std::uint16_t id : ids)
    spec.le(id).le(static_cast<std::uint16_t>(id == 0x0b ? 32 : 20));
  spec.be(std::uint8_t{3}).raw(as_bytes("abc"));
  ByteWriter log;
  log.le(std::uint32_t{0}).le(kEvNoAction).raw(Bytes(20));
  log.le(static_cast<std::uint32_t>(spec.size())).raw(spec.bytes());
  return log.take();
}

TEST(EventLog, AlgorithmsAtTheirLimitAndOneMore) {
  std::vector<std::uint16_t> ids{0x0b};
  while (ids.size() < kAlgorithmsMax) ids.push_back(static_cast<std::uint16_t>(0x100 + ids.size()));
  EXPECT_TRUE(EventLog::parse(log_with_algorithms(ids)));
  ids.push_back(0x200);
  EXPECT_FALSE(EventLog::parse(log_with_algorithms(ids)));
  EXPECT_FALSE(EventLog::parse(log_with_algorithms(std::array<std::uint16_t, 3>{0x0b, 4, 4})));
}

TEST(EventLog, SeveralBanksAreReadInAnyOrder) {
  Bytes log = log_with_algorithms(std::array<std::uint16_t, 2>{4, 0x0b});
  ByteWriter event;
  event.le(std::uint32_t{7}).le(kEvAction).le(std::uint32_t{2});
  event.le(std::uint16_t{0x0b}).raw(digest_of("x")).le(std::uint16_t{4}).raw(Bytes(20));
  event.le(std::uint32_t{1}).raw(as_bytes("x"));
  append(log, event.bytes());
  const auto parsed = EventLog::parse(log);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_TRUE(parsed->data_is_measured(parsed->events().at(0)));
}

TEST(EventLog, EachDeclaredDigestOnce) {
  const Bytes header = log_with_algorithms(std::array<std::uint16_t, 2>{4, 0x0b});
  const auto with = [&](std::uint32_t count, std::initializer_list<std::uint16_t> ids) {
    ByteWriter event;
    event.le(std::uint32_t{7}).le(kEvAction).le(count);
    for (const std::uint16_t id : ids) event.le(id).raw(Bytes(id == 0x0b ? 32 : 20));
    event.le(std::uint32_t{0});
    Bytes log = header;
    append(log, event.bytes());
    return EventLog::parse(log).has_value();
  };
  EXPECT_TRUE(with(2, {4, 0x0b}));
  EXPECT_FALSE(with(1, {0x0b}));
  EXPECT_FALSE(with(2, {0x0b, 0x0b}));
  EXPECT_FALSE(with(2, {4, 4}));
  EXPECT_FALSE(with(2, {5, 0x0b}));
  EXPECT_FALSE(with(0xffffffff, {4, 0x0b}));
}

TEST(EventLog, UnboundedSizesAreRefused) {
  Bytes log = EventLogBuilder().add_measured(4, kEvIpl, as_bytes("data")).bytes();
  for (std::size_t i = 0; i < 4; ++i) log[log.size() - 8 + i] = std::byte{0xff};
  const auto parsed = EventLog::parse(log);
  ASSERT_FALSE(parsed);
  EXPECT_TRUE(parsed.error().is(kLogTruncated));
}

TEST(EventLog, BytesAtTheirLimitAndOneMore) {
  EventLogBuilder at_limit;
  const std::size_t overhead = kHeaderBytes + 4 + 4 + 4 + 2 + 32 + 4;
  at_limit.add(4, kEvIpl, {}, Bytes(kLogBytesMax - overhead));
  ASSERT_EQ(at_limit.bytes().size(), kLogBytesMax);
  EXPECT_TRUE(EventLog::parse(at_limit.bytes()));
  EventLogBuilder above;
  above.add(4, kEvIpl, {}, Bytes(kLogBytesMax - overhead + 1));
  EXPECT_TRUE(EventLog::parse(above.bytes()).error().is(kLogTooLong));
}

TEST(EventLog, EventsAtTheirLimitAndOneMore) {
  EventLogBuilder log;
  for (std::size_t i = 0; i < kEventsMax; ++i) log.add(4, kEvIpl, {}, {});
  EXPECT_TRUE(EventLog::parse(log.bytes()));
  log.add(4, kEvIpl, {}, {});
  EXPECT_TRUE(EventLog::parse(log.bytes()).error().is(kLogTooLong));
}

TEST(EventLog, PcrAtItsLimitAndOneMore) {
  EXPECT_TRUE(EventLog::parse(EventLogBuilder().separator(kPcrCount - 1).bytes()));
  EXPECT_FALSE(EventLog::parse(EventLogBuilder().separator(kPcrCount).bytes()));
}

TEST(EventLog, StartupLocalityComesOnceAndFirst) {
  EXPECT_TRUE(EventLog::parse(EventLogBuilder().startup_locality(4).bytes()));
  EXPECT_FALSE(EventLog::parse(EventLogBuilder().startup_locality(1).bytes()));
  EXPECT_FALSE(EventLog::parse(EventLogBuilder().startup_locality(3).startup_locality(3).bytes()));
  EXPECT_FALSE(EventLog::parse(EventLogBuilder().separator(0).startup_locality(3).bytes()));
  EXPECT_TRUE(EventLog::parse(EventLogBuilder().separator(1).startup_locality(3).bytes()));
}

// What OVMF 2022.11 and the stub logged when a Pavise image booted under QEMU; the expected values
// are those of an independent reader.
TEST(EventLog, ReadsALogOfOvmf) {
  std::ifstream file("protocol/eventlog/testdata/corpus/event_log_fuzz/ovmf_2022_11",
                     std::ios::binary);
  const std::string raw{std::istreambuf_iterator<char>(file), {}};
  const auto log = EventLog::parse(as_bytes(raw));
  ASSERT_TRUE(log) << log.error().message();
  EXPECT_EQ(log->events().size(), 36U);
  const PcrValues values = log->replay(kAllPcrs);
  EXPECT_EQ(to_hex(values[4]).substr(0, 16), "f131af809eb3c48e");
  EXPECT_EQ(to_hex(values[7]).substr(0, 16), "fe8bba767698be1a");
  EXPECT_EQ(to_hex(values[11]).substr(0, 16), "d4ccc19f8c6a178e");
  std::vector<std::string> sections;
  for (const Event& event : log->events()) {
    if (event.pcr == 11) sections.push_back(text_hint(log->data(event)));
    if (event.type == kEvEfiVariableDriverConfig) {
      EXPECT_TRUE(log->data_is_measured(event));
      EXPECT_TRUE(parse_uefi_variable(log->data(event)));
    }
  }
  EXPECT_EQ(sections, (std::vector<std::string>{".linux", ".linux", ".osrel", ".osrel", ".cmdline",
                                                ".cmdline", ".initrd", ".initrd"}));
}

TEST(UefiVariable, ReadsSecureBoot) {
  const Bytes data = global_variable_data("SecureBoot", Bytes{std::byte{1}});
  const auto variable = parse_uefi_variable(data);
  ASSERT_TRUE(variable);
  EXPECT_TRUE(is_secure_boot_variable(*variable));
  EXPECT_EQ(to_hex(variable->value), "01");
  for (std::size_t size = 0; size < data.size(); ++size)
    EXPECT_FALSE(parse_uefi_variable(ByteView(data).first(size))) << size;
  Bytes longer = data;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(parse_uefi_variable(longer));

  Bytes other_vendor = data;
  other_vendor[0] ^= std::byte{1};
  EXPECT_FALSE(is_secure_boot_variable(*parse_uefi_variable(other_vendor)));
  const Bytes other_name = global_variable_data("SetupMode", Bytes{std::byte{1}});
  EXPECT_FALSE(is_secure_boot_variable(*parse_uefi_variable(other_name)));
}

TEST(UefiVariable, NameAtItsLimitAndOneMore) {
  EXPECT_TRUE(parse_uefi_variable(global_variable_data(std::string(kVariableNameMax, 'a'), {})));
  EXPECT_FALSE(
      parse_uefi_variable(global_variable_data(std::string(kVariableNameMax + 1, 'a'), {})));
  // 2 * length wraps to a small number.
  Bytes wrapping = global_variable_data("ab", {});
  wrapping[16 + 7] = std::byte{0x80};
  EXPECT_FALSE(parse_uefi_variable(wrapping));
}

TEST(TextHint, IsPrintableOrEmpty) {
  EXPECT_EQ(text_hint(utf16z(".cmdline")), ".cmdline");
  EXPECT_EQ(text_hint(as_bytes("Calling EFI Application")), "Calling EFI Application");
  EXPECT_EQ(text_hint(as_bytes("bell\a")), "");
  EXPECT_EQ(text_hint({}), "");
  EXPECT_EQ(text_hint(as_bytes(std::string(65, 'a'))).size(), 64U);
}

TEST(TypeName, KnownAndUnknown) {
  EXPECT_EQ(type_name(kEvSeparator), "EV_SEPARATOR");
  EXPECT_EQ(type_name(0x8000ffff), "");
}

}  // namespace
}  // namespace pavise::eventlog
