#include "cloud/hub/transport/socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "cloud/hub/transport/hub_options.h"
#include "cloud/hub/transport/testing/test_client.h"

namespace pavise::hub {
namespace {

int option(const Socket& socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(socket.get(), level, name, &value, &size), 0);
  return value;
}

TEST(Socket, AcceptedConnectionsNoticeThatThePeerIsGone) {
  auto listener = listen_on("127.0.0.1", 0);
  ASSERT_TRUE(listener);
  const Socket client(testing::connect_plain(*local_port(*listener)));
  ASSERT_GE(client.get(), 0);
  pollfd ready{.fd = listener->get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&ready, 1, 5'000), 1);
  const Socket accepted(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_GE(accepted.get(), 0);
  // Inherited from the listener.
  EXPECT_NE(option(accepted, IPPROTO_TCP, TCP_NODELAY), 0);
  EXPECT_NE(option(accepted, SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(option(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT), kPeerGoneMs);
  EXPECT_EQ(option(accepted, IPPROTO_TCP, TCP_KEEPIDLE), 120);
  EXPECT_EQ(option(accepted, IPPROTO_TCP, TCP_KEEPINTVL), 10);
  EXPECT_EQ(option(accepted, IPPROTO_TCP, TCP_KEEPCNT), 3);
}

}  // namespace
}  // namespace pavise::hub
