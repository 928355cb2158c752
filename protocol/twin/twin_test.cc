#include "protocol/twin/twin.h"

#include <gtest/gtest.h>

namespace pavise::twin {
namespace {

constexpr UnixMillis kNow = 1'459'355'088'789;  // 2016-03-30T16:24:48.789Z

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
    ASSERT_TRUE(twin.merge(Section::reported, before, kNow));
    ASSERT_TRUE(twin.merge(Section::reported, patch, kNow));
    EXPECT_EQ(twin.section_json(Section::reported), after) << patch;
    EXPECT_EQ(twin.version(Section::reported), 3U);
    EXPECT_EQ(twin.version(Section::desired), 1U) << "sections are versioned apart";
  }
}

TEST(Twin, ReplaceDropsWhatIsNotNamed) {
  Twin twin;
  ASSERT_TRUE(twin.merge(Section::desired, R"({"a":1,"b":2})", kNow));
  ASSERT_TRUE(twin.replace(Section::desired, R"({"c":3,"d":null})", kNow));
  EXPECT_EQ(twin.section_json(Section::desired), R"({"c":3})");
  EXPECT_EQ(twin.version(Section::desired), 3U);
}

TEST(Twin, VersionConditions) {
  Twin twin;
  EXPECT_TRUE(twin.merge(Section::desired, R"({"a":1})", kNow, 2).error().is(kVersionMismatch));
  EXPECT_TRUE(twin.merge(Section::desired, R"({"a":1})", kNow, 1));
  EXPECT_TRUE(twin.replace(Section::desired, R"({})", kNow, 1).error().is(kVersionMismatch));
  EXPECT_TRUE(twin.replace(Section::desired, R"({})", kNow, 2));
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
      {R"({"a":1e400})", &kNumberTooLarge},
      {R"({"a":[{"b":-1e400}]})", &kNumberTooLarge},
  };
  for (const auto& [patch, error] : rows) {
    Twin twin;
    ASSERT_TRUE(twin.merge(Section::reported, R"({"kept":1})", kNow));
    const std::string before = twin.store_text();
    const Status status = twin.merge(Section::reported, patch, kNow);
    ASSERT_FALSE(status) << patch;
    EXPECT_EQ(status.error().code(), error->code) << patch;
    EXPECT_FALSE(twin.replace(Section::reported, patch, kNow));
    EXPECT_EQ(twin.store_text(), before);
  }
}

TEST(Twin, KeyAndStringLimits) {
  const auto with_key = [](std::size_t n) { return "{" + quoted(n) + ":1}"; };
  const auto with_text = [](std::size_t n) { return "{\"a\":" + quoted(n) + "}"; };
  EXPECT_TRUE(Twin().merge(Section::reported, with_key(kKeySizeMax), kNow));
  EXPECT_TRUE(Twin().merge(Section::reported, with_key(kKeySizeMax + 1), kNow).error().is(kBadKey));
  EXPECT_TRUE(Twin().merge(Section::reported, with_text(kStringSizeMax), kNow));
  EXPECT_TRUE(Twin()
                  .merge(Section::reported, with_text(kStringSizeMax + 1), kNow)
                  .error()
                  .is(kStringTooLong));
}

TEST(Twin, IntegerLimits) {
  const auto with_number = [](std::int64_t n) { return "{\"a\":" + std::to_string(n) + "}"; };
  EXPECT_TRUE(Twin().merge(Section::desired, with_number(kIntegerMax), kNow));
  EXPECT_TRUE(Twin().merge(Section::desired, with_number(-kIntegerMax), kNow));
  EXPECT_TRUE(Twin()
                  .merge(Section::desired, with_number(kIntegerMax + 1), kNow)
                  .error()
                  .is(kNumberTooLarge));
  EXPECT_TRUE(Twin()
                  .merge(Section::desired, with_number(-kIntegerMax - 1), kNow)
                  .error()
                  .is(kNumberTooLarge));
  EXPECT_TRUE(Twin().merge(Section::desired, R"({"a":1.5e300})", kNow)) << "not an integer";
}

