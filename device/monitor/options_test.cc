#include "device/monitor/options.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace pavise::monitor {
namespace {

Result<Options> parse(std::initializer_list<const char*> arguments) {
  const std::vector<const char*> raw(arguments);
  return parse_options(raw);
}

TEST(MonitorOptions, TheDefaultsAreTheDevice) {
  const auto options = parse({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->init_fd, 3);
  EXPECT_EQ(options->agent_fd, 4);
  EXPECT_EQ(options->apps_fd, 5);
  EXPECT_EQ(options->tpm, "device:/dev/tpmrm0");
  EXPECT_EQ(options->policy_key_path, "/etc/pavise/pcr-policy.pem");
}

TEST(MonitorOptions, EveryOptionIsTaken) {
  const auto options =
      parse({"--init-fd", "5", "--agent-fd", "1023", "--apps-fd", "6", "--tpm", "swtpm:/s",
             "--event-log", "/l", "--pcr-policy", "/p", "--policy-key", "/k"});
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_EQ(options->init_fd, 5);
  EXPECT_EQ(options->agent_fd, kDescriptorMax);
  EXPECT_EQ(options->apps_fd, 6);
  EXPECT_EQ(options->tpm, "swtpm:/s");
  EXPECT_EQ(options->event_log_path, "/l");
  EXPECT_EQ(options->pcr_policy_path, "/p");
  EXPECT_EQ(options->policy_key_path, "/k");
}

TEST(MonitorOptions, WrongUsageIsRefused) {
  EXPECT_FALSE(parse({"--init-fd"}));
  EXPECT_FALSE(parse({"--init-fd", "2"}));
  EXPECT_FALSE(parse({"--init-fd", "1024"}));
  EXPECT_FALSE(parse({"--init-fd", "3x"}));
  EXPECT_FALSE(parse({"--init-fd", ""}));
  EXPECT_FALSE(parse({"--init-fd", "4"}));  // the agent's
  EXPECT_FALSE(parse({"--init-fd", "5"}));  // that of apps
  EXPECT_FALSE(parse({"--agent-fd", "5"}));
  EXPECT_FALSE(parse({"--apps-fd", "3"}));
  EXPECT_FALSE(parse({"--apps-fd", "1024"}));
  EXPECT_FALSE(parse({"--verbose", "1"}));
}

}  // namespace
}  // namespace pavise::monitor
