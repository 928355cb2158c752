#include "protocol/mqtt/topic.h"

#include <gtest/gtest.h>

#include <string>

namespace pavise::mqtt {
namespace {

using namespace std::string_view_literals;

TEST(Utf8, AcceptsTheEdgesOfEveryRange) {
  for (const auto good : {""sv, "a"sv, "\x7f"sv, "\xC2\x80"sv, "\xDF\xBF"sv, "\xE0\xA0\x80"sv,
                          "\xED\x9F\xBF"sv, "\xEE\x80\x80"sv, "\xEF\xBF\xBF"sv,
                          "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv, "\xEF\xBB\xBF"sv})
    EXPECT_TRUE(is_valid_utf8(good)) << testing::PrintToString(std::string(good));
}

TEST(Utf8, MQTT_1_5_3_1_RefusesIllFormedSequences) {
  for (const auto bad :
       {"\x80"sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xC2"sv, "\xC2\x41"sv, "\xE0\x9F\xBF"sv,
        "\xED\xA0\x80"sv, "\xED\xBF\xBF"sv, "\xE2\x82"sv, "\xF0\x8F\xBF\xBF"sv,
        "\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv, "\xF0\x9F\x98"sv, "\xFF"sv})
    EXPECT_FALSE(is_valid_utf8(bad)) << testing::PrintToString(std::string(bad));
}

TEST(Utf8, MQTT_1_5_3_2_RefusesTheNullCharacter) {
  EXPECT_FALSE(is_valid_utf8("a\0b"sv));
  EXPECT_FALSE(is_valid_utf8("\0"sv));
}

TEST(TopicName, MQTT_3_3_2_2_RefusesWildcardsAndEmpty) {
  EXPECT_TRUE(is_valid_topic_name("a"));
  EXPECT_TRUE(is_valid_topic_name("/"));
  EXPECT_TRUE(is_valid_topic_name("a b/c"));
  EXPECT_FALSE(is_valid_topic_name("")) << "[MQTT-4.7.3-1]";
  EXPECT_FALSE(is_valid_topic_name("a/+"));
  EXPECT_FALSE(is_valid_topic_name("a#"));
}

TEST(TopicName, LengthLimit) {
  EXPECT_TRUE(is_valid_topic_name(std::string(kStringSizeMax, 'a')));
  EXPECT_FALSE(is_valid_topic_name(std::string(kStringSizeMax + 1, 'a')));
  EXPECT_TRUE(is_valid_topic_filter(std::string(kStringSizeMax, 'a')));
  EXPECT_FALSE(is_valid_topic_filter(std::string(kStringSizeMax + 1, 'a')));
}

// The examples of sections 4.7.1.2 and 4.7.1.3.
TEST(TopicFilter, MQTT_4_7_1_2_and_3_WildcardPlaces) {
  for (const auto good : {"sport/tennis/#"sv, "#"sv, "+"sv, "+/tennis/#"sv, "sport/+/player1"sv,
                          "/+"sv, "+/+"sv, "/"sv, "//#"sv})
    EXPECT_TRUE(is_valid_topic_filter(good)) << good;
  for (const auto bad : {""sv, "sport/tennis#"sv, "sport/tennis/#/ranking"sv, "sport+"sv, "#/"sv,
                         "+a"sv, "a/#b"sv, "##"sv, "++"sv})
    EXPECT_FALSE(is_valid_topic_filter(bad)) << bad;
}

struct MatchRow {
  std::string_view filter;
  std::string_view topic;
  bool matches;
};

TEST(TopicFilter, MatchingAsInSection_4_7) {
  const MatchRow rows[] = {
      {"sport/tennis/player1/#", "sport/tennis/player1", true},
      {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
      {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
      {"sport/tennis/player1/#", "sport/tennis/player12", false},
      {"sport/#", "sport", true},
      {"sport/tennis/+", "sport/tennis/player1", true},
      {"sport/tennis/+", "sport/tennis/player1/ranking", false},
      {"sport/+", "sport", false},
      {"sport/+", "sport/", true},
      {"+/+", "/finance", true},
      {"/+", "/finance", true},
      {"+", "/finance", false},
      {"#", "$SYS/monitor", false},  // [MQTT-4.7.2-1]
      {"+/monitor/Clients", "$SYS/monitor/Clients", false},
      {"$SYS/#", "$SYS/monitor/Clients", true},
      {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
      {"a", "A", false},
      {"a/b", "a", false},
      {"a", "a/b", false},
      {"a/", "a", false},
  };
  for (const auto& row : rows)
    EXPECT_EQ(matches(row.filter, row.topic), row.matches) << row.filter << " " << row.topic;
}

}  // namespace
}  // namespace pavise::mqtt
