#include "cloud/hub/store/identity_index.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

namespace pavise::hub::store {
namespace {

iothub::HubName name(std::string_view text) {
  return *iothub::HubName::parse(text);
}
std::shared_ptr<const HubAuth> hub_auth(std::string_view text) {
  return std::make_shared<const HubAuth>(HubAuth{{name(text), *TenantId::parse("tenant")}, {}, {}});
}
iothub::Identity id(std::string_view device, std::string_view module_id = {},
                    std::string_view hub = "acme") {
  return *iothub::Identity::make(name(hub), device, module_id);
}
IdentityAuth auth(std::uint64_t generation) {
  return {AuthKind::sas,
          true,
          false,
          generation,
          Credential(Bytes(32, static_cast<std::byte>(generation))),
          Credential(Bytes(16))};
}

TEST(IdentityIndex, FindsWhatWasPut) {
  IdentityIndex index;
  index.put(id("d"), auth(1));
  EXPECT_FALSE(index.contains(id("d"))) << "no such hub";
  index.put_hub(hub_auth("acme"));
  index.put_hub(hub_auth("zeta"));
  index.put(id("d"), auth(1));
  index.put(id("d", "m"), auth(2));
  index.put(id("d", "", "zeta"), auth(3));
  EXPECT_EQ(index.find(id("d"))->generation_id, 1U);
  EXPECT_EQ(index.find(id("d", "m"))->generation_id, 2U);
  EXPECT_EQ(index.find(id("d", "", "zeta"))->generation_id, 3U);
  EXPECT_TRUE(equal(index.find(id("d"))->primary.view(), Bytes(32, std::byte{1})));
  index.put(id("d"), {AuthKind::certificate_authority, false, true, 9});
  EXPECT_EQ(index.size(), 3U);
  const auto found = index.find(id("d"));
  EXPECT_EQ(found->kind, AuthKind::certificate_authority);
  EXPECT_FALSE(found->enabled);
  EXPECT_TRUE(found->iot_edge);
  EXPECT_TRUE(found->primary.empty());
  index.remove(id("d"));
  index.remove(id("d"));
  EXPECT_FALSE(index.contains(id("d")));
  EXPECT_TRUE(index.contains(id("d", "m")));
}

TEST(IdentityIndex, AHubOfTheSameNameStartsEmpty) {
  IdentityIndex index;
  index.put_hub(hub_auth("acme"));
  index.put_hub(hub_auth("zeta"));
  for (int i = 0; i < 5000; ++i) {
    index.put(id("d" + std::to_string(i)), auth(1));
    index.put(id("d" + std::to_string(i), "", "zeta"), auth(2));
  }
  const auto held = index.hub(name("acme"));
  index.remove_hub(name("acme"));
  EXPECT_EQ(index.size(), 5000U);
  EXPECT_EQ(held->hub.name.text(), "acme") << "who holds a snapshot keeps it";
  EXPECT_EQ(index.hub(name("acme")), nullptr);
  index.put_hub(hub_auth("acme"));
  EXPECT_FALSE(index.contains(id("d1")));
  for (int i = 0; i < 5000; ++i)
    ASSERT_TRUE(index.contains(id("d" + std::to_string(i), "", "zeta"))) << i;
}

// Against a map, with enough removals that moved entries and wrap-around are met.
TEST(IdentityIndex, AgreesWithAMapUnderManyChanges) {
  IdentityIndex index;
  index.put_hub(hub_auth("acme"));
  std::map<std::string, std::uint64_t> expected;
  std::uint32_t random = 1;
  for (std::uint64_t step = 0; step < 60'000; ++step) {
    random = random * 1'664'525 + 1'013'904'223;
    const std::string device = "d" + std::to_string((random >> 8U) % 3000);
    if ((random >> 28U) < 7) {
      index.remove(id(device));
      expected.erase(device);
    } else {
      index.put(id(device), auth(step));
      expected[device] = step;
    }
  }
  EXPECT_EQ(index.size(), expected.size());
  for (int i = 0; i < 3000; ++i) {
    const std::string device = "d" + std::to_string(i);
    const auto found = index.find(id(device));
    const auto wanted = expected.find(device);
    ASSERT_EQ(found.has_value(), wanted != expected.end()) << device;
    if (found) {
      EXPECT_EQ(found->generation_id, wanted->second);
    }
  }
}

TEST(IdentityIndex, AnIdentityWithTwoKeysTakesLessThan300Bytes) {
  constexpr std::size_t kMany = 100'000;
  constexpr std::size_t kBytesEachMax = 300;
  IdentityIndex index;
  index.put_hub(hub_auth("acme"));
  IdentityAuth keyed = auth(1);
  keyed.secondary = Credential(Bytes(kGeneratedKeySize));
  for (std::size_t i = 0; i < kMany; ++i) {
    std::string device = std::to_string(i);
    device.insert(0, DeviceId::kLength - device.size(), 'd');  // as long as an attested one
    index.put(id(device), keyed);
  }
  const std::size_t each = index.bytes_used() / kMany;
  RecordProperty("bytes_per_identity", static_cast<int>(each));
  EXPECT_LE(each, kBytesEachMax);
}

TEST(IdentityIndex, ReadersAndAWriterTogether) {
  IdentityIndex index;
  index.put_hub(hub_auth("acme"));
  index.put(id("kept"), auth(7));
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t)
    readers.emplace_back([&] {
      while (!stop) {
        EXPECT_EQ(index.find(id("kept"))->generation_id, 7U);
        const auto other = index.find(id("d5"));
        if (other) {
          EXPECT_TRUE(equal(other->primary.view(), Bytes(32, static_cast<std::byte>(5))));
        }
        EXPECT_TRUE(index.hub(name("acme")));
      }
    });
  for (int round = 0; round < 20; ++round) {
    for (std::uint64_t i = 0; i < 200; ++i) index.put(id("d" + std::to_string(i)), auth(i));
    index.put_hub(hub_auth("acme"));
    for (std::uint64_t i = 0; i < 200; ++i) index.remove(id("d" + std::to_string(i)));
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(index.size(), 1U);
}

}  // namespace
}  // namespace pavise::hub::store
