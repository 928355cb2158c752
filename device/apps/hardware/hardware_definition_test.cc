#include "device/apps/hardware/hardware_definition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace pavise::device {
namespace {

using manifest::Hardware;
using testing::HasSubstr;
using namespace std::string_literals;

const std::map<std::string, HardwarePlace>& of(const HardwareDefinition& all, Hardware kind) {
  return all.by_kind.at(static_cast<std::size_t>(kind));
}

// "" if it is understood.
std::string why_not(const std::string& text) {
  const auto parsed = parse_hardware_definition(text);
  if (parsed) return {};
  EXPECT_TRUE(parsed.error().is(kBadHardwareDefinition));
  return parsed.error().detail();
}

std::string rows(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i)
    out += "uart N" + std::to_string(i) + " /dev/ttyS" + std::to_string(i) + '\n';
  return out;
}

TEST(HardwareDefinition, ReadsEveryKind) {
  const auto got = parse_hardware_definition(
      "# The board of the fridge.\n"
      "uart SENSOR1 /dev/ttyS1\n"
      "uart METER /dev/ttymxc2\n"
      "gpio LED /dev/gpiochip0 17\n"
      "gpio BUTTON /dev/gpiochip0 0\n"
      "gpio DOOR /dev/gpiochip1 17\n"
      "i2c CLOCK /dev/i2c-1\n"
      "spi FLASH /dev/spidev0.1\n"
      "pwm FAN /dev/pwmchip0\n"
      "adc PROBE /dev/iio:device0\n");
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(of(*got, Hardware::uart),
            (std::map<std::string, HardwarePlace>{{"METER", {"/dev/ttymxc2"}},
                                                  {"SENSOR1", {"/dev/ttyS1"}}}));
  EXPECT_EQ(of(*got, Hardware::gpio),
            (std::map<std::string, HardwarePlace>{{"LED", {"/dev/gpiochip0", 17}},
                                                  {"BUTTON", {"/dev/gpiochip0", 0}},
                                                  {"DOOR", {"/dev/gpiochip1", 17}}}));
  EXPECT_TRUE(got->simulated.empty());
  EXPECT_EQ(of(*got, Hardware::i2c).at("CLOCK").node, "/dev/i2c-1");
  EXPECT_EQ(of(*got, Hardware::spi).at("FLASH").node, "/dev/spidev0.1");
  EXPECT_EQ(of(*got, Hardware::pwm).at("FAN").node, "/dev/pwmchip0");
  EXPECT_EQ(of(*got, Hardware::adc).at("PROBE").node, "/dev/iio:device0");
}

TEST(HardwareDefinition, ATextWithoutRowsIsNoHardware) {
  for (const char* text : {"", "# none\n"}) {
    const auto got = parse_hardware_definition(text);
    ASSERT_TRUE(got) << text;
    EXPECT_EQ(*got, HardwareDefinition{});
  }
}

TEST(HardwareDefinition, OnlyPeripheralsOfTheirKindAreNodes) {
  for (const char* row : {"uart A /dev/mem",        "uart A /dev/vda2",
                          "gpio A /dev/tpm0",       "gpio A /dev/kmsg",
                          "uart A /dev/tty",        "uart A /dev/tty0",
                          "uart A /dev/console",    "uart A /dev/ttyS",
                          "uart A /dev/ttyS1a",     "uart A /dev/tty/S1",
                          "uart A /dev/../mem",     "uart A /dev/tty/../mem0",
                          "uart A /dev/ttyS1/..",   "uart A /dev//ttyS1",
                          "uart A ttyS1",           "uart A /proc/ttyS1",
                          "uart A /dev/gpiochip0",  "gpio A /dev/ttyS1",
                          "gpio A /dev/gpiochip",   "gpio A /dev/",
                          "gpio A /dev/gpiochip-1", "gpio A /dev/gpiochipx 1",
                          "gpio A  /dev/gpiochip0", "gpio A /dev/gpiochip0/1 1",
                          "spi A /dev/spidev0",     "spi A /dev/spidev0.",
                          "spi A /dev/spidev.0",    "spi A /dev/spidev0.1.2",
                          "spi A /dev/spidev..",    "adc A /dev/iio:",
                          "uart A /dev/ttyS1 0",    "uart A /dev/ttyS1 ",
                          "simulated /dev/mem 1",   "simulated A /dev/gpiochip0",
                          "i2c A /dev/i2c-",        "pwm A /sys/class/pwm/pwmchip0"})
    EXPECT_THAT(why_not(row + "\n"s), HasSubstr("line 1: no node of this kind")) << row;
}

