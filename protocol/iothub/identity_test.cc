#include "protocol/iothub/identity.h"

#include <gtest/gtest.h>

#include <string>

namespace pavise::iothub {
namespace {

HubName hub() {
  return *HubName::parse("plant-1");
}

TEST(HubName, LengthsAndCharacters) {
  EXPECT_FALSE(HubName::parse(std::string(HubName::kLengthMin - 1, 'a')));
  EXPECT_TRUE(HubName::parse(std::string(HubName::kLengthMin, 'a')));
  EXPECT_TRUE(HubName::parse(std::string(HubName::kLengthMax, 'a')));
  EXPECT_FALSE(HubName::parse(std::string(HubName::kLengthMax + 1, 'a')));
  for (const std::string_view bad : {"", "-ab", "ab-", "a.b", "a_b", "a b", "a/b", "\xc3\xa4 b"})
    EXPECT_FALSE(HubName::parse(bad)) << bad;
  EXPECT_EQ(HubName::parse("Plant-1"), hub());
}

TEST(HubName, EveryTenantHasOne) {
  const std::string longest(TenantId::kLengthMax, 't');
  const HubName name = HubName::of_tenant(*TenantId::parse(longest));
  EXPECT_EQ(name.text(), "tenant-" + longest);
  EXPECT_EQ(HubName::parse(name.text()), name);
  EXPECT_TRUE(name.is_of_tenant());
  EXPECT_FALSE(hub().is_of_tenant());
}

TEST(Identity, IdsKeepTheirCaseAndTheirMarks) {
  const auto device = Identity::make(hub(), "A-z:0.+%_#*?!(),=@;$'");
  ASSERT_TRUE(device);
  EXPECT_FALSE(device->is_module());
  EXPECT_EQ(device->client_id(), "A-z:0.+%_#*?!(),=@;$'");
  EXPECT_NE(Identity::make(hub(), "Dev"), Identity::make(hub(), "dev"));
}

TEST(Identity, RefusesIdsThatCouldSplitAPathOrATopic) {
  for (const std::string_view bad : {"", "a/b", "a b", "a\"b", "a\\b", "a&b", "a\nb", "a\x7f"}) {
    EXPECT_FALSE(Identity::make(hub(), bad)) << bad;
    if (!bad.empty()) {
      EXPECT_FALSE(Identity::make(hub(), "dev", bad)) << bad;
    }
  }
  EXPECT_FALSE(Identity::make(hub(), std::string_view("a\0b", 3)));
}

TEST(Identity, IdLengthLimit) {
  EXPECT_TRUE(Identity::make(hub(), std::string(kIdSizeMax, 'd'), std::string(kIdSizeMax, 'm')));
  EXPECT_FALSE(Identity::make(hub(), std::string(kIdSizeMax + 1, 'd')));
  EXPECT_FALSE(Identity::make(hub(), "d", std::string(kIdSizeMax + 1, 'm')));
}

TEST(Identity, AModuleIsNotItsDevice) {
  const Identity module = *Identity::make(hub(), "dev", "mod");
  EXPECT_EQ(module.client_id(), "dev/mod");
  EXPECT_EQ(module.resource_path(), "devices/dev/modules/mod");
  EXPECT_NE(module, module.of_device());
  EXPECT_NE(std::hash<Identity>{}(module), std::hash<Identity>{}(module.of_device()));
  EXPECT_EQ(module.of_device().resource_path(), "devices/dev");
}

}  // namespace
}  // namespace pavise::iothub
