#include "cli/context/contexts.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace pavise::cli {
namespace {

class ContextsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "pavise-context-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::filesystem::path folder;
};

TEST_F(ContextsTest, SavesForTheOwnerOnlyAndLoadsAgain) {
  const std::string path = folder / "new" / "contexts.json";
  Contexts contexts;
  contexts.current = "a";
  contexts.all["a"] = {"https://h:8443", "/ca.pem", "pavise_secret"};
  contexts.all["b \"quoted\""] = {"https://i", "-----BEGIN CERTIFICATE-----\nx", ""};
  ASSERT_TRUE(save_contexts(path, contexts));
  struct stat facts{};
  ASSERT_EQ(stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  auto loaded = load_contexts(path);
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(loaded->current, "a");
  EXPECT_EQ(loaded->find("")->token, "pavise_secret");
  EXPECT_EQ(loaded->find("b \"quoted\"")->url, "https://i");
  EXPECT_TRUE(loaded->find("c").error().is(kUnknownContext));
}

TEST_F(ContextsTest, KeepsNamesOfDevicesAndWhatSignsApps) {
  const std::string id(64, 'a');
  Contexts contexts;
  contexts.all["a"] = {"https://h", "/ca.pem", "t", {{"sim0", id}}, "/owner.pem", "home"};
  auto again = Contexts::parse(contexts.to_json());
  ASSERT_TRUE(again) << again.error().message();
  const Context context = *again->find("a");
  ASSERT_NE(context.device("sim0"), nullptr);
  EXPECT_EQ(*context.device("sim0"), id);
  EXPECT_EQ(context.device("sim"), nullptr);
  EXPECT_EQ(context.app_key, "/owner.pem");
  EXPECT_EQ(context.app_tenant, "home");
}

TEST(DeviceNames, AreNoBeginningOfAnId) {
  EXPECT_TRUE(is_device_name("sim0"));
  EXPECT_TRUE(is_device_name("g"));
  EXPECT_TRUE(is_device_name("a-1"));
  EXPECT_TRUE(is_device_name("s" + std::string(kDeviceNameSizeMax - 1, 'a')));
  for (const std::string& name : {std::string(), std::string("beef"), std::string("a1"),
                                  std::string("0sim"), std::string("Sim"), std::string("sim 0"),
                                  std::string("-sim"), "s" + std::string(kDeviceNameSizeMax, 'a')})
    EXPECT_FALSE(is_device_name(name)) << name;
}

TEST_F(ContextsTest, AFileThatOthersMayReadIsRefused) {
  const std::string path = folder / "contexts.json";
  ASSERT_TRUE(save_contexts(path, {}));
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  auto loaded = load_contexts(path);
  ASSERT_FALSE(loaded);
  EXPECT_TRUE(loaded.error().is(kBadContextFile));
  EXPECT_NE(loaded.error().message().find("chmod 600"), std::string::npos);
}

TEST_F(ContextsTest, AMissingFileHasNoContexts) {
  auto loaded = load_contexts(folder / "none.json");
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->find("").error().is(kNoContext));
}

TEST_F(ContextsTest, RefusesOtherShapes) {
  for (const char* text :
       {"", "[]", "{", R"({"current":1})", R"({"contexts":[]})", R"({"contexts":{"a":1}})",
        R"({"contexts":{"a":{"url":5}}})", R"({"contexts":{"a":{"devices":[]}}})",
        R"({"contexts":{"a":{"devices":{"sim0":5}}}})",
        R"({"contexts":{"a":{"devices":{"sim0":"3fa8"}}}})", R"({"contexts":{"a":{"app":"key"}}})",
        R"({"contexts":{"a":{"app":{"key":1}}}})"})
    EXPECT_FALSE(Contexts::parse(text)) << text;
  EXPECT_TRUE(Contexts::parse("{}"));
}

TEST_F(ContextsTest, TheCaIsAPathOrTheCertificates) {
  std::ofstream(folder / "ca.pem") << "-----BEGIN CERTIFICATE-----";
  EXPECT_EQ(*Context({"", folder / "ca.pem", ""}).ca_pem(), "-----BEGIN CERTIFICATE-----");
  EXPECT_EQ(*Context({"", "-----BEGIN CERTIFICATE-----\nabc", ""}).ca_pem(),
            "-----BEGIN CERTIFICATE-----\nabc");
  EXPECT_FALSE(Context({"", folder / "none", ""}).ca_pem());
  EXPECT_FALSE(Context({"", "", ""}).ca_pem());
}

TEST(ReadTextFile, StopsAtTheLimit) {
  EXPECT_FALSE(read_text_file("/dev/zero", 100));
  EXPECT_TRUE(read_text_file("/dev/null", 0));
}

}  // namespace
}  // namespace pavise::cli
