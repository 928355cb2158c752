// Real packages in a folder; the inspection of their content needs root.
#include "device/apps/installation/installation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "device/apps/installation/testing/app_packages.h"

namespace pavise::device {
namespace {

using testing::component_text;
using ::testing::HasSubstr;
using Wish = testing::AppWish;

class InstallationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for the inspection";
    char path[] = "/tmp/pavise-installation-XXXXXX";
    folder_ = ::mkdtemp(path);
    deployed_ = folder_ / "deployed";
    std::filesystem::create_directory(deployed_);
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  void put(const std::string& file, const Bytes& bytes) const {
    testing::write_package(folder_ / file, bytes);
  }
  void put(const std::string& file, const Wish& wish, const char* tenant = "acme") const {
    put(file, testing::package_of(wish, tenant));
  }
  static InstallRules rules(const HardwareDefinition& hardware = {}) {
    InstallRules out = testing::rules_of_acme();
    out.hardware = hardware;
    return out;
  }
  Installation read(const HardwareDefinition& hardware = {}) const {
    return read_installation(folder_, deployed_, rules(hardware));
  }
  static std::vector<std::string> names(const Installation& of) {
    std::vector<std::string> out;
    out.reserve(of.apps.size());
    for (const InstalledApp& app : of.apps) out.push_back(app.manifest().name);
    return out;
  }

