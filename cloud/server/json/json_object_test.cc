#include "cloud/server/json/json_object.h"

#include <gtest/gtest.h>

namespace pavise::server {
namespace {

TEST(JsonObject, ReadsEveryKindOfMember) {
  auto body =
      JsonObject::parse(R"({"name":"a","days":3,"patch":{"x":null},"list":["p","q"],"note":"n"})");
  ASSERT_TRUE(body);
  EXPECT_EQ(*body->text("name", 1), "a");
  EXPECT_EQ(*body->optional_integer("days", 1, 3), 3);
  EXPECT_TRUE(body->object("patch")->contains("x"));
  EXPECT_EQ(body->texts("list", 2, 1)->size(), 2U);
  EXPECT_EQ(*body->optional_text("absent", 9), std::nullopt);
  const auto unknown = body->finish();
  ASSERT_FALSE(unknown);
  EXPECT_TRUE(unknown.error().is(kMemberUnknown));
  EXPECT_EQ(unknown.error().detail(), "note");
  EXPECT_TRUE(body->text("note", 1));
  EXPECT_TRUE(body->finish());
}

TEST(JsonObject, RefusesWhatIsNoObject) {
  for (const char* text :
       {"", "[]", "1", "{", "{}x", "{}{}", "{'a':1}", "{\"a\":1,}", "{/**/}", "\xef\xbb\xbf{}",
        "{\"a\":\"\xff\"}", "{\"a\":1,\"a\":2}", R"({"b":{"a":1,"\u0061":2}})", "{\"a\":NaN}"}) {
    const auto body = JsonObject::parse(text);
    ASSERT_FALSE(body) << text;
    EXPECT_TRUE(body.error().is(kNotJson)) << text;
  }
}

TEST(JsonObject, LimitsTheDepth) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(JsonObject::parse(nested(kJsonDepthMax)));
  EXPECT_FALSE(JsonObject::parse(nested(kJsonDepthMax + 1)));
}

TEST(JsonObject, RefusesWrongTypesAndSizes) {
  auto body = *JsonObject::parse(
      R"({"n":1,"s":"abc","e":"","l":["a","b"],"m":[1],"big":4,"f":1.5,"o":[],"null":null})");
  EXPECT_TRUE(body.text("s", 3));
  const auto refused = [](const auto& result, const ErrorInfo& info) {
    return !result && result.error().is(info);
  };
  EXPECT_TRUE(refused(body.text("s", 2), kMemberMistyped));
  EXPECT_TRUE(refused(body.text("n", 9), kMemberMistyped));
  EXPECT_TRUE(refused(body.text("e", 9), kMemberMistyped));
  EXPECT_TRUE(refused(body.text("null", 9), kMemberMistyped));
  EXPECT_TRUE(refused(body.text("gone", 9), kMemberMissing));
  EXPECT_TRUE(refused(body.texts("l", 1, 9), kMemberMistyped));
  EXPECT_TRUE(refused(body.texts("m", 1, 9), kMemberMistyped));
  EXPECT_TRUE(refused(body.texts("s", 1, 9), kMemberMistyped));
  EXPECT_TRUE(refused(body.optional_integer("big", 1, 3), kMemberMistyped));
  EXPECT_TRUE(refused(body.optional_integer("f", 1, 3), kMemberMistyped));
  EXPECT_TRUE(refused(body.object("o"), kMemberMistyped));
}

}  // namespace
}  // namespace pavise::server
