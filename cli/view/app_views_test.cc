#include "cli/view/app_views.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace pavise::cli::view {
namespace {

boost::json::value parsed(std::string_view text) {
  return boost::json::parse(text);
}

constexpr std::string_view kApps =
    R"({"apps":[{"name":"blink","version":"1.2.3","state":"running","restarts":2,)"
    R"("memory_bytes":3250586,"memory_limit_bytes":8388608,"missed_health":1,)"
    R"("last_event":"started"},{"name":"fridge","version":"0.1.0","state":"waiting","restarts":9,)"
    R"("memory_limit_bytes":655360,"missed_health":0,"last_event":"ex\u001b[2Jit 7"}]})";

TEST(AppViews, AListSaysHowAppsAre) {
  EXPECT_EQ(apps(parsed(kApps), false),
            "APP     VERSION  STATE    RESTARTS  MEMORY   LAST EVENT\n"
            "blink   1.2.3    running  2         3.1 MiB  started\n"
            "fridge  0.1.0    waiting  9         -        ex?[2Jit 7\n"
            "2 apps\n");
  EXPECT_NE(apps(parsed(kApps), true).find("\x1b[32mrunning"), std::string::npos);
}

TEST(AppViews, StatsCompareMemoryWithItsLimit) {
  EXPECT_EQ(app_stats(parsed(kApps), false),
            "APP     STATE    MEMORY   LIMIT    USED  RESTARTS  MISSED HEALTH\n"
            "blink   running  3.1 MiB  8.0 MiB  38 %  2         1\n"
            "fridge  waiting  -        640 KiB  -     9         0\n");
  const std::string near = app_stats(
      parsed(R"({"apps":[{"name":"a","memory_bytes":95,"memory_limit_bytes":100}]})"), true);
  EXPECT_NE(near.find("\x1b[31m95 %"), std::string::npos);
  EXPECT_NE(
      app_stats(parsed(R"({"apps":[{"memory_bytes":1,"memory_limit_bytes":0}]})"), false).find('-'),
      std::string::npos);
}

TEST(AppViews, ActsAndLines) {
  EXPECT_EQ(app_acted(parsed(R"({"name":"blink","state":"ending"})"), false), "blink: ending\n");
  EXPECT_EQ(app_line(parsed(R"({"sequence":12,"boot_ms":3021,"text":"gr\u00fc\u00df\u001b[2J"})")),
            "    12 [     3.021] gr\xc3\xbc\xc3\x9f?[2J\n");
  EXPECT_EQ(app_line(parsed(R"({"sequence":12345678,"boot_ms":86400000999,"text":""})")),
            "12345678 [86400000.999] \n");
}

TEST(AppViews, WhatIsMissingIsADash) {
  EXPECT_EQ(apps(parsed("[]"), false),
            "APP  VERSION  STATE  RESTARTS  MEMORY  LAST EVENT\n0 apps\n");
  EXPECT_EQ(app_acted(parsed("5"), false), "-: -\n");
  EXPECT_EQ(app_line(parsed("null")), "     - [     0.000] \n");
  EXPECT_EQ(app_stats(parsed(R"({"apps":[5]})"), false),
            "APP  STATE  MEMORY  LIMIT  USED  RESTARTS  MISSED HEALTH\n"
            "-    -      -       -      -     -         -\n");
}

}  // namespace
}  // namespace pavise::cli::view
