// The control group is a folder of plain files; the kernel's own are met in the virtual device.
#include "device/apps/compartment/app_group.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace pavise::device {
namespace {

class AppGroupTest : public testing::Test {
 protected:
  AppGroupTest() {
    char path[] = "/tmp/pavise-group-XXXXXX";
    root_ = ::mkdtemp(path);
    std::filesystem::create_directory(root_ / "blink");
    for (const char* name : {"memory.max", "memory.oom.group", "pids.max", "cpu.max", "cgroup.kill",
                             "memory.events", "pids.events", "cpu.stat", "memory.current"})
      write(name, "");
  }
  ~AppGroupTest() override { std::filesystem::remove_all(root_); }

  void write(const char* name, const std::string& text) const {
    std::ofstream(root_ / "blink" / name) << text;
  }
  std::string read(const char* name) const {
    std::ostringstream out;
    out << std::ifstream(root_ / "blink" / name).rdbuf();
    return out.str();
  }

  std::filesystem::path root_;
};

TEST_F(AppGroupTest, WritesTheBudget) {
  const auto group = AppGroup::create(
      root_, "blink", {.memory_bytes_max = 8U << 20U, .processes_max = 5, .cpu_per_mille = 250});
  ASSERT_TRUE(group) << group.error().message();
  EXPECT_EQ(read("memory.max"), "8388608");
  EXPECT_EQ(read("memory.oom.group"), "1");
  EXPECT_EQ(read("pids.max"), "5");
  EXPECT_EQ(read("cpu.max"), "25000 100000");
}

TEST_F(AppGroupTest, TheLimitOfProcessorTimeIsLiftedAndSetAgain) {
  auto group = AppGroup::create(root_, "blink", {.cpu_per_mille = 10});
  ASSERT_TRUE(group) << group.error().message();
  EXPECT_EQ(read("cpu.max"), "1000 100000");
  write("cpu.max", "");
  EXPECT_TRUE(group->lift_processor_limit());
  EXPECT_EQ(read("cpu.max"), "max 100000");
  write("cpu.max", "");
  EXPECT_TRUE(group->set_processor_limit());
  EXPECT_EQ(read("cpu.max"), "1000 100000");
  auto without = AppGroup::without_controllers(root_, "blink");
  ASSERT_TRUE(without && without->lift_processor_limit() && without->set_processor_limit());
  EXPECT_EQ(read("cpu.max"), "1000 100000");
}

TEST_F(AppGroupTest, ReadsWhatTheKernelCounted) {
  const auto group = AppGroup::create(root_, "blink", {});
  ASSERT_TRUE(group);
  EXPECT_EQ(group->events(), BudgetEvents{});
  EXPECT_EQ(group->memory_bytes(), 0U);
  write("memory.events", "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n");
  write("pids.events", "max 7\n");
  write("cpu.stat", "usage_usec 9\nnr_periods 40\nnr_throttled 31\nthrottled_usec 99\n");
  write("memory.current", "4096\n");
  EXPECT_EQ(group->events(), (BudgetEvents{.memory_reached = 12,
                                           .killed_for_memory = 2,
                                           .processes_refused = 7,
                                           .periods_held_back = 31}));
  EXPECT_EQ(group->memory_bytes(), 4096U);
}

TEST_F(AppGroupTest, ABudgetThatCannotBeSetIsAnError) {
  std::filesystem::remove(root_ / "blink/pids.max");
  const auto group = AppGroup::create(root_, "blink", {});
  ASSERT_FALSE(group);
  EXPECT_TRUE(group.error().is(kGroupNotMade)) << group.error().message();
}

TEST_F(AppGroupTest, EndsAllOfIt) {
  auto group = AppGroup::create(root_, "blink", {});
  ASSERT_TRUE(group);
  ASSERT_TRUE(group->kill());
  EXPECT_EQ(read("cgroup.kill"), "1");
  EXPECT_FALSE(group->remove());  // plain files are in the way, as processes would be
}

}  // namespace
}  // namespace pavise::device
