#include "device/init_wire/init_wire.h"

#include <gtest/gtest.h>

#include <string>

namespace pavise::device {
namespace {

using namespace std::string_literals;

std::string refusal(const std::string& packet) {
  const auto word = parse_init_word(as_bytes(packet));
  return word ? "accepted" : word.error().detail();
}

TEST(InitWire, WordsTravel) {
  EXPECT_EQ(as_text(encode(RestartDevice{})), "\x01");
  EXPECT_EQ(as_text(encode(PowerOffDevice{})), "\x02");
  EXPECT_EQ(as_text(encode(SetClock{1'768'735'480'000})), "\x03\xc0\x98\xd9\xd0\x9b\x01\0\0"s);
  EXPECT_TRUE(std::holds_alternative<RestartDevice>(parse_init_word(as_bytes("\x01")).value()));
  EXPECT_TRUE(std::holds_alternative<PowerOffDevice>(parse_init_word(as_bytes("\x02")).value()));
}

TEST(InitWire, OnlyTimesThatCanBeAreTimes) {
  for (const UnixMillis good : {kClockEarliestMs, kClockLatestMs}) {
    const Bytes packet = encode(SetClock{good});
    EXPECT_EQ(packet.size(), kInitWordBytesMax);
    EXPECT_EQ(std::get<SetClock>(parse_init_word(packet).value()).to_ms, good);
  }
  for (const UnixMillis bad :
       {kClockEarliestMs - 1, kClockLatestMs + 1, UnixMillis{0}, UnixMillis{-1}, INT64_MIN})
    EXPECT_EQ(refusal(std::string(as_text(encode(SetClock{bad})))), "time") << bad;
}

TEST(InitWire, EverythingElseIsRefused) {
  EXPECT_EQ(refusal(""), "empty");
  for (const std::string& other : {"\0"s, "\x04"s, "\xff"s}) EXPECT_EQ(refusal(other), "type");
  const std::string clock(as_text(encode(SetClock{kClockEarliestMs})));
  for (const std::string& longer : {"\x01x"s, "\x02\x02"s, clock + 'x'})
    EXPECT_EQ(refusal(longer), "length");
  for (std::size_t size = 1; size < clock.size(); ++size)
    EXPECT_EQ(refusal(clock.substr(0, size)), "length");
}

}  // namespace
}  // namespace pavise::device
