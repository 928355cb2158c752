// What the filter does to real calls is in compartment_test.cc.
#include "device/apps/compartment/app_filter.h"

#include <gtest/gtest.h>

#include <cstring>

namespace pavise::device {
namespace {

bool same(const std::vector<sock_filter>& a, const std::vector<sock_filter>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(a[0])) == 0;
}

TEST(AppFilter, TheSameNeedsGiveTheSameBytes) {
  for (const bool network : {false, true}) {
    const AppFilterNeeds needs{.network = network, .listens = network, .device_nodes = true};
    const auto one = make_app_filter(needs);
    const auto two = make_app_filter(needs);
    ASSERT_TRUE(one && two);
    EXPECT_TRUE(same(*one, *two));
    EXPECT_GT(one->size(), 100U);
    EXPECT_LE(one->size(), static_cast<std::size_t>(BPF_MAXINSNS));
  }
}

TEST(AppFilter, EachNeedChangesIt) {
  const auto none = make_app_filter({});
  const auto network = make_app_filter({.network = true});
  const auto listens = make_app_filter({.network = true, .listens = true});
  const auto nodes = make_app_filter({.device_nodes = true});
  const auto lines = make_app_filter({.gpio_lines = true});
  ASSERT_TRUE(none && network && listens && nodes && lines);
  EXPECT_FALSE(same(*none, *lines));
  EXPECT_FALSE(same(*nodes, *lines));
  EXPECT_FALSE(same(*none, *network));
  EXPECT_FALSE(same(*network, *listens));
  EXPECT_FALSE(same(*none, *nodes));
}

}  // namespace
}  // namespace pavise::device