  std::filesystem::path folder_;
  std::filesystem::path deployed_;
};

TEST_F(InstallationTest, AFolderThatIsNotThereHasNoApps) {
  std::filesystem::remove_all(folder_);
  const Installation got = read();
  EXPECT_TRUE(got.apps.empty());
  EXPECT_TRUE(got.refused.empty());
}

TEST_F(InstallationTest, AppsComeInTheOrderInWhichTheyStart) {
  put("a.pvimage", {.name = "last",
                    .number = 1,
                    .lifecycle = R"({"start_after":[")" + component_text(3) + R"("]})"});
  put("b.pvimage", {.name = "middle", .number = 2});
  put("c.pvimage", {.name = "first",
                    .number = 3,
                    .lifecycle = R"({"start_after":[")" + component_text(9) + R"("]})"});
  put("readme.txt", Bytes(10));
  const Installation got = read();
  EXPECT_EQ(names(got), (std::vector<std::string>{"middle", "first", "last"}));
  EXPECT_TRUE(got.refused.empty());
}

TEST_F(InstallationTest, WhatIsRefusedDoesNotKeepOthersAway) {
  Bytes damaged = image::testing::package().bytes;
  damaged.back() ^= std::byte{1};
  put("a.pvimage", damaged);
  put("b.pvimage", Bytes(10));
  put("c.pvimage", Wish{.name = "good", .number = 2});
  const Installation got = read();
  EXPECT_EQ(names(got), (std::vector<std::string>{"good"}));
  ASSERT_EQ(got.refused.size(), 2U);
  EXPECT_THAT(got.refused[0].path, HasSubstr("a.pvimage"));
  EXPECT_THAT(got.refused[0].why.message(), HasSubstr("PV-IMG"));
}

TEST_F(InstallationTest, AnotherTenantIsRefused) {
  put("a.pvimage", {.name = "foreign", .number = 1}, "other");
  put("b.pvimage",
      {.name = "ours", .number = 2, .capabilities = R"({"device_authentication":"acme"})"});
  const Installation got = read();
  EXPECT_EQ(names(got), (std::vector<std::string>{"ours"}));
  ASSERT_EQ(got.refused.size(), 1U);
  EXPECT_TRUE(got.refused[0].why.is(kOtherOwner));
}

TEST_F(InstallationTest, OfTwoThatClaimOnePinTheFirstStays) {
  HardwareDefinition hardware;
  hardware.by_kind[static_cast<std::size_t>(manifest::Hardware::gpio)]["LED1"] = {"/dev/null", 1};
  put("a.pvimage", {.name = "one", .number = 1, .capabilities = R"({"gpio":["LED1"]})"});
  put("b.pvimage", {.name = "two", .number = 2, .capabilities = R"({"gpio":["LED1"]})"});
  const Installation got = read(hardware);
  EXPECT_EQ(names(got), (std::vector<std::string>{"one"}));
  ASSERT_EQ(got.refused.size(), 1U);
  EXPECT_THAT(got.refused[0].why.message(), HasSubstr("one and two: gpio LED1"));
  EXPECT_TRUE(read().refused.front().why.is(kNoSuchHardware));  // without any hardware
}

TEST_F(InstallationTest, WhatWasDeployedIsThereInsteadOfTheImages) {
  put("a.pvimage", {.name = "one", .number = 1});
  put("deployed/b.pvimage", {.name = "newer", .number = 1});
  put("deployed/c.pvimage", {.name = "more", .number = 2});
  const Installation got = read();
  EXPECT_EQ(names(got), (std::vector<std::string>{"newer", "more"}));
  EXPECT_TRUE(got.refused.empty());
  for (const InstalledApp& app : got.apps) EXPECT_TRUE(app.deployed);
}

TEST_F(InstallationTest, ADeployedPackageThatIsBadLeavesTheImages) {
  put("a.pvimage", {.name = "one", .number = 1});
  put("deployed/b.pvimage", {.name = "newer", .number = 1}, "other");
  const Installation got = read();
  EXPECT_EQ(names(got), (std::vector<std::string>{"one"}));
  ASSERT_EQ(got.refused.size(), 1U);
  EXPECT_FALSE(got.apps.front().deployed);
}

TEST_F(InstallationTest, AnOlderEpochIsRefused) {
  put("a.pvimage", {.name = "one", .number = 1, .epoch = 5});
  put("deployed/b.pvimage", {.name = "older", .number = 1, .epoch = 4});
  Installation got = read();
  EXPECT_EQ(names(got), (std::vector<std::string>{"one"}));
  ASSERT_EQ(got.refused.size(), 1U);
  EXPECT_TRUE(got.refused.front().why.is(kOlderEpoch));
  put("deployed/b.pvimage", {.name = "equal", .number = 1, .epoch = 5});
  EXPECT_EQ(names(read()), (std::vector<std::string>{"equal"}));

  // One that was there before may not come back, from whatever place.
  InstallRules strict = rules();
  strict.floors[*manifest::ComponentId::parse(component_text(1))] = 6;
  got = read_installation(folder_, deployed_, strict);
  EXPECT_TRUE(got.apps.empty());
  EXPECT_EQ(got.refused.size(), 2U);
}

TEST_F(InstallationTest, ADeployedPackageIsJudgedBesideOthers) {
  put("deployed/b.pvimage", {.name = "one", .number = 1});
  const std::string path = deployed_ / "b.pvimage";
  const auto alone = judge_deployed(path, rules(), {});
  ASSERT_TRUE(alone) << alone.error().message();
  EXPECT_TRUE(alone->deployed);
  EXPECT_TRUE(judge_deployed(path, rules(), {alone->manifest()})) << "instead of itself";
  put("deployed/c.pvimage", {.name = "one", .number = 2});
  EXPECT_FALSE(judge_deployed(deployed_ / "c.pvimage", rules(), {alone->manifest()}))
      << "the same name";
  InstallRules strict = rules();
  strict.floors[alone->manifest().component_id] = 5;
  EXPECT_TRUE(judge_deployed(path, strict, {}).error().is(kOlderEpoch));
  strict = rules();
  strict.owner.keys = {crypto::P256PrivateKey::generate()->public_key()};
  EXPECT_TRUE(judge_deployed(path, strict, {}).error().is(image::kNotSigned));
}

// Otherwise two apps that are there could never begin to: each would wait for the other.
TEST_F(InstallationTest, AppsThatListEachOtherMayComeOneByOne) {
  const std::string lists = R"({"app_connections":[")" + component_text(2) + R"("]})";
  put("deployed/a.pvimage", {.name = "one", .number = 1, .capabilities = lists});
  put("deployed/b.pvimage", {.name = "two", .number = 2});
  const Installation got = read();
  EXPECT_EQ(names(got), (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(judge_deployed(deployed_ / "a.pvimage", rules(), {got.apps[1].manifest()}));
}

TEST_F(InstallationTest, TheImagesPackageOfAnAppIsFound) {
  put("a.pvimage", {.name = "one", .number = 1});
  put("b.pvimage", {.name = "two", .number = 2, .epoch = 3});
  put("c.pvimage", Bytes(10));
  const auto id = [](int number) { return *manifest::ComponentId::parse(component_text(number)); };
  const auto found = find_in_image(folder_, id(2), rules(), {});
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->manifest().name, "two");
  EXPECT_FALSE((*found)->deployed);
  const auto none = find_in_image(folder_, id(3), rules(), {});
  EXPECT_TRUE(none && !*none);
  InstallRules strict = rules();
  strict.floors[id(2)] = 4;
  EXPECT_TRUE(find_in_image(folder_, id(2), strict, {}).error().is(kOlderEpoch));
}

TEST_F(InstallationTest, ACopyOfAnAppIsRefused) {
  put("a.pvimage", {.name = "one", .number = 1});
  put("b.pvimage", {.name = "one", .number = 1});
  EXPECT_EQ(read().apps.size(), 1U);
}

TEST_F(InstallationTest, LimitAtNAndNPlusOne) {
  for (std::size_t i = 0; i <= kAppsMax; ++i) {
    std::string manifest = testing::manifest_text({.name = "app" + std::to_string(i)});
    char number[3];
    std::snprintf(number, sizeof number, "%02zu", i);
    manifest.replace(manifest.find("3e01"), 4, std::string("4e") + number);
    image::Parts parts = image::testing::parts();
    parts.manifest = as_bytes(manifest);
    put(std::string(number) + ".pvimage", image::testing::package(parts).bytes);
  }
  const Installation got = read();
  EXPECT_EQ(got.apps.size(), kAppsMax);
  ASSERT_EQ(got.refused.size(), 1U);
  EXPECT_TRUE(got.refused[0].why.is(kTooManyApps));
}

TEST(OwnerTest, KeysAndTenantAreReadOrRefused) {
  const std::string pem =
      "-----BEGIN PUBLIC KEY-----\n"
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4jMC9/j3h1vBXXDIgmryz7IMC4aa\n"
      "WnoS6EeMIoLAOKbTPNxgCH2TIk/mxk1F7gtZATTfhBJeqGF9F0cUQApnvQ==\n"
      "-----END PUBLIC KEY-----\n";
  const auto two = parse_owner("acme\n", pem + pem);
  ASSERT_TRUE(two) << two.error().message();
  EXPECT_EQ(two->keys.size(), 2U);
  std::string many;
  for (std::size_t i = 0; i < kOwnerKeysMax; ++i) many += pem;
  EXPECT_TRUE(parse_owner("acme", many));
  EXPECT_FALSE(parse_owner("acme", many + pem));
  EXPECT_FALSE(parse_owner("acme", ""));
  EXPECT_FALSE(parse_owner("acme", pem + "more"));
  EXPECT_FALSE(parse_owner("Acme!", pem));
  EXPECT_FALSE(parse_owner("acme", pem.substr(0, 40) + pem.substr(44)));
}

}  // namespace
}  // namespace pavise::device