TEST(Twin, DepthLimit) {
  EXPECT_TRUE(Twin().merge(Section::desired, nested(kDepthMax), kNow));
  EXPECT_TRUE(Twin().merge(Section::desired, nested(kDepthMax + 1), kNow).error().is(kTooDeep));
  EXPECT_TRUE(Twin().merge(Section::desired, nested(kDepthMax + 5), kNow).error().is(kTooDeep));
  const std::string arrays = "{\"a\":" + std::string(9, '[') + std::string(9, ']') + "}";
  EXPECT_TRUE(Twin().merge(Section::desired, arrays, kNow));
  const std::string deeper = "{\"a\":" + std::string(10, '[') + std::string(10, ']') + "}";
  EXPECT_TRUE(Twin().merge(Section::desired, deeper, kNow).error().is(kTooDeep));
}

TEST(Twin, PatchTextLimit) {
  std::string patch = "{}";
  patch.resize(kPatchTextMax, ' ');
  EXPECT_TRUE(Twin().merge(Section::desired, patch, kNow));
  EXPECT_TRUE(Twin().merge(Section::desired, patch + " ", kNow).error().is(kPatchTooLarge));
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
    EXPECT_TRUE(Twin().merge(section, section_of(kSectionSizeMax), kNow));
    EXPECT_TRUE(
        Twin().merge(section, section_of(kSectionSizeMax + 1), kNow).error().is(kSectionTooLarge));
    EXPECT_TRUE(Twin()
                    .replace(section, section_of(kSectionSizeMax + 1), kNow)
                    .error()
                    .is(kSectionTooLarge));
    Twin full;
    ASSERT_TRUE(full.merge(section, section_of(kSectionSizeMax), kNow));
    EXPECT_TRUE(full.merge(section, R"({"more":1})", kNow).error().is(kSectionTooLarge));
    EXPECT_TRUE(full.merge(section, R"({"1":null,"more":1})", kNow)) << "deleting makes room";
  }
}

// An object of exactly `size` bytes of text that counts next to nothing: an array of empty items.
std::string hollow(const std::string& key, std::size_t size) {
  const std::string_view items[] = {"null", R"("")", "[]", "{}"};
  std::string out = "{\"" + key + "\":[";
  for (std::size_t i = 0; out.size() + 16 < size; ++i) out.append(items[i % 4]).append(",");
  return out + quoted(size - out.size() - 4) + "]}";
}

TEST(Twin, NumbersStayWhatTheyAre) {
  for (const std::string number :
       {"1.7976931348623157E308", "2.2250738585072014E-308", "5E-324", "-2.2222222222222224E49",
        "9.007199254740992E15", "1.2345678901234566E-7", "3.141592653589793E0"}) {
    Twin twin;
    ASSERT_TRUE(twin.merge(Section::reported, R"({"a":)" + number + "}", 1)) << number;
    for (int round = 0; round < 20; ++round) twin = *Twin::from_store(twin.store_text());
    EXPECT_NE(twin.service_section_json(Section::reported).find("\"a\":" + number),
              std::string::npos)
        << twin.service_section_json(Section::reported);
  }
}

TEST(Twin, SectionTextLimit) {
  constexpr std::size_t kPart = kSectionTextMax / 3;
  for (const Section section : {Section::desired, Section::reported}) {
    // Joined, two objects have one byte less: the inner braces go, a comma comes.
    const auto fill = [&](Twin& twin, std::size_t total) {
      for (const std::string key : {"a", "b"})
        if (const Status done = twin.merge(section, hollow(key, kPart), kNow); !done) return done;
      return twin.merge(section, hollow("c", total - 2 * (kPart - 1)), kNow);
    };
    Twin full;
    ASSERT_TRUE(fill(full, kSectionTextMax));
    EXPECT_EQ(full.section_json(section).size(), kSectionTextMax);
    Twin over;
    EXPECT_TRUE(fill(over, kSectionTextMax + 1).error().is(kSectionTooLarge));
    EXPECT_EQ(over.version(section), 3U) << "the refused one changed nothing";
    EXPECT_TRUE(full.merge(section, R"({"d":[]})", kNow).error().is(kSectionTooLarge));
    EXPECT_TRUE(full.merge(section, R"({"a":null,"d":[]})", kNow)) << "deleting makes room";
  }
  // A section of the full size fits, however it is written: six bytes of text for each that counts.
  Twin escaped;
  for (char key = '1'; key <= '8'; ++key) {
    std::string text = std::string("{\"") + key + "\":\"";
    for (int i = 0; i < 4095; ++i) text += "\\u0001";
    ASSERT_TRUE(escaped.merge(Section::desired, text + "\"}", kNow)) << key;
  }
  EXPECT_TRUE(escaped.merge(Section::desired, R"({"9":""})", kNow).error().is(kSectionTooLarge));
}

