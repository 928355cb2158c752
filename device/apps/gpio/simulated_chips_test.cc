// A folder plays configfs, whose attributes appear with their folders in the kernel; the kernel
// itself does it in tests/e2e/apps_test.py.
#include "device/apps/gpio/simulated_chips.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace pavise::device {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class SimulatedChips : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/pavise-configfs-XXXXXX";
    folder_ = ::mkdtemp(path);
    fs::create_directories(device() / "lines");
    write("live", "0\n");
    write("lines/num_lines", "1\n");
    write("lines/chip_name", "gpiochip0\n");
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path device() const { return folder_ / "gpio-sim/gpiochip0"; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(device() / name) << text;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(device() / name);
    std::string line;
    std::getline(file, line);
    return line;
  }

  fs::path folder_;
  const SimulatedChip chip_{"/dev/gpiochip0", 8};
};

TEST_F(SimulatedChips, ItsLinesAreSetBeforeItComesToLife) {
  const Status made = simulate_chip(chip_, folder_);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(read("lines/num_lines"), "8");
  EXPECT_EQ(read("live"), "1");
}

TEST_F(SimulatedChips, OneThatLivesIsLeftAlone) {
  write("live", "1\n");
  ASSERT_TRUE(simulate_chip(chip_, folder_));
  EXPECT_EQ(read("lines/num_lines"), "1");
}

// Or the lines of a real chip would be taken for those of the simulated one.
TEST_F(SimulatedChips, AnotherNumberThanTheDefinitionsIsRefused) {
  write("lines/chip_name", "gpiochip2\n");
  const Status made = simulate_chip(chip_, folder_);
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().is(kChipNotSimulated));
  EXPECT_THAT(made.error().detail(), HasSubstr("the kernel calls it gpiochip2"));
}

TEST_F(SimulatedChips, AKernelWithoutTheSimulatorIsAnError) {
  fs::remove_all(folder_ / "gpio-sim");
  const Status made = simulate_chip(chip_, folder_);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().detail(), HasSubstr("No such file or directory"));
}

TEST_F(SimulatedChips, WithoutChipsNothingIsMounted) {
  EXPECT_TRUE(simulate_chips({}, folder_ / "nowhere"));
  EXPECT_FALSE(fs::exists(folder_ / "nowhere"));
}

}  // namespace
}  // namespace pavise::device
