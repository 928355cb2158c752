#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/ascii.h"
#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/base/time_text.h"

namespace pavise {
namespace {

constexpr ErrorInfo kExample{"PV-TST-001", Retry::later, "the example failed", "Try again."};

Result<int> half(int n) {
  if (n % 2 != 0) return Error(kExample, "odd");
  return n / 2;
}
Result<int> quarter(int n) {
  PAVISE_TRY_ASSIGN(const int h, half(n));
  PAVISE_TRY(half(h));
  return half(h);
}

TEST(Result, CarriesValueOrError) {
  EXPECT_EQ(*quarter(8), 2);
  const auto failed = quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().is(kExample));
  EXPECT_EQ(failed.error().message(), "PV-TST-001: the example failed (odd). Next: Try again.");
}

TEST(ResultDeathTest, ReadingTheValueOfAFailureEndsTheProcess) {
  EXPECT_DEATH({ (void)half(3).value(); }, "failed Result");
}

// RFC 4648 section 10.
TEST(Base64, PublishedVectors) {
  const std::pair<std::string_view, std::string_view> rows[] = {{"", ""},
                                                                {"f", "Zg=="},
                                                                {"fo", "Zm8="},
                                                                {"foo", "Zm9v"},
                                                                {"foob", "Zm9vYg=="},
                                                                {"fooba", "Zm9vYmE="},
                                                                {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : rows) {
    EXPECT_EQ(to_base64(as_bytes(plain)), encoded);
    const auto back = from_base64(encoded);
    ASSERT_TRUE(back) << encoded;
    EXPECT_EQ(as_text(*back), plain);
  }
}

TEST(Base64, RefusesLooseForms) {
  for (const std::string_view bad :
       {"Zg", "Zg=", "Zh==", "Z===", "====", "Zm9=", "Zg==Zg==", "Zm 9v", "Zm9v\n"})
    EXPECT_FALSE(from_base64(bad)) << bad;
}

TEST(Hex, RoundTripAndRefusal) {
  EXPECT_EQ(to_hex(*from_hex("00fFa1")), "00ffa1");
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
}

TEST(ByteReader, StopsAtTheFirstShortRead) {
  const Bytes data = *from_hex("0102030405");
  ByteReader reader(data);
  EXPECT_EQ(reader.be<std::uint16_t>(), 0x0102);
  EXPECT_EQ(reader.le<std::uint16_t>(), 0x0403);
  EXPECT_FALSE(reader.be<std::uint16_t>());
  EXPECT_FALSE(reader.take(1)) << "stays failed";
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, SizedFieldsHonourTheirLimit) {
  const Bytes data = ByteWriter().sized<std::uint16_t>(as_bytes("abc")).take();
  EXPECT_TRUE(ByteReader(data).sized<std::uint16_t>(3));
  EXPECT_FALSE(ByteReader(data).sized<std::uint16_t>(2));
}

TEST(SecretBytes, IsEmptyAfterMove) {
  SecretBytes a = SecretBytes::copy_of(as_bytes("secret"));
  const SecretBytes b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(as_text(b.view()), "secret");
}

TEST(DeviceId, AcceptsOnlyLowerCaseHexOfFullLength) {
  EXPECT_TRUE(DeviceId::parse(std::string(64, 'a')));
  EXPECT_FALSE(DeviceId::parse(std::string(63, 'a')));
  EXPECT_FALSE(DeviceId::parse(std::string(65, 'a')));
  EXPECT_FALSE(DeviceId::parse(std::string(64, 'A')));
  EXPECT_FALSE(DeviceId::parse(std::string(64, 'g')));
}

TEST(TenantId, LimitsAndAlphabet) {
  EXPECT_TRUE(TenantId::parse(std::string(50, 'a')));
  EXPECT_FALSE(TenantId::parse(std::string(51, 'a')));
  for (const std::string_view bad : {"", "1a", "a-", "A", "a_b", "../a"})
    EXPECT_FALSE(TenantId::parse(bad)) << bad;
}

TEST(ManualClock, MovesOnlyWhenTold) {
  ManualClock clock(1'000);
  clock.advance_ms(500);
  EXPECT_EQ(clock.now_ms(), 1'500);
  clock.set_wall_ms(10);
  EXPECT_EQ(clock.steady_ms(), 500);
}

TEST(TimeText, UtcWithMilliseconds) {
  EXPECT_EQ(utc_text(1'459'355'088'789), "2016-03-30T16:24:48.789Z");
  EXPECT_EQ(utc_text(951'782'400'001), "2000-02-29T00:00:00.001Z");
  EXPECT_EQ(utc_text(253'402'300'799'999), "9999-12-31T23:59:59.999Z");
  for (const UnixMillis never : {UnixMillis{0}, UnixMillis{-1}, UnixMillis{253'402'300'800'000}})
    EXPECT_EQ(utc_text(never), "0001-01-01T00:00:00Z");
}

TEST(Ascii, OnlyLettersAreFolded) {
  for (int c = 0; c < 256; ++c) {
    const auto plain = static_cast<char>(c);
    const char expected = c >= 65 && c <= 90 ? static_cast<char>(c + 32) : plain;
    EXPECT_EQ(ascii_lower(plain), expected) << c;
  }
  EXPECT_TRUE(equal_folded("Plant-1.Hub", "pLANT-1.hUB"));
  EXPECT_TRUE(equal_folded("", ""));
  EXPECT_FALSE(equal_folded("plant", "plants"));
  EXPECT_FALSE(equal_folded("[", "{")) << "neighbours of letters";
  EXPECT_FALSE(equal_folded("\xc3\x84", "\xc3\xa4")) << "not of ASCII";
}

TEST(TimeText, ParsesWhatClientsWrite) {
  const std::pair<std::string_view, UnixMillis> good[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"2016-03-30T16:24:48.789Z", 1'459'355'088'789},
      {"2016-03-30T16:24:48.7891234Z", 1'459'355'088'789},
      {"2016-03-30T16:24:48.7Z", 1'459'355'088'700},
      {"2016-03-30T16:24:48", 1'459'355'088'000},
      {"2016-03-30 16:24:48z", 1'459'355'088'000},
      {"2016-03-30T18:24:48+02:00", 1'459'355'088'000},
      {"2016-03-30T14:54:48-01:30", 1'459'355'088'000},
      {"2000-02-29T00:00:00.001Z", 951'782'400'001},
      {"9999-12-31T23:59:59.999Z", 253'402'300'799'999},
  };
  for (const auto& [text, ms] : good) EXPECT_EQ(parse_utc_text(text), ms) << text;
  for (const std::string_view bad :
       {"", "2016", "2016-03-30", "2016-03-30T16:24", "2016-13-30T16:24:48Z",
        "2015-02-29T00:00:00Z", "2016-03-30T24:00:00Z", "2016-03-30T16:60:00Z",
        "2016-03-30T16:24:60Z", "2016-03-30T16:24:48.Z", "2016-03-30T16:24:48.1234567890Z",
        "2016-03-30T16:24:48ZZ", "2016-03-30T16:24:48+0200", "2016-03-30T16:24:48+24:00",
        "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01", "+016-03-30T16:24:48Z",
        "2016-03-30X16:24:48Z"})
    EXPECT_EQ(parse_utc_text(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace pavise
