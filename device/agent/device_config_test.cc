#include "device/agent/device_config.h"

#include <gtest/gtest.h>

namespace pavise::agent {
namespace {

TEST(DeviceConfig, ReadsAFileAndFillsInDefaults) {
  auto config = DeviceConfig::parse(
      "# made by the image build\nservice_host=10.0.2.2\n\nservice_port=9444\n"
      "service_name=pavise.test\ntelemetry_interval_s=5\nbuild_epoch=1790000000\nlater_key=x y");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->service_host, "10.0.2.2");
  EXPECT_EQ(config->service_port, 9444);
  EXPECT_EQ(config->service_name, "pavise.test");
  EXPECT_EQ(config->hub_address, "10.0.2.2");
  EXPECT_EQ(config->telemetry_interval_s, 5);
  EXPECT_EQ(config->build_epoch, 1'790'000'000);

  auto small = DeviceConfig::parse("service_host=hub.example");
  ASSERT_TRUE(small);
  EXPECT_EQ(small->service_port, 8444);
  EXPECT_EQ(small->service_name, "hub.example");
  EXPECT_EQ(small->telemetry_interval_s, 30);
}

TEST(DeviceConfig, RefusesWhatItCannotMean) {
  const std::string host = "service_host=h\n";
  const std::string rows[] = {"",
                              "service_port=1",
                              "service_host=",
                              "service_host=a b",
                              "service_host=" + std::string(254, 'a'),
                              host + "service_host=h",
                              host + "no equals sign",
                              host + "=value",
                              host + "service_port=0",
                              host + "service_port=65536",
                              host + "service_port=+1",
                              host + "service_port=1 ",
                              host + "telemetry_interval_s=0",
                              host + "telemetry_interval_s=86401",
                              host + "telemetry_interval_s=5s",
                              host + "build_epoch=-1",
                              host + "service_name=a/b",
                              host + "\r\n"};
  for (const std::string& text : rows) {
    auto config = DeviceConfig::parse(text);
    ASSERT_FALSE(config) << text;
    EXPECT_TRUE(config.error().is(kBadConfig));
  }
}

TEST(DeviceConfig, LimitsHoldAtNAndNPlusOne) {
  EXPECT_TRUE(DeviceConfig::parse("service_host=h\ntelemetry_interval_s=86400"));
  EXPECT_TRUE(DeviceConfig::parse("service_host=" + std::string(253, 'a')));
  std::string text = "service_host=h\n";
  text += "#" + std::string(kConfigSizeMax - text.size() - 1, 'x');
  EXPECT_TRUE(DeviceConfig::parse(text));
  EXPECT_FALSE(DeviceConfig::parse(text + "x"));
}

}  // namespace
}  // namespace pavise::agent
