#include "common/ipc/untrusted.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "common/ipc/descriptors.h"

namespace pavise::ipc {
namespace {

struct Ends {
  Ends() {
    std::array<int, 2> both{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, both.data()), 0);
    ours = UniqueFd(both[0]);
    theirs = UniqueFd(both[1]);
  }
  UniqueFd ours, theirs;
};

TEST(Untrusted, TakesPacketsWithoutWaiting) {
  Ends ends;
  std::array<std::byte, 4> buffer{};
  EXPECT_TRUE(receive_untrusted(ends.ours.get(), buffer).error().is(kTimedOut));
  ASSERT_EQ(::send(ends.theirs.get(), "abc", 3, 0), 3);
  ASSERT_EQ(::send(ends.theirs.get(), "abcdef", 6, 0), 6);
  auto packet = receive_untrusted(ends.ours.get(), buffer);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->size, 3U);
  EXPECT_FALSE(packet->with_descriptors);
  EXPECT_EQ(receive_untrusted(ends.ours.get(), buffer)->size, 6U);
  ends.theirs.reset();
  EXPECT_TRUE(receive_untrusted(ends.ours.get(), buffer).error().is(kPeerClosed));
}

TEST(Untrusted, SaysThatDescriptorsCame) {
  Ends ends;
  const std::array<int, 2> sent{STDIN_FILENO, STDIN_FILENO};
  ASSERT_TRUE(send_with_descriptors(ends.theirs.get(), as_bytes("x"), sent));
  const int next = ::dup(STDIN_FILENO);
  std::array<std::byte, 4> buffer{};
  const auto packet = receive_untrusted(ends.ours.get(), buffer);
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->with_descriptors);
  const int after = ::dup(STDIN_FILENO);
  EXPECT_EQ(after, next + 1);  // none of them has come to stay
  ::close(next);
  ::close(after);
}

// A connection that waits at its close, as its owner set it, until the other side reads.
class Lingering {
 public:
  Lingering() {
    const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* const address = reinterpret_cast<sockaddr*>(&at);
    EXPECT_EQ(::bind(listener.get(), address, size), 0);
    EXPECT_EQ(::listen(listener.get(), 1), 0);
    EXPECT_EQ(::getsockname(listener.get(), address, &size), 0);
    socket = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.get(), address, size), 0);
    reader_ = UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const std::array<char, 65536> piece{};
    while (::send(socket.get(), piece.data(), piece.size(), MSG_DONTWAIT) > 0) {
    }
    const linger forever{.l_onoff = 1, .l_linger = 3600};
    EXPECT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &forever, sizeof forever), 0);
  }
  UniqueFd socket;

 private:
  UniqueFd reader_;
};

// Sends it: the packet holds the last of it then.
void send_away(int to, Lingering& connection) {
  ASSERT_TRUE(send_with_descriptors(to, as_bytes("x"), std::array{connection.socket.get()}));
  connection.socket.reset();
}

// Without the rule each of these takes the hour that the sender chose.
TEST(Untrusted, NobodyWaitsForTheCloseOfWhatCame) {
  Ends ends;
  Lingering one;
  Lingering two;
  send_away(ends.theirs.get(), one);
  send_away(ends.theirs.get(), two);
  std::array<std::byte, 4> buffer{};
  const auto packet = receive_untrusted(ends.ours.get(), buffer);
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->with_descriptors);
  // The second was never read.
  close_untrusted(std::move(ends.ours));
}

}  // namespace
}  // namespace pavise::ipc