TEST(HardwareDefinition, EveryOtherSpellingIsRefusedWithItsLine) {
  const std::string good = "uart A /dev/ttyS1\n";
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {good + "UART B /dev/ttyS2\n", "line 2: no kind of hardware"},
           {good + "disk B /dev/ttyS2\n", "line 2: no kind of hardware"},
           {good + " uart B /dev/ttyS2\n", "line 2: no kind of hardware"},
           {good + "uart 1B /dev/ttyS2\n", "line 2: no name"},
           {good + "uart ../B /dev/ttyS2\n", "line 2: no name"},
           {good + "uart null /dev/ttyS2\n", "line 2: a name that every app has"},
           {good + "uart fd /dev/ttyS2\n", "line 2: a name that every app has"},
           {good + "uart A /dev/ttyS2\n", "line 2: a name that stands above"},
           {good + "i2c A /dev/i2c-2\n", "line 2: a name that stands above"},
           {good + "uart B /dev/ttyS1\n", "line 2: a node that stands above"},
           {good + "uart B\n", "line 2: not KIND NAME NODE"},
           {good + "uart\n", "line 2: not KIND NAME NODE"},
           {good + "\n", "line 2: an empty line"},
           {good + "uart B /dev/ttyS2\r\n", "line 2: a byte"},
           {good + "uart\tB /dev/ttyS2\n", "line 2: a byte"},
           {good + "uart B /dev/ttyS2\0\n"s, "line 2: a byte"},
           {good + "# \xc3\xa4\n", "line 2: a byte"},
           {good + "uart B /dev/ttyS2", "has no end"}})
    EXPECT_THAT(why_not(text), HasSubstr(why)) << text;
}

TEST(HardwareDefinition, AGpioNameIsOneLineOfAChip) {
  for (const char* rest : {"", " ", " x", " -1", " +1", " 00", " 01", " 1 ", "  1", " 1 2", " 1024",
                           " 0x1", " 1-2", " 4294967296", " 99999999999999999999", " rw"})
    EXPECT_THAT(why_not("gpio A /dev/gpiochip0"s + rest + '\n'),
                HasSubstr("line 1: no line of a chip after its node"))
        << rest;
  EXPECT_EQ(why_not("gpio A /dev/gpiochip0 " + std::to_string(kGpioLineMax) + '\n'), "");
}

// Or two apps would have one line, each by a name of its own.
TEST(HardwareDefinition, ALineHasOneName) {
  const std::string good = "gpio A /dev/gpiochip0 1\n";
  EXPECT_THAT(why_not(good + "gpio B /dev/gpiochip0 1\n"),
              HasSubstr("line 2: a line that stands above"));
  EXPECT_EQ(why_not(good + "gpio B /dev/gpiochip0 2\ngpio C /dev/gpiochip1 1\n"), "");
}

