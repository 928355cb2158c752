#include "tools/pcr_policy/options.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace pavise::tools::pcr_policy {
namespace {

const std::string kDigest(64, 'a');
const std::string kPcr7 = "7=" + kDigest;
const std::string kPcr11 = "11=" + kDigest;

Result<Options> parse(std::initializer_list<std::string> arguments) {
  std::vector<const char*> raw;
  for (const auto& argument : arguments) raw.push_back(argument.c_str());
  return parse_options(raw);
}

TEST(PcrPolicyOptions, TwoStates) {
  const auto options = parse(
      {"--key", "k.pem", "--pcr", kPcr7, "--pcr", kPcr11, "--or", "--pcr", kPcr11, "--out", "o"});
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_EQ(options->key_path, "k.pem");
  EXPECT_EQ(options->out_path, "o");
  ASSERT_EQ(options->states.size(), 2U);
  EXPECT_EQ(options->states[0].size(), 2U);
  EXPECT_TRUE(options->states[1].contains(11));
}

TEST(PcrPolicyOptions, WrongUsageIsNamed) {
  EXPECT_FALSE(parse({}));
  EXPECT_FALSE(parse({"--key", "k", "--pcr", kPcr7}));
  EXPECT_FALSE(parse({"--out", "o", "--pcr", kPcr7}));
  EXPECT_FALSE(parse({"--key", "k", "--out", "o"}));
  EXPECT_FALSE(parse({"--key", "k", "--out", "o", "--pcr", kPcr7, "--pcr", kPcr7}));
  EXPECT_FALSE(parse({"--key", "k", "--out", "o", "--pcr", "24=" + kDigest}));
  EXPECT_FALSE(parse({"--key", "k", "--out", "o", "--pcr", "x=" + kDigest}));
  EXPECT_FALSE(parse({"--key", "k", "--out", "o", "--pcr", "7" + kDigest}));
  EXPECT_FALSE(parse({"--key", "k", "--out", "o", "--pcr", kPcr7 + "a"}));
  EXPECT_FALSE(parse({"--key", "k", "--out", "o", "--or", "--pcr", kPcr7}));
  EXPECT_FALSE(parse({"--key", "k", "--out", "o", "--pcr", kPcr7, "--or"}));
  EXPECT_FALSE(parse({"--key", "k", "--out", "o", "--pcr", kPcr7, "--what", "x"}));
  EXPECT_FALSE(parse({"--key", "k", "--pcr", kPcr7, "--out"}));
}

}  // namespace
}  // namespace pavise::tools::pcr_policy
