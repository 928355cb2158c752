#include "protocol/twin/twin.h"

#include <gtest/gtest.h>

namespace pavise::twin {
namespace {

std::string quoted(std::size_t size, char c = 'x') {
  return "\"" + std::string(size, c) + "\"";
}
std::string nested(std::size_t depth) {  // `depth` objects inside each other
  std::string out;
  for (std::size_t i = 0; i < depth; ++i) out += i + 1 == depth ? "{" : "{\"a\":";
  return out + std::string(depth, '}');
}

TEST(Twin, StartsEmptyWithVersionOne) {
  const Twin twin;
  EXPECT_EQ(twin.device_json(), R"({"desired":{"$version":1},"reported":{"$version":1}})");
}

// The table of RFC 7396 appendix A, the rows whose patch is an object.
TEST(Twin, MergePatchVectors) {
  const std::tuple<std::string_view, std::string_view, std::string_view> rows[] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", R"({})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
  };
  for (const auto& [before, patch, after] : rows) {
    Twin twin;
    ASSERT_TRUE(twin.merge(Section::reported, before));
    ASSERT_TRUE(twin.merge(Section::reported, patch));
    EXPECT_EQ(twin.section_json(Section::reported), after) << patch;
    EXPECT_EQ(twin.version(Section::reported), 3U);
    EXPECT_EQ(twin.version(Section::desired), 1U) << "sections are versioned apart";
  }
}

TEST(Twin, ReplaceDropsWhatIsNotNamed) {
  Twin twin;
  ASSERT_TRUE(twin.merge(Section::desired, R"({"a":1,"b":2})"));
  ASSERT_TRUE(twin.replace(Section::desired, R"({"c":3,"d":null})"));
  EXPECT_EQ(twin.section_json(Section::desired), R"({"c":3})");
  EXPECT_EQ(twin.version(Section::desired), 3U);
}

TEST(Twin, VersionConditions) {
  Twin twin;
  EXPECT_TRUE(twin.merge(Section::desired, R"({"a":1})", 2).error().is(kVersionMismatch));
  EXPECT_TRUE(twin.merge(Section::desired, R"({"a":1})", 1));
  EXPECT_TRUE(twin.replace(Section::desired, R"({})", 1).error().is(kVersionMismatch));
  EXPECT_TRUE(twin.replace(Section::desired, R"({})", 2));
}

TEST(Twin, RefusalsChangeNothing) {
  const std::pair<std::string, const ErrorInfo*> rows[] = {
      {"", &kBadJson},
      {"{", &kBadJson},
      {"{} {}", &kBadJson},
      {"{\"a\":\"\xff\"}", &kBadJson},
      {"{\"a\":NaN}", &kBadJson},
      {"[]", &kNotAnObject},
      {"null", &kNotAnObject},
      {R"({"":1})", &kBadKey},
      {R"({"a.b":1})", &kBadKey},
      {R"({"a b":1})", &kBadKey},
      {R"({"$version":1})", &kBadKey},
      {R"({"a":{"$x":1}})", &kBadKey},
      {R"({"a":[{"b.c":1}]})", &kBadKey},
      {R"({"a\u0001":1})", &kBadKey},
      {R"({"a\u007f":1})", &kBadKey},
      {R"({"a\u0085":1})", &kBadKey},
      {R"({"a":18446744073709551615})", &kNumberTooLarge},
  };
  for (const auto& [patch, error] : rows) {
    Twin twin;
    ASSERT_TRUE(twin.merge(Section::reported, R"({"kept":1})"));
    const std::string before = twin.store_text();
    const Status status = twin.merge(Section::reported, patch);
    ASSERT_FALSE(status) << patch;
    EXPECT_EQ(status.error().code(), error->code) << patch;
    EXPECT_FALSE(twin.replace(Section::reported, patch));
    EXPECT_EQ(twin.store_text(), before);
  }
}

TEST(Twin, KeyAndStringLimits) {
  const auto with_key = [](std::size_t n) { return "{" + quoted(n) + ":1}"; };
  const auto with_text = [](std::size_t n) { return "{\"a\":" + quoted(n) + "}"; };
  EXPECT_TRUE(Twin().merge(Section::reported, with_key(kKeySizeMax)));
  EXPECT_TRUE(Twin().merge(Section::reported, with_key(kKeySizeMax + 1)).error().is(kBadKey));
  EXPECT_TRUE(Twin().merge(Section::reported, with_text(kStringSizeMax)));
  EXPECT_TRUE(
      Twin().merge(Section::reported, with_text(kStringSizeMax + 1)).error().is(kStringTooLong));
}

TEST(Twin, IntegerLimits) {
  const auto with_number = [](std::int64_t n) { return "{\"a\":" + std::to_string(n) + "}"; };
  EXPECT_TRUE(Twin().merge(Section::desired, with_number(kIntegerMax)));
  EXPECT_TRUE(Twin().merge(Section::desired, with_number(-kIntegerMax)));
  EXPECT_TRUE(
      Twin().merge(Section::desired, with_number(kIntegerMax + 1)).error().is(kNumberTooLarge));
  EXPECT_TRUE(
      Twin().merge(Section::desired, with_number(-kIntegerMax - 1)).error().is(kNumberTooLarge));
  EXPECT_TRUE(Twin().merge(Section::desired, R"({"a":1.5e300})")) << "not an integer";
}

TEST(Twin, DepthLimit) {
  EXPECT_TRUE(Twin().merge(Section::desired, nested(kDepthMax)));
  EXPECT_TRUE(Twin().merge(Section::desired, nested(kDepthMax + 1)).error().is(kTooDeep));
  EXPECT_TRUE(Twin().merge(Section::desired, nested(kDepthMax + 5)).error().is(kTooDeep));
  const std::string arrays = "{\"a\":" + std::string(9, '[') + std::string(9, ']') + "}";
  EXPECT_TRUE(Twin().merge(Section::desired, arrays));
  const std::string deeper = "{\"a\":" + std::string(10, '[') + std::string(10, ']') + "}";
  EXPECT_TRUE(Twin().merge(Section::desired, deeper).error().is(kTooDeep));
}

TEST(Twin, PatchTextLimit) {
  std::string patch = "{}";
  patch.resize(kPatchTextMax, ' ');
  EXPECT_TRUE(Twin().merge(Section::desired, patch));
  EXPECT_TRUE(Twin().merge(Section::desired, patch + " ").error().is(kPatchTooLarge));
}

// Fills a section to exactly `size` bytes: seven strings of 4096 and key "1".."7", then the rest.
std::string section_of(std::size_t size) {
  std::string out = "{";
  std::size_t used = 0;
  for (char key = '1'; key <= '7'; ++key, used += 4097)
    out += std::string("\"") + key + "\":" + quoted(4096) + ",";
  return out + "\"n\":1,\"b\":true,\"z\":" + quoted(size - used - 9 - 5 - 1) + "}";
}

TEST(Twin, SectionSizeLimit) {
  for (const Section section : {Section::desired, Section::reported}) {
    EXPECT_TRUE(Twin().merge(section, section_of(kSectionSizeMax)));
    EXPECT_TRUE(
        Twin().merge(section, section_of(kSectionSizeMax + 1)).error().is(kSectionTooLarge));
    EXPECT_TRUE(
        Twin().replace(section, section_of(kSectionSizeMax + 1)).error().is(kSectionTooLarge));
    Twin full;
    ASSERT_TRUE(full.merge(section, section_of(kSectionSizeMax)));
    EXPECT_TRUE(full.merge(section, R"({"more":1})").error().is(kSectionTooLarge));
    EXPECT_TRUE(full.merge(section, R"({"1":null,"more":1})")) << "deleting makes room";
  }
}

TEST(Twin, StoreRoundTrip) {
  Twin twin;
  ASSERT_TRUE(twin.merge(Section::desired, R"({"a":{"b":[1,2.5,true,"x"]}})"));
  ASSERT_TRUE(twin.merge(Section::desired, nested(kDepthMax)));
  ASSERT_TRUE(twin.merge(Section::reported, R"({"c":-1})"));
  const auto again = Twin::from_store(twin.store_text());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->store_text(), twin.store_text());
  EXPECT_EQ(again->version(Section::desired), 3U);
}

