#include "samples/refrigeration_monitor/kept.h"

#include <gtest/gtest.h>

namespace refrigeration_monitor {
namespace {

constexpr Limits kBefore{
    .warm_above_centi_celsius = 700, .warm_for_s = 11, .door_for_s = 12, .silent_for_s = 13};

TEST(SetLimits, AllOrSomeAreSet) {
  EXPECT_EQ(
      parse_limits(R"({"warm_above_c":6.25,"warm_for_s":300,"door_for_s":60,"silent_for_s":20})",
                   kBefore),
      (Limits{.warm_above_centi_celsius = 625,
              .warm_for_s = 300,
              .door_for_s = 60,
              .silent_for_s = 20}));
  Limits one = kBefore;
  one.door_for_s = 86'400;
  EXPECT_EQ(parse_limits(" {\r\n\t\"door_for_s\" : 86400 } ", kBefore), one);
  for (const auto& [text, degrees] : {std::pair{"-18", -1800},
                                      {"-18.5", -1850},
                                      {"0", 0},
                                      {"-0", 0},
                                      {"0.05", 5},
                                      {"30.00", 3000}})
    EXPECT_EQ(parse_limits("{\"warm_above_c\":" + std::string(text) + '}', kBefore)
                  .value()
                  .warm_above_centi_celsius,
              degrees)
        << text;
}

TEST(SetLimits, AllElseIsRefused) {
  for (const std::string text : {"",
                                 "null",
                                 "[]",
                                 "{}",
                                 "{",
                                 "}",
                                 "5",
                                 "\"\"",
                                 R"({"door_for_s"})",
                                 R"({"door_for_s":})",
                                 R"({"door_for_s":60)",
                                 R"({"door_for_s":60}})",
                                 R"({"door_for_s":60} x)",
                                 R"({"door_for_s":60,})",
                                 R"({,"door_for_s":60})",
                                 R"({"door_for_s":60,"door_for_s":60})",
                                 R"({"door_for_s":60 "warm_for_s":60})",
                                 R"({"door_for_s":0})",
                                 R"({"door_for_s":86401})",
                                 R"({"door_for_s":-1})",
                                 R"({"door_for_s":+1})",
                                 R"({"door_for_s":01})",
                                 R"({"door_for_s":1.0})",
                                 R"({"door_for_s":1e2})",
                                 R"({"door_for_s":"60"})",
                                 R"({"door_for_s":null})",
                                 R"({"door_for_s":true})",
                                 R"({"door_for_s":{}})",
                                 R"({"door_for_s":4294967356})",
                                 R"({"door_for_s":99999999999999999999})",
                                 R"({"DOOR_FOR_S":60})",
                                 R"({"door\u005ffor_s":60})",
                                 R"({door_for_s:60})",
                                 R"({"":60})",
                                 R"({'door_for_s':60})",
                                 R"({"door_for_s":60,"other":1})",
                                 R"({"warm_above_c":30.01})",
                                 R"({"warm_above_c":-30.01})",
                                 R"({"warm_above_c":6.255})",
                                 R"({"warm_above_c":6.})",
                                 R"({"warm_above_c":.5})",
                                 R"({"warm_above_c":06})",
                                 R"({"warm_above_c":--6})",
                                 R"({"warm_above_c":6e0})",
                                 R"({"warm_above_c":NaN})",
                                 R"({"warm_above_c":-})"})
    EXPECT_FALSE(parse_limits(text, kBefore)) << text;
}

TEST(SetLimits, ThePayloadHasALimit) {
  const std::string text = R"({"door_for_s":60})";
  EXPECT_TRUE(parse_limits(text + std::string(kLimitsTextBytesMax - text.size(), ' '), kBefore));
  EXPECT_FALSE(
      parse_limits(text + std::string(kLimitsTextBytesMax + 1 - text.size(), ' '), kBefore));
}

TEST(Kept, IsReadAsItWasWritten) {
  for (const Kept& kept :
       {Kept{},
        Kept{.limits = kBefore,
             .not_accepted = UINT64_MAX,
             .last = Reading{.centi_celsius = -4000, .humidity_percent = 100, .door_open = true}}})
    EXPECT_EQ(Kept::parse(kept.text()), kept);
}

TEST(Kept, WhatIsDamagedIsNothing) {
  const std::string good =
      Kept{.limits = kBefore, .not_accepted = 3, .last = Reading{.centi_celsius = 425}}.text();
  ASSERT_TRUE(Kept::parse(good));
  const std::size_t last = good.find("last ");
  for (std::size_t size = 0; size < good.size(); ++size)
    if (size != last) EXPECT_FALSE(Kept::parse(good.substr(0, size))) << size;
  for (const std::string text :
       {"limits 800 0 120 30\nnot_accepted 3\n", "limits 3001 600 120 30\nnot_accepted 3\n",
        "limits 800 600 120 30\nnot_accepted -1\n", "limits 0800 600 120 30\nnot_accepted 3\n",
        "limits 800 600 120 30\nnot_accepted 18446744073709551616\n",
        "limits 800 600 120 30\nnot_accepted 3\nlast 8501 61 0\n",
        "limits 800 600 120 30\nnot_accepted 3\nlast 425 101 0\n",
        "limits 800 600 120 30\nnot_accepted 3\nlast 425 61 2\n"})
    EXPECT_FALSE(Kept::parse(text)) << text;
  EXPECT_FALSE(Kept::parse(good + 'x'));
  EXPECT_FALSE(Kept::parse(good + std::string(kKeptBytesMax, ' ')));
}

TEST(Report, SaysWhatIsKnownAndHowFreshItIs) {
  Watch watch(Limits{}, 0);
  Kept kept{.limits = {}, .not_accepted = 2, .last = {}};
  EXPECT_EQ(report_json({watch, kept, 0}),
            R"({"temperature_c":null,"humidity_percent":null,"door_open":null,"fresh":false,)"
            R"("alarms":{"warm":false,"door":false,"sensor":false},)"
            R"("limits":{"warm_above_c":8.00,"warm_for_s":600,"door_for_s":120,"silent_for_s":30},)"
            R"("lines":{"good":0,"broken":0,"impossible":0},"not_accepted":2})");
  kept.last = Reading{.centi_celsius = -5, .humidity_percent = 7, .door_open = true};
  EXPECT_TRUE(report_json({watch, kept, 0})
                  .starts_with(R"({"temperature_c":-0.05,"humidity_percent":7,"door_open":true,)"
                               R"("fresh":false,)"));
  watch.take({.reading = Reading{.centi_celsius = 425, .humidity_percent = 61}}, 1);
  EXPECT_TRUE(report_json({watch, kept, 1})
                  .starts_with(R"({"temperature_c":4.25,"humidity_percent":61,"door_open":false,)"
                               R"("fresh":true,)"));
  const std::string silent = report_json({watch, kept, 30'001});
  EXPECT_NE(silent.find(R"("fresh":false)"), std::string::npos);
  EXPECT_NE(silent.find(R"("sensor":true)"), std::string::npos);
}

}  // namespace
}  // namespace refrigeration_monitor
