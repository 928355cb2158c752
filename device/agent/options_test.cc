#include "device/agent/options.h"

#include <gtest/gtest.h>

namespace pavise::agent {
namespace {

Result<Options> parse(std::initializer_list<const char*> arguments) {
  return Options::parse({arguments.begin(), arguments.size()});
}

TEST(AgentOptions, AreThoseOfTheDeviceByDefault) {
  auto options = parse({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->config_file, "/etc/pavise/device.conf");
  EXPECT_EQ(options->service_ca_file, "/etc/pavise/service-ca.pem");
  EXPECT_EQ(options->data_folder, "/data/agent");
  EXPECT_EQ(options->monitor_fd, 3);
  EXPECT_EQ(options->apps_fd, 4);
  EXPECT_FALSE(options->clock_ahead_ms);
}

TEST(AgentOptions, TheClockThatInitSaysHasBounds) {
  EXPECT_EQ(parse({"--clock-ahead-ms", "0"})->clock_ahead_ms, 0);
  EXPECT_EQ(parse({"--clock-ahead-ms", "253402300799999"})->clock_ahead_ms, 253'402'300'799'999);
  for (const char* bad :
       {"253402300800000", "-1", "-0", "+1", " 1", "1x", "x", "", "99999999999999999999999999"})
    EXPECT_FALSE(parse({"--clock-ahead-ms", bad})) << bad;
  EXPECT_FALSE(parse({"--clock-ahead-ms"}));
}

TEST(AgentOptions, AreReadStrictly) {
  auto options = parse(
      {"--config", "c", "--service-ca", "p", "--data", "d", "--monitor-fd", "7", "--apps-fd", "9"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->config_file, "c");
  EXPECT_EQ(options->service_ca_file, "p");
  EXPECT_EQ(options->data_folder, "d");
  EXPECT_EQ(options->monitor_fd, 7);
  EXPECT_EQ(options->apps_fd, 9);
  EXPECT_TRUE(parse({"-h"})->help);
  EXPECT_FALSE(parse({"--config"}));
  EXPECT_FALSE(parse({"--config", ""}));
  EXPECT_FALSE(parse({"--monitor-fd", "2"}));
  EXPECT_FALSE(parse({"--apps-fd", "2"}));
  EXPECT_FALSE(parse({"--apps-fd", ""}));
  EXPECT_FALSE(parse({"--monitor-fd", "3x"}));
  EXPECT_FALSE(parse({"--no-sandbox"}));
}

}  // namespace
}  // namespace pavise::agent
