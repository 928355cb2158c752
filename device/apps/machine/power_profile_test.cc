// On folders that look like those of sysfs.
#include "device/apps/machine/power_profile.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <string>

namespace pavise::device {
namespace {

namespace fs = std::filesystem;
using app_wire::Outcome;
using app_wire::PowerAction;

class PowerProfile : public ::testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/pavise-profile-XXXXXX";
    folder_ = ::mkdtemp(path);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path policy(const std::string& name, const std::string& governors) const {
    const fs::path out = folder_ / "cpufreq" / name;
    fs::create_directories(out);
    put(out / "scaling_available_governors", governors);
    put(out / "scaling_governor", "as it was");
    return out;
  }
  static void put(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  static std::string get(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  Outcome set(PowerAction profile) const { return set_power_profile(profile, folder_); }

  fs::path folder_;
};

// A file is not cut by writing to sysfs, nor here: what is written stands before the rest.
bool says(const std::string& text, const std::string& word) {
  return text.starts_with(word);
}

TEST_F(PowerProfile, EveryProcessorGetsTheFirstGovernorThatThereIs) {
  const fs::path first = policy("policy0", "conservative ondemand powersave performance\n");
  const fs::path second = policy("policy4", "performance schedutil powersave \n");
  fs::create_directories(folder_ / "cpufreq/boost");  // is no policy
  EXPECT_EQ(set(PowerAction::high_performance), Outcome::done);
  for (const fs::path& one : {first, second})
    EXPECT_TRUE(says(get(one / "scaling_governor"), "performance"));
  EXPECT_EQ(set(PowerAction::balanced), Outcome::done);
  EXPECT_TRUE(says(get(first / "scaling_governor"), "ondemand"));
  EXPECT_TRUE(says(get(second / "scaling_governor"), "schedutil"));
  EXPECT_EQ(set(PowerAction::power_saver), Outcome::done);
  for (const fs::path& one : {first, second})
    EXPECT_TRUE(says(get(one / "scaling_governor"), "powersave"));
  EXPECT_FALSE(fs::exists(first / "energy_performance_preference"));
}

TEST_F(PowerProfile, AProcessorThatChoosesByItselfIsToldHow) {
  const fs::path one = policy("policy0", "performance powersave\n");
  const fs::path preference = one / "energy_performance_preference";
  put(preference, "default");
  EXPECT_EQ(set(PowerAction::high_performance), Outcome::done);
  EXPECT_TRUE(says(get(one / "scaling_governor"), "performance"));
  EXPECT_EQ(get(preference), "default");
  EXPECT_EQ(set(PowerAction::balanced), Outcome::done);
  EXPECT_TRUE(says(get(one / "scaling_governor"), "powersave"));
  EXPECT_TRUE(says(get(preference), "balance_performance"));
  EXPECT_EQ(set(PowerAction::power_saver), Outcome::done);
  EXPECT_TRUE(says(get(preference), "power"));
}

// intel_pstate in passive mode: powersave would be the lowest frequency.
TEST_F(PowerProfile, BalancedIsPowersaveOnlyWhereThereIsNothingBetween) {
  const fs::path passive = policy("policy0", "conservative schedutil powersave performance\n");
  put(passive / "energy_performance_preference", "default");
  EXPECT_EQ(set(PowerAction::balanced), Outcome::done);
  EXPECT_TRUE(says(get(passive / "scaling_governor"), "schedutil"));
  EXPECT_TRUE(says(get(passive / "energy_performance_preference"), "balance_performance"));
  fs::remove_all(passive);
  const fs::path plain = policy("policy0", "powersave performance\n");
  EXPECT_EQ(set(PowerAction::balanced), Outcome::absent);
  EXPECT_EQ(get(plain / "scaling_governor"), "as it was");
}

TEST_F(PowerProfile, WhereTheKernelScalesNothingThereIsNone) {
  EXPECT_EQ(set(PowerAction::balanced), Outcome::absent);
  fs::create_directories(folder_ / "cpufreq");
  EXPECT_EQ(set(PowerAction::balanced), Outcome::absent);
  // The names of governors are whole words.
  const fs::path one = policy("policy0", "userspace performance-ish notschedutil");
  EXPECT_EQ(set(PowerAction::high_performance), Outcome::absent);
  EXPECT_EQ(set(PowerAction::balanced), Outcome::absent);
  EXPECT_EQ(get(one / "scaling_governor"), "as it was");
}

TEST_F(PowerProfile, WhatIsSetInPartHasFailed) {
  const fs::path first = policy("policy0", "performance powersave");
  const fs::path second = policy("policy1", "performance");
  EXPECT_EQ(set(PowerAction::power_saver), Outcome::failed);
  fs::remove(second / "scaling_governor");
  EXPECT_EQ(set(PowerAction::high_performance), Outcome::failed);
  EXPECT_TRUE(says(get(first / "scaling_governor"), "performance"));
  EXPECT_FALSE(fs::exists(second / "scaling_governor"));
}

TEST_F(PowerProfile, PoliciesHaveALimit) {
  for (std::size_t i = 0; i < kFrequencyPoliciesMax; ++i)
    (void)policy("policy" + std::to_string(i), "performance");
  EXPECT_EQ(set(PowerAction::high_performance), Outcome::done);
  (void)policy("policy" + std::to_string(kFrequencyPoliciesMax), "performance");
  EXPECT_EQ(set(PowerAction::high_performance), Outcome::failed);
}

}  // namespace
}  // namespace pavise::device
