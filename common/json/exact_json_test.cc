#include "common/json/exact_json.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <cmath>

namespace pavise {
namespace {

namespace json = boost::json;

json::value exactly(std::string_view text, std::size_t depth_max = kJsonDepthDefault) {
  boost::system::error_code failed;
  json::value out = parse_exactly(text, depth_max, failed);
  EXPECT_FALSE(failed) << text << ": " << failed.message();
  return out;
}

// Those that Boost.JSON 1.81 alone reads a last digit off among them.
TEST(ExactJson, NumbersAreTheNearestDoubles) {
  for (const auto& [text, expected] :
       {std::pair{"0.1", 0.1}, std::pair{"123456789.123456789", 123456789.123456789},
        std::pair{"-41.28476543210987", -41.28476543210987},
        std::pair{"1.7976931348623157e308", 1.7976931348623157e308}, std::pair{"5e-324", 5e-324},
        std::pair{"9007199254740993.5", 9007199254740993.5},
        std::pair{"123456789012345678901234567890", 123456789012345678901234567890.0},
        std::pair{"11.326381400047001", 11.326381400047001},
        std::pair{"8.589973428413488e-27", 8.589973428413488e-27}}) {
    const json::value value = exactly(text);
    ASSERT_TRUE(value.is_double()) << text;
    EXPECT_EQ(value.get_double(), expected) << text;
    EXPECT_EQ(exactly(json::serialize(value)).get_double(), expected) << text << ", written again";
  }
  EXPECT_EQ(exactly("-9223372036854775808").as_int64(), INT64_MIN);
  EXPECT_EQ(exactly("18446744073709551615").as_uint64(), UINT64_MAX);
}

TEST(ExactJson, BeyondDoubleIsInfiniteOrRefused) {
  EXPECT_TRUE(std::isinf(exactly("1e400").get_double()));
  EXPECT_EQ(exactly("1e-400").get_double(), 0.0);
  for (const char* text : {"1e400", "[1,-1e309]", R"({"a":{"b":1.8e308}})"}) {
    boost::system::error_code failed;
    EXPECT_TRUE(parse_finite(text, kJsonDepthDefault, failed).is_null()) << text;
    EXPECT_EQ(failed, json::error::exponent_overflow) << text;
  }
  boost::system::error_code failed;
  EXPECT_EQ(parse_finite("[1e-400,1e308]", kJsonDepthDefault, failed), json::value({0.0, 1e308}));
  EXPECT_FALSE(failed);
}

TEST(ExactJson, EveryKindOfValue) {
  const std::string text = R"({"a":[true,false,null,"\u00e9\"",{"":{}}],"b":-1,"b2":[],"c":1.5E0})";
  EXPECT_EQ(json::serialize(exactly(text)),
            "{\"a\":[true,false,null,\"\xc3\xa9\\\"\",{\"\":{}}],\"b\":-1,\"b2\":[],\"c\":1.5E0}");
}

TEST(ExactJson, DepthLimitAndWhatIsNoJson) {
  EXPECT_TRUE(exactly("[[[]]]", 3).is_array());
  for (const char* text :
       {"[[[[]]]]", "", " ", "1 2", "{} x", "[1", "{\"a\"}", "01", "NaN", "\"\xff\""}) {
    boost::system::error_code failed;
    EXPECT_TRUE(parse_exactly(text, 3, failed).is_null()) << text;
    EXPECT_TRUE(failed) << text;
  }
}

}  // namespace
}  // namespace pavise
