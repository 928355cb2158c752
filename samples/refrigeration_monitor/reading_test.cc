#include "samples/refrigeration_monitor/reading.h"

#include <gtest/gtest.h>

#include <vector>

namespace refrigeration_monitor {
namespace {

using namespace std::string_literals;

std::string line(const std::string& body) {
  return body + '*' + checksum(body);
}
bool is_broken(const std::string& text) {
  const Line got = parse_line(text);
  return !got.reading && got.fault == LineFault::broken;
}

TEST(Reading, TheLineOfTheReadme) {
  const Line got = parse_line("T=4.25 H=61 DOOR=0 *3D");
  ASSERT_TRUE(got.reading);
  EXPECT_EQ(*got.reading,
            (Reading{.centi_celsius = 425, .humidity_percent = 61, .door_open = false}));
}

TEST(Reading, ColdAndOpen) {
  const Line got = parse_line(line("T=-18.05 H=0 DOOR=1 "));
  ASSERT_TRUE(got.reading);
  EXPECT_EQ(*got.reading,
            (Reading{.centi_celsius = -1805, .humidity_percent = 0, .door_open = true}));
}

TEST(Reading, EachFlippedBitIsNoticed) {
  const std::string good = line("T=4.25 H=61 DOOR=0 ");
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[at] = static_cast<char>(static_cast<unsigned char>(bad[at]) ^ (1U << bit));
      EXPECT_FALSE(parse_line(bad).reading) << bad;
    }
  }
}

TEST(Reading, EachCutIsNoticed) {
  const std::string good = line("T=4.25 H=61 DOOR=0 ");
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_TRUE(is_broken(good.substr(0, size))) << size;
    if (size > 0) EXPECT_TRUE(is_broken(good.substr(size))) << size;
  }
}

TEST(Reading, ThereIsOneSpelling) {
  for (const std::string body : {"",
                                 " ",
                                 "T=4.25 H=61 DOOR=0",
                                 "T=4.25 H=61 DOOR=0  ",
                                 " T=4.25 H=61 DOOR=0 ",
                                 "T=4.25  H=61 DOOR=0 ",
                                 "T=4.25 DOOR=0 H=61 ",
                                 "T=4.25 H=61 ",
                                 "T=4.25 H=61 DOOR=0 X=1 ",
                                 "T=4.25 T=4.25 H=61 DOOR=0 ",
                                 "t=4.25 H=61 DOOR=0 ",
                                 "T=4.2 H=61 DOOR=0 ",
                                 "T=4.255 H=61 DOOR=0 ",
                                 "T=4 H=61 DOOR=0 ",
                                 "T=.25 H=61 DOOR=0 ",
                                 "T=04.25 H=61 DOOR=0 ",
                                 "T=+4.25 H=61 DOOR=0 ",
                                 "T=-0.00 H=61 DOOR=0 ",
                                 "T=--4.25 H=61 DOOR=0 ",
                                 "T=1000.25 H=61 DOOR=0 ",
                                 "T=4,25 H=61 DOOR=0 ",
                                 "T=4e1 H=61 DOOR=0 ",
                                 "T=nan H=61 DOOR=0 ",
                                 "T= H=61 DOOR=0 ",
                                 "T=4.25 H= DOOR=0 ",
                                 "T=4.25 H=061 DOOR=0 ",
                                 "T=4.25 H=-1 DOOR=0 ",
                                 "T=4.25 H=1000 DOOR=0 ",
                                 "T=4.25 H=6.1 DOOR=0 ",
                                 "T=4.25 H=61 DOOR=2 ",
                                 "T=4.25 H=61 DOOR= ",
                                 "T=4.25 H=61 DOOR=00 ",
                                 "T=4.25 H=61 DOOR=open ",
                                 "T=4.25\tH=61 DOOR=0 "})
    EXPECT_TRUE(is_broken(line(body))) << body;
  const std::string good = "T=4.25 H=61 DOOR=0 ";
  for (const std::string& text :
       {good + "*3d", good + "*3D ", good + "*3D\r", good + "*3", good + "*03D", good + "**3D",
        good + "*", good + "*3E", good + "3D", good + "*3D*3D", "\0"s + line(good)})
    EXPECT_TRUE(is_broken(text)) << text;
}

TEST(Reading, WhatTheSensorCannotMeasureIsItsFault) {
  for (const std::string body :
       {"T=-40.01 H=61 DOOR=0 ", "T=85.01 H=61 DOOR=0 ", "T=-127.00 H=61 DOOR=0 ",
        "T=999.99 H=61 DOOR=0 ", "T=4.25 H=101 DOOR=0 ", "T=4.25 H=999 DOOR=0 "}) {
    const Line got = parse_line(line(body));
    EXPECT_FALSE(got.reading) << body;
    EXPECT_EQ(got.fault, LineFault::impossible) << body;
  }
  for (const std::string body : {"T=-40.00 H=0 DOOR=0 ", "T=85.00 H=100 DOOR=0 "})
    EXPECT_TRUE(parse_line(line(body)).reading) << body;
}

TEST(Reading, TemperaturesAreWrittenAsTheyAreRead) {
  for (const std::string text : {"0.00", "0.05", "-0.05", "-18.00", "4.25", "120.50"})
    EXPECT_EQ(celsius_text(parse_celsius(text).value()), text);
}

std::vector<std::string> lines_of(const std::string& bytes) {
  LineBuffer lines;
  std::vector<std::string> out;
  for (const char byte : bytes)
    if (const auto got = lines.take(byte)) out.emplace_back(*got);
  return out;
}

TEST(LineBuffer, FindsLinesInWhateverComes) {
  EXPECT_EQ(lines_of("a\nb\n\nc"), (std::vector<std::string>{"a", "b", ""}));
  EXPECT_EQ(lines_of("\0\n"s), (std::vector<std::string>{"\0"s}));
}

TEST(LineBuffer, WhatIsTooLongIsOneBrokenLineAndTheNextIsRead) {
  const std::string longest(kLineBytesMax, 'x');
  EXPECT_EQ(lines_of(longest + '\n').front(), longest);
  const auto got =
      lines_of(std::string(1'000'000, 'x') + '\n' + line("T=4.25 H=61 DOOR=0 ") + '\n');
  ASSERT_EQ(got.size(), 2);
  EXPECT_EQ(got[0].size(), kLineBytesMax + 1);  // bounded, and known to be too long
  EXPECT_TRUE(is_broken(got[0]));
  EXPECT_TRUE(parse_line(got[1]).reading);
}

// The end of a good line that is too long with what stands before it.
TEST(LineBuffer, NoReadingIsMadeOfTheEndOfALongLine) {
  const auto got =
      lines_of(std::string(kLineBytesMax + 1, 'x') + line("T=4.25 H=61 DOOR=0 ") + '\n');
  ASSERT_EQ(got.size(), 1);
  EXPECT_FALSE(parse_line(got[0]).reading);
}

}  // namespace
}  // namespace refrigeration_monitor
