#include "device/apps/names/resolver_sockets.h"

#include <gtest/gtest.h>

#include "device/apps/names/testing/fake_server.h"

namespace pavise::device {
namespace {

TEST(ResolverSockets, EachAppHasAnAddressOfItsOwn) {
  EXPECT_EQ(resolver_text(7), "nameserver 127.0.53.7\n");
  EXPECT_EQ(resolver_text(254), "nameserver 127.0.53.254\n");
  const auto sockets = bind_resolver(7, 0);
  ASSERT_TRUE(sockets) << sockets.error().message();
  for (const UniqueFd* socket : {&sockets->datagrams, &sockets->listener})
    EXPECT_EQ(ntohl(testing::place_of(*socket).sin_addr.s_addr), 0x7f003507U);
}

TEST(ResolverSockets, OnlyOneStandsThere) {
  const auto first = bind_resolver(8, 0);
  ASSERT_TRUE(first);
  const auto second = bind_resolver(8, ntohs(testing::place_of(first->datagrams).sin_port));
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is(kResolverNotBound));
}

}  // namespace
}  // namespace pavise::device
