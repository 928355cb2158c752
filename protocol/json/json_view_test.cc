#include "protocol/json/json_view.h"

#include <gtest/gtest.h>

namespace pavise::json {
namespace {

TEST(JsonView, AcceptsRfc8259AndNothingElse) {
  const char* const good[] = {
      "{}",           " [ ] ",       "null",           "-0",
      "0.5e-7",       "1E+2",        "\"\\u00e9\\n\"", R"({"a":[1,{"b":null}],"c":true})",
      "{\"\":false}", "\"\xc3\xa9\""};
  for (const char* text : good) EXPECT_TRUE(JsonView::parse(text)) << text;
  const char* const bad[] = {"",          " ",           "{",      "[1,]",  "{\"a\":1,}",
                             "{'a':1}",   "{a:1}",       "01",     "+1",    ".5",
                             "1.",        "1e",          "nul",    "true1", "\"\n\"",
                             "\"\\x\"",   "\"\\u12g4\"", "\"",     "{} {}", "[1 2]",
                             "{\"a\" 1}", "NaN",         "//x\n1", "\"\\",  "\"\xff\"",
                             "{\"a\":}",  "{\"a\":1]",   "-",      "--1"};
  for (const char* text : bad) EXPECT_FALSE(JsonView::parse(text)) << text;
}

TEST(JsonView, FindsMembersAtTheirOwnLevelOnly) {
  const std::string text =
      R"( {"x":{"wanted":1}, "list":[{"wanted":2}], "s":"\"wanted\":3", "wanted" : -42 , "wanted":5} )";
  auto view = JsonView::parse(text);
  ASSERT_TRUE(view);
  ASSERT_TRUE(view->member("wanted"));
  EXPECT_EQ(view->member("wanted")->integer(), -42);
  EXPECT_EQ(view->member("x")->member("wanted")->integer(), 1);
  EXPECT_EQ(view->member("x")->text(), R"({"wanted":1})");
  EXPECT_FALSE(view->member("absent"));
  EXPECT_FALSE(view->member("s")->member("wanted"));
  EXPECT_EQ(view->member("s")->kind(), JsonView::Kind::string);
  EXPECT_FALSE(JsonView::parse("{}")->member("a"));
}

TEST(JsonView, IntegersOnlyWhereTheyAreOnes) {
  const struct {
    const char* text;
    std::optional<std::int64_t> expected;
  } rows[] = {{"0", 0},
              {"-7", -7},
              {"9223372036854775807", INT64_MAX},
              {"9223372036854775808", {}},
              {"1.0", {}},
              {"1e3", {}},
              {"\"1\"", {}},
              {"true", {}},
              {"null", {}},
              {"{}", {}}};
  for (const auto& row : rows) EXPECT_EQ(JsonView::parse(row.text)->integer(), row.expected);
}

TEST(JsonView, StringsAreReadWithTheirEscapes) {
  const struct {
    const char* text;
    std::optional<std::string> expected;
  } rows[] = {{R"("")", ""},
              {R"("plain \"q\" \\ \/ \b\f\n\r\t")", "plain \"q\" \\ / \b\f\n\r\t"},
              {R"("\u0041\u00e9\u20ac")", "A\xc3\xa9\xe2\x82\xac"},
              {R"("\ud83d\ude00!")", "\xf0\x9f\x98\x80!"},
              {R"("\u0000")", std::string(1, '\0')},
              {R"("\ud83d")", {}},
              {R"("\ud83dx")", {}},
              {R"("\ud83d\u0041")", {}},
              {R"("\ude00")", {}},
              {"1", {}},
              {"[\"a\"]", {}}};
  for (const auto& row : rows) EXPECT_EQ(JsonView::parse(row.text)->string(), row.expected);
}

TEST(JsonView, WalksMembersAndElementsInOrder) {
  const auto steps = [](const char* text) {
    std::string out;
    JsonWalk walk(*JsonView::parse(text));
    while (const auto step = walk.next())
      out.append(step->name).append("=").append(step->value.text()).append(";");
    return out;
  };
  EXPECT_EQ(steps(R"( { "a" : 1 , "b\n":{"c":[]}, "a":"," } )"), R"(a=1;b\n={"c":[]};a=",";)");
  EXPECT_EQ(steps(R"([1, [2,3] ,{"x":4},"]"])"), R"(=1;=[2,3];={"x":4};="]";)");
  for (const char* text : {"{}", "[ ]", "1", "\"[1]\"", "null"}) EXPECT_EQ(steps(text), "") << text;
}

TEST(JsonView, LimitsHoldAtNAndNPlusOne) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  EXPECT_TRUE(JsonView::parse(nested(kJsonDepthMax)));
  EXPECT_FALSE(JsonView::parse(nested(kJsonDepthMax + 1)));
  const auto sized = [](std::size_t size) { return "\"" + std::string(size - 2, 'x') + "\""; };
  EXPECT_TRUE(JsonView::parse(sized(kJsonSizeMax)));
  EXPECT_FALSE(JsonView::parse(sized(kJsonSizeMax + 1)));
}

TEST(JsonView, StringsComeOutReadable) {
  const struct {
    std::string in;
    std::string expected;
  } rows[] = {{"plain", "\"plain\""},
              {"a\"b\\c\n\x01", R"("a\"b\\c\u000a\u0001")"},
              {"\xc3\xa9", "\"\xc3\xa9\""},
              {"\xff!", R"("\ufffd!")"}};
  for (const auto& row : rows) {
    std::string out;
    append_json_string(out, row.in);
    EXPECT_EQ(out, row.expected);
    EXPECT_TRUE(JsonView::parse(out));
  }
}

}  // namespace
}  // namespace pavise::json