TEST(Twin, TagsTextLimit) {
  const auto tags = [](std::size_t size) { return R"({"tags":)" + hollow("a", size) + "}"; };
  EXPECT_TRUE(Twin().change(tags(kTagsTextMax), ChangeKind::merge, kNow));
  EXPECT_TRUE(
      Twin().change(tags(kTagsTextMax + 1), ChangeKind::merge, kNow).error().is(kTagsTooLarge));
  EXPECT_TRUE(
      Twin().change(tags(kTagsTextMax + 1), ChangeKind::replace, kNow).error().is(kTagsTooLarge));
}

// What was stored before there was this limit is read, and can be made smaller.
TEST(Twin, AnOldLargeSectionIsRead) {
  const std::string large = hollow("a", 2 * kSectionTextMax);
  auto twin = Twin::from_store(R"({"desired":{"$version":1},"reported":{"$version":1,)" +
                               large.substr(1) + "}");
  ASSERT_TRUE(twin);
  EXPECT_TRUE(twin->merge(Section::reported, R"({"b":1})", kNow).error().is(kSectionTooLarge));
  EXPECT_TRUE(twin->merge(Section::reported, R"({"a":null,"b":1})", kNow));
}

TEST(Twin, StoreRoundTrip) {
  Twin twin;
  ASSERT_TRUE(twin.merge(Section::desired, R"({"a":{"b":[1,2.5,true,"x"]}})", kNow));
  ASSERT_TRUE(twin.merge(Section::desired, nested(kDepthMax), kNow));
  ASSERT_TRUE(twin.merge(Section::reported, R"({"c":-1})", kNow));
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
    ASSERT_TRUE(twin.merge(Section::reported, "{\"a\":[" + std::string(number) + "]}", kNow))
        << number;
    const std::string first = twin.store_text();
    std::string text = first;
    for (int i = 0; i < 5; ++i) text = Twin::from_store(text)->store_text();
    EXPECT_EQ(text, first) << number;
  }
}

// What was stored before there were tags and metadata.
TEST(Twin, ReadsTheFirstStoredForm) {
  auto twin =
      Twin::from_store(R"({"desired":{"y":{"z":2},"$version":5},"reported":{"x":1,"$version":3}})");
  ASSERT_TRUE(twin);
  EXPECT_EQ(twin->device_json(),
            R"({"desired":{"y":{"z":2},"$version":5},"reported":{"x":1,"$version":3}})");
  EXPECT_EQ(twin->tags_json(), "{}");
  EXPECT_EQ(twin->document_version(), 7U);
  EXPECT_EQ(twin->etag(), "AAAAAAAAAAU=");
  EXPECT_EQ(
      twin->service_section_json(Section::reported),
      R"({"x":1,"$metadata":{"$lastUpdated":"0001-01-01T00:00:00Z","$lastUpdatedVersion":1,)"
      R"("x":{"$lastUpdated":"0001-01-01T00:00:00Z","$lastUpdatedVersion":1}},"$version":3})");
  ASSERT_TRUE(twin->merge(Section::reported, R"({"w":1})", kNow));
  EXPECT_EQ(twin->service_section_json(Section::reported),
            R"({"x":1,"w":1,"$metadata":{"$lastUpdated":"2016-03-30T16:24:48.789Z",)"
            R"("$lastUpdatedVersion":4,)"
            R"("x":{"$lastUpdated":"0001-01-01T00:00:00Z","$lastUpdatedVersion":1},)"
            R"("w":{"$lastUpdated":"2016-03-30T16:24:48.789Z","$lastUpdatedVersion":4}},)"
            R"("$version":4})");
}

