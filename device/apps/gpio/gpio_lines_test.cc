// Lines of a real chip are in tests/e2e/apps_test.py: this kernel may have none.
#include "device/apps/gpio/gpio_lines.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pavise::device {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<GpioLine> kLines{{"LED", "/dev/gpiochip0", 17}, {"BUTTON", "/dev/gpiochip1", 0}};

// Any open file, as a line would be.
Result<UniqueFd> some_file() {
  return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

bool is_open(int descriptor) {
  return ::fcntl(descriptor, F_GETFD) >= 0;
}

TEST(GpioLines, OneLineIsAskedForAsItIs) {
  const gpio_v2_line_request got = line_request(17, "blink");
  EXPECT_EQ(got.num_lines, 1U);
  EXPECT_EQ(got.offsets[0], 17U);
  EXPECT_STREQ(got.consumer, "blink");
  EXPECT_EQ(got.config.flags, 0U);
  EXPECT_EQ(got.config.num_attrs, 0U);
  EXPECT_EQ(std::string(line_request(0, std::string(31, 'n')).consumer), std::string(31, 'n'));
  EXPECT_EQ(std::string(line_request(0, std::string(32, 'n')).consumer), std::string(31, 'n'));
}

TEST(GpioLines, WhatIsNoChipGivesNone) {
  for (const char* chip : {"/dev/null", "/dev/gpiochip-none", "/tmp"}) {
    const auto got = request_line({"LED", chip, 3}, "blink");
    ASSERT_FALSE(got) << chip;
    EXPECT_TRUE(got.error().is(kNoGpioLine));
    EXPECT_THAT(got.error().detail(), HasSubstr(std::string("LED: ") + chip + " line 3: "));
  }
}

TEST(GpioLines, EachIsAskedForInTheNameOfTheApp) {
  std::vector<GpioLine> asked;
  const auto got =
      RequestedLines::request(kLines, "blink", [&](const GpioLine& line, const std::string& user) {
        EXPECT_EQ(user, "blink");
        asked.push_back(line);
        return some_file();
      });
  ASSERT_TRUE(got);
  EXPECT_EQ(asked, kLines);
}

TEST(GpioLines, AllOrNone) {
  int first = -1;
  const auto got = RequestedLines::request(
      kLines, "blink", [&](const GpioLine& line, const std::string&) -> Result<UniqueFd> {
        if (first >= 0) return Error(kNoGpioLine, line.name);
        auto file = some_file();
        first = file->get();
        return file;
      });
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().detail(), "BUTTON");
  EXPECT_FALSE(is_open(first));
}

TEST(GpioLines, TheyStandBehindTheOthersFromFiveOn) {
  const auto made = [] {
    return RequestedLines::request(kLines, "blink",
                                   [](const GpioLine&, const std::string&) { return some_file(); });
  };
  auto got = made();
  ASSERT_TRUE(got);
  CompartmentSpec spec;
  spec.environment = {"HOME=/data"};
  spec.descriptors = {100};
  got->give(spec);
  EXPECT_THAT(spec.environment,
              ElementsAre("HOME=/data", "PAVISE_GPIO_LED=5", "PAVISE_GPIO_BUTTON=6"));
  ASSERT_EQ(spec.descriptors.size(), 4U);
  EXPECT_EQ(spec.descriptors[0], 100);
  EXPECT_EQ(spec.descriptors[1], kNoDescriptor);
  const int led = spec.descriptors[2];
  EXPECT_TRUE(is_open(led) && is_open(spec.descriptors[3]));

  CompartmentSpec full;
  full.descriptors = {100, 101, 102};
  got->give(full);
  EXPECT_THAT(full.environment, ElementsAre("PAVISE_GPIO_LED=6", "PAVISE_GPIO_BUTTON=7"));
  EXPECT_EQ(full.descriptors.size(), 5U);
  got = RequestedLines{};
  EXPECT_FALSE(is_open(led));  // only the app has it now
}

TEST(GpioLines, WithoutLinesNothingChanges) {
  const auto none = RequestedLines::request({}, "blink");
  ASSERT_TRUE(none);
  CompartmentSpec spec;
  spec.descriptors = {100};
  none->give(spec);
  EXPECT_THAT(spec.descriptors, ElementsAre(100));
  EXPECT_TRUE(spec.environment.empty());
}

}  // namespace
}  // namespace pavise::device
