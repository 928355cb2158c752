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

TEST(Log, WritesTimesInUtc) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(rfc3339_ms(1234), "1970-01-01T00:00:01.234Z");
}

}  // namespace
}  // namespace pavise::server