std::string mark(std::string_view time, int version) {
  return std::string(R"("$lastUpdated":")") + std::string(time) + R"(","$lastUpdatedVersion":)" +
         std::to_string(version);
}

TEST(Twin, MetadataFollowsEveryProperty) {
  Twin twin;
  const std::string never = mark("0001-01-01T00:00:00Z", 1);
  EXPECT_EQ(twin.service_section_json(Section::desired),
            R"({"$metadata":{)" + never + R"(},"$version":1})");
  const std::string then = mark("2016-03-30T16:24:48.789Z", 2);
  const std::string later = mark("2016-03-30T16:24:49.789Z", 3);
  ASSERT_TRUE(twin.merge(Section::desired, R"({"a":{"b":1,"c":[{"d":1}]},"e":2})", kNow));
  ASSERT_TRUE(twin.merge(Section::desired, R"({"a":{"b":3},"e":null})", kNow + 1000));
  EXPECT_EQ(twin.service_section_json(Section::desired),
            R"({"a":{"b":3,"c":[{"d":1}]},"$metadata":{)" + later + R"(,"a":{)" + later +
                R"(,"b":{)" + later + R"(},"c":{)" + then + R"(}}},"$version":3})");
  // A value that takes the place of an object forgets what was inside; a replacement all.
  ASSERT_TRUE(twin.merge(Section::desired, R"({"a":7})", kNow));
  ASSERT_TRUE(twin.replace(Section::desired, R"({"a":{"x":1}})", kNow));
  const std::string last = mark("2016-03-30T16:24:48.789Z", 5);
  EXPECT_EQ(twin.service_section_json(Section::desired), R"({"a":{"x":1},"$metadata":{)" + last +
                                                             R"(,"a":{)" + last + R"(,"x":{)" +
                                                             last + R"(}}},"$version":5})");
  const auto again = Twin::from_store(twin.store_text());
  EXPECT_EQ(again->service_section_json(Section::desired),
            twin.service_section_json(Section::desired));
}

TEST(Twin, MetadataDoesNotCountAndMayBeAsDeepAsTheProperties) {
  Twin twin;
  const auto deep = twin.change(R"({"properties":{"desired":)" + nested(kDepthMax) + "}}",
                                ChangeKind::merge, kNow);
  ASSERT_TRUE(deep);
  ASSERT_TRUE(twin.merge(Section::reported, section_of(kSectionSizeMax), kNow));
  const auto again = Twin::from_store(twin.store_text());
  ASSERT_TRUE(again);
  // A client may send back all that it was shown.
  auto shown =
      R"({"properties":{"desired":)" + again->service_section_json(Section::desired) + "}}";
  EXPECT_TRUE(twin.change(shown, ChangeKind::replace, kNow));
}

TEST(Twin, AServiceChangesTagsAndDesired) {
  Twin twin;
  auto change = twin.change(
      R"({"deviceId":"d","etag":"x","tags":{"floor":{"no":3},"$version":9},"properties":{)"
      R"("desired":{"a":1,"b":null,"$metadata":{"$lastUpdated":"x"},"$version":77},)"
      R"("reported":{"c":1}}})",
      ChangeKind::merge, kNow);
  ASSERT_TRUE(change) << change.error().message();
  EXPECT_TRUE(change->tags);
  EXPECT_TRUE(change->desired);
  EXPECT_EQ(change->desired_notification, R"({"a":1,"b":null,"$version":2})");
  EXPECT_EQ(twin.tags_json(), R"({"floor":{"no":3}})");
  EXPECT_EQ(twin.device_json(), R"({"desired":{"a":1,"$version":2},"reported":{"$version":1}})")
      << "no tags for the device, and reported is the device's own";
  EXPECT_EQ(twin.etag(), "AAAAAAAAAAI=");
  EXPECT_EQ(twin.document_version(), 2U);

  change = twin.change(R"({"tags":{"floor":{"no":null},"x":"y"},"properties":null})",
                       ChangeKind::merge, kNow);
  ASSERT_TRUE(change);
  EXPECT_FALSE(change->desired);
  EXPECT_EQ(change->desired_notification, "");
  EXPECT_EQ(twin.tags_json(), R"({"floor":{},"x":"y"})");
  EXPECT_EQ(twin.version(Section::desired), 2U);
  EXPECT_EQ(twin.etag(), "AAAAAAAAAAM=");

  change = twin.change(R"({"tags":{"z":1}})", ChangeKind::replace, kNow);
  ASSERT_TRUE(change);
  EXPECT_EQ(twin.tags_json(), R"({"z":1})");
  EXPECT_EQ(twin.section_json(Section::desired), R"({"a":1})") << "a part not named stays";
  change = twin.change(R"({"properties":{"desired":{"q":2}}})", ChangeKind::replace, kNow);
  EXPECT_EQ(change->desired_notification, R"({"q":2,"$version":3})");
  EXPECT_EQ(twin.section_json(Section::desired), R"({"q":2})");

  const std::string before = twin.store_text();
  EXPECT_TRUE(twin.change("{}", ChangeKind::merge, kNow)) << "nothing named, nothing changed";
  EXPECT_EQ(twin.store_text(), before);
}

// What Azure's own end-to-end suite for Node expects: "can null out all desired properties".
TEST(Twin, AMergeOfNullClearsAPart) {
  Twin twin;
  ASSERT_TRUE(twin.change(R"({"tags":{"t":1},"properties":{"desired":{"a":1,"b":{"c":2}}}})",
                          ChangeKind::merge, kNow));
  auto change = twin.change(R"({"properties":{"desired":null}})", ChangeKind::merge, kNow);
  ASSERT_TRUE(change);
  EXPECT_TRUE(change->desired);
  EXPECT_FALSE(change->tags);
  EXPECT_EQ(change->desired_notification, R"({"a":null,"b":null,"$version":3})");
  EXPECT_EQ(change->spelled_out, R"({"properties":{"desired":{"a":null,"b":null}}})");
  EXPECT_EQ(twin.section_json(Section::desired), "{}");
  EXPECT_EQ(twin.tags_json(), R"({"t":1})");
  change = twin.change(R"({"tags":null})", ChangeKind::merge, kNow);
  EXPECT_TRUE(change->tags);
  EXPECT_EQ(change->spelled_out, R"({"tags":{"t":null}})");
  EXPECT_EQ(twin.tags_json(), "{}");
  change = twin.change(R"({"properties":{"desired":null}})", ChangeKind::merge, kNow);
  EXPECT_EQ(change->desired_notification, R"({"$version":4})") << "written, though it was empty";

  ASSERT_TRUE(twin.change(R"({"tags":{"t":1}})", ChangeKind::merge, kNow));
  change = twin.change(R"({"tags":null,"properties":{"desired":null}})", ChangeKind::replace, kNow);
  EXPECT_TRUE(change && !change->tags && !change->desired && change->spelled_out.empty())
      << "a replacement says {} for that";
  EXPECT_EQ(twin.tags_json(), R"({"t":1})");
}

TEST(Twin, ARefusedServiceChangeChangesNothing) {
  Twin twin;
  ASSERT_TRUE(twin.change(R"({"tags":{"kept":1}})", ChangeKind::merge, kNow));
  const std::string before = twin.store_text();
  const std::pair<std::string, const ErrorInfo*> rows[] = {
      {"", &kBadJson},
      {"[]", &kNotAnObject},
      {R"({"tags":[]})", &kNotAnObject},
      {R"({"properties":1})", &kNotAnObject},
      {R"({"properties":{"desired":1}})", &kNotAnObject},
      {R"({"tags":{"a.b":1}})", &kBadKey},
      {R"({"tags":{"a":{"$version":1}}})", &kBadKey},
      {R"({"tags":{"t":1},"properties":{"desired":{"a.b":1}}})", &kBadKey},
      {R"({"tags":{"t":1},"properties":{"desired":)" + nested(kDepthMax + 1) + "}}", &kTooDeep},
      {R"({"tags":{"t":1},"properties":{"desired":)" + section_of(kSectionSizeMax + 1) + "}}",
       &kSectionTooLarge},
      {R"({"tags":)" + section_of(29000) + R"(,"properties":{"desired":{"a":1}}})", &kTagsTooLarge},
  };
  for (const auto& [body, error] : rows)
    for (const ChangeKind kind : {ChangeKind::merge, ChangeKind::replace}) {
      const auto change = twin.change(body, kind, kNow);
      ASSERT_FALSE(change) << body;
      EXPECT_EQ(change.error().code(), error->code) << body;
      EXPECT_EQ(twin.store_text(), before);
    }
}

TEST(Twin, TagsAndChangeTextLimits) {
  const auto tags = [](std::size_t size) {  // key "1" and "2", a full string and the rest
    return R"({"tags":{"1":)" + quoted(4096) + R"(,"2":)" + quoted(size - 4098) + "}}";
  };
  EXPECT_TRUE(Twin().change(tags(kTagsSizeMax), ChangeKind::merge, kNow));
  EXPECT_TRUE(
      Twin().change(tags(kTagsSizeMax + 1), ChangeKind::merge, kNow).error().is(kTagsTooLarge));
  std::string body = "{}";
  body.resize(kChangeTextMax, ' ');
  EXPECT_TRUE(Twin().change(body, ChangeKind::merge, kNow));
  EXPECT_TRUE(Twin().change(body + " ", ChangeKind::merge, kNow).error().is(kPatchTooLarge));
}

TEST(Twin, CorruptStoreIsReported) {
  for (
      const std::string_view bad :
      {"", "[]", "{}", R"({"desired":{"$version":1}})",
       R"({"desired":{},"reported":{"$version":1}})",
       R"({"desired":{"$version":0},"reported":{"$version":1}})",
       R"({"desired":{"$version":"1"},"reported":{"$version":1}})",
       R"({"desired":{"$version":1},"reported":{"$version":1},"tags":1})",
       R"({"desired":{"$version":1},"reported":{"$version":1},"etag":0})",
       R"({"desired":{"$version":1},"reported":{"$version":1},"version":"1"})",
       R"({"desired":{"$version":1},"reported":{"$version":1},"marks":{}})",
       R"({"desired":{"$version":1},"reported":{"$version":1},"marks":{"desired":[1,2],"reported":[1]}})",
       R"({"desired":{"$version":1},"reported":{"$version":1},"marks":{"desired":[1,2],"reported":[1,2,{"a":3}]}})"})
    EXPECT_TRUE(Twin::from_store(bad).error().is(kCorruptTwin)) << bad;
}

TEST(Twin, Bodies) {
  EXPECT_EQ(*desired_notification(R"({"a":null,"b":2})", 4), R"({"a":null,"b":2,"$version":4})");
  EXPECT_FALSE(desired_notification("[]", 4));
  EXPECT_EQ(error_body(400004, "bad \"json\""), R"({"errorCode":400004,"message":"bad \"json\""})");
}