// Found by twin_fuzz: a long decimal changed each time the twin was stored and loaded.
TEST(Twin, NumbersDoNotDriftWhenStoredAgain) {
  for (const std::string_view number :
       {"21000000000000000000000000000000000000000", "0.30000000000000004",
        "1.7976931348623157e308", "5e-324", "123456789.12345678901234567890", "1e-320",
        "9007199254740993.5"}) {
    Twin twin;
    ASSERT_TRUE(twin.merge(Section::reported, "{\"a\":[" + std::string(number) + "]}")) << number;
    const std::string first = twin.store_text();
    std::string text = first;
    for (int i = 0; i < 5; ++i) text = Twin::from_store(text)->store_text();
    EXPECT_EQ(text, first) << number;
  }
}

TEST(Twin, CorruptStoreIsReported) {
  for (const std::string_view bad : {"", "[]", "{}", R"({"desired":{"$version":1}})",
                                     R"({"desired":{},"reported":{"$version":1}})",
                                     R"({"desired":{"$version":0},"reported":{"$version":1}})",
                                     R"({"desired":{"$version":"1"},"reported":{"$version":1}})"})
    EXPECT_TRUE(Twin::from_store(bad).error().is(kCorruptTwin)) << bad;
}

TEST(Twin, Bodies) {
  EXPECT_EQ(*desired_notification(R"({"a":null,"b":2})", 4), R"({"a":null,"b":2,"$version":4})");
  EXPECT_FALSE(desired_notification("[]", 4));
  EXPECT_EQ(error_body(400004, "bad \"json\""), R"({"errorCode":400004,"message":"bad \"json\""})");
}

}  // namespace
}  // namespace pavise::twin
