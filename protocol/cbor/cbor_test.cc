#include "protocol/cbor/cbor.h"

#include <gtest/gtest.h>

namespace pavise::cbor {
namespace {

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

TEST(CborInteger, Rfc8949AppendixA) {
  const std::pair<std::uint64_t, std::string_view> rows[] = {
      {0, "00"},
      {1, "01"},
      {10, "0a"},
      {23, "17"},
      {24, "1818"},
      {25, "1819"},
      {100, "1864"},
      {255, "18ff"},
      {256, "190100"},
      {1000, "1903e8"},
      {65535, "19ffff"},
      {65536, "1a00010000"},
      {1000000, "1a000f4240"},
      {4294967295, "1affffffff"},
      {4294967296, "1b0000000100000000"},
      {1000000000000, "1b000000e8d4a51000"},
      {18446744073709551615U, "1bffffffffffffffff"}};
  for (const auto& [value, encoded] : rows) {
    EXPECT_EQ(to_hex(Writer().uint(value).take()), encoded);
    const Bytes message = hex(encoded);
    Reader reader(message);
    EXPECT_EQ(reader.uint(), value);
    EXPECT_TRUE(reader.finish()) << encoded;
  }
}

TEST(CborString, Rfc8949AppendixA) {
  const std::pair<std::string_view, std::string_view> texts[] = {
      {"", "60"},           {"a", "6161"},          {"IETF", "6449455446"},      {"\"\\", "62225c"},
      {"\u00fc", "62c3bc"}, {"\u6c34", "63e6b0b4"}, {"\U00010151", "64f0908591"}};
  for (const auto& [value, encoded] : texts) {
    EXPECT_EQ(to_hex(Writer().text(value).take()), encoded);
    const Bytes message = hex(encoded);
    Reader reader(message);
    EXPECT_EQ(reader.text(0, 10), value);
    EXPECT_TRUE(reader.finish()) << encoded;
  }
  const Bytes message = hex("4401020304");
  Reader reader(message);
  EXPECT_EQ(to_hex(reader.bytes(4, 4)), "01020304");
  EXPECT_TRUE(reader.finish());
  EXPECT_EQ(to_hex(Writer().bytes(hex("01020304")).take()), "4401020304");
  EXPECT_EQ(to_hex(Writer().boolean(false).boolean(true).take()), "f4f5");
}

TEST(CborValidate, Rfc8949AppendixAInsideTheSubset) {
  for (const std::string_view good :
       {"00", "1bffffffffffffffff", "f4", "f5", "40", "4401020304", "60", "64f0908591", "80",
        "83010203", "8301820203820405",
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819", "a0", "a201020304",
        "a26161016162820203", "826161a161626163", "a56161614161626142616361436164614461656145"})
    EXPECT_TRUE(validate(hex(good))) << good;
}

TEST(CborValidate, RefusesTheRestWithTheRightCode) {
  const struct {
    std::string_view message;
    const ErrorInfo& error;
  } rows[] = {
      // Appendix A, outside the subset: negative, big, float, null, undefined, simple, tagged.
      {"20", kUnsupported},
      {"3903e7", kUnsupported},
      {"c249010000000000000000", kUnsupported},
      {"f90000", kUnsupported},
      {"fb3ff199999999999a", kUnsupported},
      {"f97c00", kUnsupported},
      {"f6", kUnsupported},
      {"f7", kUnsupported},
      {"f0", kUnsupported},
      {"f8ff", kUnsupported},
      {"f814", kUnsupported},  // false in two bytes: ill-formed (RFC 8949, 3.3)
      {"c11a514b67b0", kUnsupported},
      {"d818456449455446", kUnsupported},
      // Appendix A, indefinite lengths.
      {"5f42010243030405ff", kNotDeterministic},
      {"7f657374726561646d696e67ff", kNotDeterministic},
      {"9fff", kNotDeterministic},
      {"bf61610161629f0203ffff", kNotDeterministic},
      // Heads longer than needed, reserved heads.
      {"1800", kNotDeterministic},
      {"1817", kNotDeterministic},
      {"190018", kNotDeterministic},
      {"1900ff", kNotDeterministic},
      {"1a0000ffff", kNotDeterministic},
      {"1b00000000ffffffff", kNotDeterministic},
      {"580100", kNotDeterministic},
      {"7801 61", kNotDeterministic},
      {"1c", kNotDeterministic},
      {"1f", kNotDeterministic},
      // Cut short.
      {"", kTruncated},
      {"18", kTruncated},
      {"1903", kTruncated},
      {"1b00000001000000", kTruncated},
      {"41", kTruncated},
      {"6261", kTruncated},
      {"81", kTruncated},
      {"a101", kTruncated},
      {"5bffffffffffffffff", kTruncated},
      {"9bffffffffffffffff", kTruncated},
      {"bbffffffffffffffff", kTruncated},
      // Keys.
      {"a203040102", kUnexpectedKey},
      {"a201020102", kUnexpectedKey},
      {"0000", kTrailingBytes},
      // Text (RFC 3629): lone continuation, overlong, surrogate, above U+10FFFF, cut.
      {"6180", kBadUtf8},
      {"62c080", kBadUtf8},
      {"62c1bf", kBadUtf8},
      {"63e08080", kBadUtf8},
      {"63eda080", kBadUtf8},
      {"64f4908080", kBadUtf8},
      {"64f0808080", kBadUtf8},
      {"62e6b0", kBadUtf8},
      {"61ff", kBadUtf8},
  };
  for (const auto& row : rows) {
    std::string text(row.message);
    std::erase(text, ' ');
    const Status outcome = validate(hex(text));
    ASSERT_FALSE(outcome) << row.message;
    EXPECT_EQ(outcome.error().code(), row.error.code) << row.message;
  }
}

TEST(CborValidate, DepthLimit) {
  Bytes nested(kDepthMax - 1, std::byte{0x81});
  nested.push_back(std::byte{0x80});
  EXPECT_TRUE(validate(nested));
  nested.insert(nested.begin(), std::byte{0x81});
  const Status deeper = validate(nested);
  ASSERT_FALSE(deeper);
  EXPECT_TRUE(deeper.error().is(kTooDeep));
  const Bytes very_deep(100'000, std::byte{0x81});
  EXPECT_FALSE(validate(very_deep));
}

TEST(CborReader, LimitsAtNAndNPlus1) {
  const Bytes number = hex("1864");
  EXPECT_TRUE([&] {
    Reader r(number);
    r.uint(100);
    return r.ok();
  }());
  EXPECT_FALSE([&] {
    Reader r(number);
    r.uint(99);
    return r.ok();
  }());
  const Bytes string = hex("43010203");
  for (const auto& [min, max, good] :
       {std::tuple(3, 3, true), {0, 2, false}, {4, 9, false}, {0, 3, true}}) {
    Reader r(string);
    r.bytes(static_cast<std::size_t>(min), static_cast<std::size_t>(max));
    EXPECT_EQ(r.ok(), good) << min << " " << max;
  }
  const Bytes array = hex("820102");
  EXPECT_TRUE([&] {
    Reader r(array);
    r.array(0, 2);
    return r.ok();
  }());
  EXPECT_FALSE([&] {
    Reader r(array);
    r.array(0, 1);
    return r.ok();
  }());
  EXPECT_FALSE([&] {
    Reader r(array);
    r.array(3, 5);
    return r.ok();
  }());
}

TEST(CborReader, FirstFailureSticks) {
  const Bytes message = hex("83014102f5");
  Reader reader(message);
  EXPECT_EQ(reader.array(3, 3), 3U);
  EXPECT_EQ(reader.text(0, 9), "");
  EXPECT_EQ(reader.bytes(0, 9).size(), 0U);
  EXPECT_FALSE(reader.boolean());
  EXPECT_EQ(reader.finish().error().code(), kWrongType.code);
}

// {1: 7, 2: 8, ? 4: 9}
Status read_map(std::string_view text) {
  const Bytes message = hex(text);
  Reader reader(message);
  MapReader map(reader, 4);
  map.required(1);
  reader.uint();
  map.required(2);
  reader.uint();
  if (map.optional(4)) reader.uint();
  map.finish();
  return reader.finish();
}

TEST(CborMap, AcceptsWithAndWithoutTheOptionalKey) {
  EXPECT_TRUE(read_map("a201070208"));
  EXPECT_TRUE(read_map("a3010702080409"));
}

TEST(CborMap, RefusesEveryOtherSetOfKeys) {
  const std::pair<std::string_view, const ErrorInfo&> rows[] = {
      {"a0", kMissingKey},                    // empty
      {"a10107", kMissingKey},                // 2 is missing
      {"a2010703 08", kMissingKey},           // 3 instead of 2
      {"a2 0208 0107", kMissingKey},          // misplaced
      {"a3 0107 0107 0208", kMissingKey},     // repeated
      {"a3 0107 0208 0309", kUnexpectedKey},  // unknown
      {"a4 0107 0208 0409 050a", kUnexpectedKey},
      {"a4 0107 0208 0409 040a", kUnexpectedKey},
      {"a5 0107 0208 0409 050a 060b", kOutOfRange},  // more entries than the limit
      {"a2 6161 07 0208", kWrongType},
      {"a3 0107 0208", kTruncated},
      {"a2 0107 0208 00", kTrailingBytes},
      {"82 01 02", kWrongType}};
  for (const auto& [message, error] : rows) {
    std::string text(message);
    std::erase(text, ' ');
    const Status outcome = read_map(text);
    ASSERT_FALSE(outcome) << message;
    EXPECT_EQ(outcome.error().code(), error.code) << message;
  }
}

TEST(CborTextMap, OrderIsShorterFirstThenBytewise) {
  EXPECT_TRUE(text_key_before("b", "aa"));
  EXPECT_TRUE(text_key_before("aa", "ab"));
  EXPECT_FALSE(text_key_before("aa", "aa"));
  const std::pair<std::string_view, bool> rows[] = {
      {"a2616201626161 02", true}, {"a26261610161 6202", false}, {"a2616101616102", false}};
  for (const auto& [message, good] : rows) {
    std::string text(message);
    std::erase(text, ' ');
    const Bytes bytes = hex(text);
    Reader reader(bytes);
    TextMapReader map(reader, 2);
    for (std::size_t i = 0; i < map.size(); ++i) {
      map.key(1, 8);
      reader.uint();
    }
    EXPECT_EQ(reader.finish().has_value(), good) << message;
  }
}

TEST(CborPresentable, CutsAndReplaces) {
  EXPECT_EQ(presentable("plain text", 64), "plain text");
  EXPECT_EQ(presentable("abc", 3), "abc");
  EXPECT_EQ(presentable("abcd", 3), "abc");
  EXPECT_EQ(presentable("a\n\xff\x7f~ ", 64), "a???~ ");
}

}  // namespace
}  // namespace pavise::cbor