TEST(Twin, ConfigurationsWriteDesiredPropertiesAndKeepNotes) {
  Twin twin;
  const std::string before = twin.store_text();
  EXPECT_EQ(before.find("configur"), std::string::npos) << "nothing to store without them";
  const auto change = twin.configure(R"({"fan":{"on":true}})", R"({"c":{"status":"Applied"}})",
                                     R"({"fan":1})", kNow);
  ASSERT_TRUE(change && change->desired);
  EXPECT_EQ(change->desired_notification, R"({"fan":{"on":true},"$version":2})");
  EXPECT_EQ(twin.version(Section::desired), 2U);
  const std::string etag = twin.etag();
  ASSERT_TRUE(twin.configure("", R"({"c":{"status":"Targeted"}})", "{}", kNow));
  EXPECT_EQ(twin.version(Section::desired), 2U) << "notes alone raise no version";
  EXPECT_EQ(twin.etag(), etag);
  auto again = Twin::from_store(twin.store_text());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->configurations_json(), R"({"c":{"status":"Targeted"}})");
  EXPECT_EQ(again->configured_json(), "{}");
  EXPECT_TRUE(again->configure(R"({"a b":1})", "{}", "{}", kNow).error().is(kBadKey));
  EXPECT_TRUE(again->configure("", "[]", "{}", kNow).error().is(kNotAnObject));
  EXPECT_EQ(again->configurations_json(), R"({"c":{"status":"Targeted"}})") << "nothing changed";
  std::string corrupt = twin.store_text();
  corrupt.insert(1, R"("configured":7,)");
  EXPECT_TRUE(Twin::from_store(corrupt).error().is(kCorruptTwin));
}

}  // namespace
}  // namespace pavise::twin
