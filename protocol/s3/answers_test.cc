#include "protocol/s3/answers.h"

#include <gtest/gtest.h>

namespace pavise::s3 {
namespace {

std::string page(std::string_view inside, std::string_view truncated = "false") {
  return std::string("<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://x\"><IsTruncated>")
      .append(truncated)
      .append("</IsTruncated>")
      .append(inside)
      .append("</ListBucketResult>");
}

std::string keys(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i)
    out += "<Contents><Key>p/" + std::to_string(i) + "</Key></Contents>";
  return out;
}

TEST(ErrorCode, IsTakenFromAnErrorAndNothingElse) {
  EXPECT_EQ(error_code(as_bytes("<Error><Code>NoSuchKey</Code><Message>x</Message></Error>")),
            "NoSuchKey");
  for (const std::string_view text :
       {"", "<Code>", "<Code>a", "<Code>a<b></Code>", "<Code>a b</Code>",
        "<Code>a\nlog line</Code>", "<Code>caf\xc3\xa9</Code>", "no XML at all"})
    EXPECT_EQ(error_code(as_bytes(text)), "") << text;
  const std::string longest(kErrorCodeSizeMax, 'a');
  EXPECT_EQ(error_code(as_bytes("<Code>" + longest + "</Code>")), longest);
  EXPECT_EQ(error_code(as_bytes("<Code>" + longest + "a</Code>")), "");
}

TEST(Listing, IsReadWithItsEnd) {
  const auto last =
      parse_listing(as_bytes(page("<Contents><Key>p/a</Key><Size>3</Size></Contents>"
                                  "<Contents><Key>p/b</Key></Contents>")));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->keys, (std::vector<std::string>{"p/a", "p/b"}));
  EXPECT_FALSE(last->truncated);
  EXPECT_TRUE(parse_listing(as_bytes(page("", "true")))->truncated);
}

TEST(Listing, LeavesOutKeysThatWeNeverWrote) {
  const auto found = parse_listing(as_bytes(
      page("<Contents><Key>p/a&amp;b</Key></Contents><Contents><Key>p/c</Key></Contents>")));
  EXPECT_EQ(found->keys, std::vector<std::string>{"p/c"});
}

TEST(Listing, IsBounded) {
  EXPECT_EQ(parse_listing(as_bytes(page(keys(kListedMax))))->keys.size(), kListedMax);
  EXPECT_FALSE(parse_listing(as_bytes(page(keys(kListedMax + 1)))));
  const std::string longest(kListedKeySizeMax, 'k');
  EXPECT_TRUE(parse_listing(as_bytes(page("<Key>" + longest + "</Key>"))));
  EXPECT_FALSE(parse_listing(as_bytes(page("<Key>" + longest + "k</Key>"))));
}

TEST(Listing, ThatIsBrokenIsNone) {
  for (const std::string& text :
       {std::string(), std::string("<Error><Code>x</Code></Error>"), page("", "maybe"),
        std::string("<ListBucketResult></ListBucketResult>"), page("<Key>a"),
        page("<Key>a<b/></Key>")})
    EXPECT_FALSE(parse_listing(as_bytes(text))) << text;
}

}  // namespace
}  // namespace pavise::s3
