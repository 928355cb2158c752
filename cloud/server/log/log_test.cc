#include "cloud/server/log/log.h"

#include <gtest/gtest.h>

namespace pavise::server {
namespace {

TEST(Log, WritesOneJsonObjectPerLine) {
  const std::array<Field, 3> fields = {
      Field{"code", "PV-API-002"}, Field{"reason", "line\nbreak \"quoted\""}, Field{"device", ""}};
  EXPECT_EQ(format_line(1'795'000'000'007, Level::warning, "request.refused", fields),
            R"({"time":"2026-11-18T11:06:40.007Z","level":"warning","event":"request.refused",)"
            R"("code":"PV-API-002","reason":"line\nbreak \"quoted\""})");
}

std::string line_with(const std::string& value) {
  const std::array<Field, 1> fields = {Field{"device", value}};
  return format_line(0, Level::info, "e", fields);
}

TEST(Log, BoundsEachValue) {
  const std::string most(kFieldBytesMax, 'x');
  EXPECT_NE(line_with(most).find("\"" + most + "\""), std::string::npos);
  EXPECT_NE(line_with(most + "y").find("\"" + most + "...\""), std::string::npos);
  // Never within a character.
  const std::string umlauts = std::string(kFieldBytesMax - 1, 'x') + "\u00e4";
  EXPECT_NE(line_with(umlauts).find("x...\""), std::string::npos);
}

TEST(Log, IsUtf8WhateverComes) {
  EXPECT_NE(line_with("a\u00e4\u20ac\U0001f600z").find("a\u00e4\u20ac\U0001f600z"),
            std::string::npos);
  for (const char* wrong :
       {"\x80", "\xff", "\xc0\xaf", "\xe4", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
    const std::string line = line_with(std::string("a") + wrong);
    EXPECT_NE(line.find("a\ufffd"), std::string::npos) << line;
    EXPECT_EQ(line.find(wrong), std::string::npos) << line;
  }
  EXPECT_NE(line_with("a\n\x1b[2Jb").find(R"(a\n\u001b[2Jb)"), std::string::npos)
      << "one line, no cursor";
}

TEST(Log, WritesTimesInUtc) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(rfc3339_ms(1234), "1970-01-01T00:00:01.234Z");
}

}  // namespace
}  // namespace pavise::server
