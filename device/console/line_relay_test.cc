#include "device/console/line_relay.h"

#include <gtest/gtest.h>

#include <vector>

namespace pavise::device {
namespace {

struct Relayed {
  std::vector<std::string> lines;
  LineRelay relay{"agent", [this](std::string_view line) { lines.emplace_back(line); }};

  void feed(std::string_view text, std::int64_t now_ms = 0) { relay.feed(as_bytes(text), now_ms); }
};

TEST(LineRelay, LinesComeWholeAndUnderTheirName) {
  Relayed out;
  out.feed("one\ntw");
  out.feed("o\n");
  EXPECT_EQ(out.lines, (std::vector<std::string>{"agent: one\n", "agent: two\n"}));
}

TEST(LineRelay, UnfinishedLineComesAtTheEnd) {
  Relayed out;
  out.feed("last words");
  EXPECT_TRUE(out.lines.empty());
  out.relay.end(0);
  out.relay.end(0);
  EXPECT_EQ(out.lines, (std::vector<std::string>{"agent: last words\n"}));
}

TEST(LineRelay, ControlCharactersAreReplaced) {
  Relayed out;
  out.feed("a\x1b[2Jb\rpavise-init: up\x7f\n");
  EXPECT_EQ(out.lines, (std::vector<std::string>{"agent: a?[2Jb?pavise-init: up?\n"}));
}

// 0x9b is CSI, which ESC [ is written for where bytes are seven bits; 0x9d begins a title.
TEST(LineRelay, ControlCharactersBeyondAsciiAreReplaced) {
  for (const auto& [text, shown] : {std::pair<std::string, std::string>{"a\x9b"
                                                                        "2Jb",
                                                                        "a?2Jb"},
                                    {"\x9d", "?"},
                                    {"a\xc2\x9b"
                                     "2J",
                                     "a\xc2?2J"},
                                    {"\xe2\x82\xac\x9b", "\xe2\x82\xac?"},
                                    {"\xf0\x9f\x8c\xa1\x9b", "\xf0\x9f\x8c\xa1?"},
                                    {"\x80\x80", "??"},
                                    // Text passes.
                                    {"21 \xc2\xb0"
                                     "C \xc3\x84 \xe2\x9b\x84 \xf0\x9f\x9b\x9b",
                                     "21 \xc2\xb0"
                                     "C \xc3\x84 \xe2\x9b\x84 \xf0\x9f\x9b\x9b"}}) {
    Relayed out;
    out.feed(text + '\n');
    EXPECT_EQ(out.lines, (std::vector<std::string>{"agent: " + shown + '\n'}));
    Relayed slow;
    for (const char c : text) slow.feed({&c, 1});
    slow.feed("\n");
    EXPECT_EQ(slow.lines, out.lines);
  }
}

TEST(LineRelay, LongLineIsCutAtItsLimit) {
  Relayed out;
  out.feed(std::string(kRelayLineBytesMax, 'x') + "\n");
  out.feed(std::string(kRelayLineBytesMax + 1, 'x') + "\n");
  const std::size_t whole = std::string_view("agent: \n").size() + kRelayLineBytesMax;
  ASSERT_EQ(out.lines.size(), 2U);
  EXPECT_EQ(out.lines[0].size(), whole);
  EXPECT_EQ(out.lines[1].size(), whole);
}

TEST(LineRelay, FloodIsSilencedUntilTheNextMinute) {
  Relayed out;
  for (int i = 0; i < kRelayLinesPerMinute; ++i) out.feed("x\n");
  EXPECT_EQ(out.lines.back(), "agent: x\n");
  out.feed("x\nx\nx\n");
  EXPECT_EQ(out.lines.size(), kRelayLinesPerMinute + 1U);
  EXPECT_NE(out.lines.back().find("too much"), std::string::npos);
  out.feed("again\n", 60'000);
  EXPECT_EQ(out.lines.back(), "agent: again\n");
}

}  // namespace
}  // namespace pavise::device