TEST(HardwareDefinition, ChipsOfVirtualDevicesAreSimulated) {
  const auto got = parse_hardware_definition(
      "simulated /dev/gpiochip0 8\nsimulated /dev/gpiochip1 64\ngpio LED /dev/gpiochip0 7\n");
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->simulated,
            (std::vector<SimulatedChip>{{"/dev/gpiochip0", 8}, {"/dev/gpiochip1", 64}}));
  EXPECT_EQ(of(*got, Hardware::gpio).at("LED"), (HardwarePlace{"/dev/gpiochip0", 7}));
  const std::string chip = "simulated /dev/gpiochip0 8\n";
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {"simulated /dev/gpiochip0\n", "line 1: no number of lines"},
           {"simulated /dev/gpiochip0 0\n", "line 1: no number of lines"},
           {"simulated /dev/gpiochip0 65\n", "line 1: no number of lines"},
           {"simulated /dev/gpiochip0 8 8\n", "line 1: no number of lines"},
           {"simulated\n", "line 1: not KIND NAME NODE"},
           {"gpio A /dev/gpiochip0 1\n" + chip, "line 2: a chip whose lines stand above"},
           {chip + chip, "line 2: a node that stands above"},
           {chip + "gpio A /dev/gpiochip0 8\n", "line 2: a line that the simulated chip"},
           {chip + "gpio A /dev/gpiochip0 1\ngpio B /dev/gpiochip0 1\n", "line 3: a line that"}})
    EXPECT_THAT(why_not(text), HasSubstr(why)) << text;
}

// The build judges the same ones: tests/hardware_definition.
TEST(HardwareDefinition, JudgesTheCorpusByItsNames) {
  const std::filesystem::path corpus =
      "device/apps/hardware/testdata/corpus/hardware_definition_fuzz";
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(why_not(text).empty(), entry.path().filename().string().starts_with("good_"))
        << entry.path();
  }
}

TEST(HardwareDefinition, LimitsHold) {
  EXPECT_EQ(why_not(rows(kHardwareRowsMax)), "");
  EXPECT_THAT(why_not(rows(kHardwareRowsMax + 1)), HasSubstr("too many rows"));
  std::string chips;
  for (std::size_t i = 0; i < kSimulatedChipsMax; ++i)
    chips += "simulated /dev/gpiochip" + std::to_string(i) + " 1\n";
  EXPECT_EQ(why_not(chips), "");
  EXPECT_THAT(why_not(chips + "simulated /dev/gpiochip9 1\n"), HasSubstr("too many simulated"));
  EXPECT_EQ(why_not(chips + rows(kHardwareRowsMax - kSimulatedChipsMax)), "");
  EXPECT_THAT(why_not(chips + rows(kHardwareRowsMax - kSimulatedChipsMax + 1)),
              HasSubstr("too many rows"));
  const std::string remark = '#' + std::string(kHardwareDefinitionBytesMax - 2, 'x') + '\n';
  EXPECT_EQ(why_not(remark), "");
  EXPECT_THAT(why_not(remark + '\n'), HasSubstr("over 16384 bytes"));
  const std::string name(manifest::kHardwareNameLengthMax, 'N');
  EXPECT_EQ(why_not("uart " + name + " /dev/ttyS1\n"), "");
  EXPECT_THAT(why_not("uart " + name + "N /dev/ttyS1\n"), HasSubstr("no name"));
  const std::string node = "/dev/ttyS" + std::string(kHardwareNodeLengthMax - 9, '1');
  EXPECT_EQ(why_not("uart A " + node + '\n'), "");
  EXPECT_THAT(why_not("uart A " + node + "1\n"), HasSubstr("no node"));
}

TEST(HardwareDefinition, AMissingFileIsNoHardwareAndABrokenOneIsAnError) {
  char path[] = "/tmp/pavise-hardware-XXXXXX";
  const std::filesystem::path folder = ::mkdtemp(path);
  const std::string file = folder / "hardware.conf";
  const auto missing = read_hardware_definition(file);
  ASSERT_TRUE(missing);
  EXPECT_EQ(*missing, HardwareDefinition{});
  std::ofstream(file) << "uart SENSOR1 /dev/ttyS1\n";
  const auto there = read_hardware_definition(file);
  ASSERT_TRUE(there);
  EXPECT_EQ(of(*there, Hardware::uart).at("SENSOR1").node, "/dev/ttyS1");
  std::ofstream(file) << "uart SENSOR1 /dev/mem\n";
  EXPECT_FALSE(read_hardware_definition(file));
  std::ofstream(file) << '#' << std::string(kHardwareDefinitionBytesMax, 'x') << '\n';
  EXPECT_FALSE(read_hardware_definition(file));
  EXPECT_FALSE(read_hardware_definition(folder));  // cannot be read
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace pavise::device
