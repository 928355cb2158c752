#include "device/apps/words/connections.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/ipc/descriptors.h"

namespace pavise::device {
namespace {

std::string read_from(const UniqueFd& end) {
  std::array<char, 4096> bytes{};
  const ssize_t size = ::read(end.get(), bytes.data(), bytes.size());
  if (size < 0) return std::strerror(errno);
  return {bytes.data(), static_cast<std::size_t>(size)};
}
ssize_t write_to(const UniqueFd& end, const std::string& text) {
  return ::write(end.get(), text.data(), text.size());
}

TEST(Connections, CarryPacketsBothWays) {
  Connections connections;
  auto made = connections.make("a", "b");
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(write_to(made->asking.write, "one"), 3);
  EXPECT_EQ(write_to(made->asking.write, "two"), 3);
  EXPECT_EQ(write_to(made->asked.write, std::string(4096, 'x')), 4096);
  EXPECT_EQ(read_from(made->asked.read), "one");
  EXPECT_EQ(read_from(made->asked.read), "two");
  EXPECT_EQ(read_from(made->asked.read), std::strerror(EAGAIN));
  EXPECT_EQ(read_from(made->asking.read).size(), 4096U);
}

TEST(Connections, TheEndOfOneSideIsSeenByTheOther) {
  Connections connections;
  auto made = connections.make("a", "b");
  ASSERT_TRUE(made);
  EXPECT_EQ(write_to(made->asking.write, "last words"), 10);
  made->asking = {};
  EXPECT_EQ(read_from(made->asked.read), "last words");
  EXPECT_EQ(read_from(made->asked.read), "");
}

// Descriptors need a socket to travel.
TEST(Connections, NoDescriptorGoesThrough) {
  Connections connections;
  auto made = connections.make("a", "b");
  ASSERT_TRUE(made);
  for (const UniqueFd* end : {&made->asking.write, &made->asking.read}) {
    EXPECT_FALSE(
        ipc::send_with_descriptors(end->get(), as_bytes("x"), std::array{STDIN_FILENO}, 0));
    EXPECT_EQ(errno, ENOTSOCK);
  }
}

TEST(Connections, PairsHaveALimitWhicheverAsks) {
  Connections connections;
  std::vector<Connections::Made> kept;
  for (std::size_t i = 0; i < kConnectionsOfPairMax; ++i) {
    ASSERT_TRUE(connections.has_room("a", "b"));
    kept.push_back(*connections.make(i % 2 == 0 ? "a" : "b", i % 2 == 0 ? "b" : "a"));
  }
  EXPECT_FALSE(connections.has_room("a", "b"));
  EXPECT_FALSE(connections.has_room("b", "a"));
  EXPECT_TRUE(connections.has_room("a", "c"));
  // One side alone frees nothing: the other may still write.
  kept.back().asking = {};
  EXPECT_FALSE(connections.has_room("a", "b"));
  kept.back().asked = {};
  EXPECT_TRUE(connections.has_room("a", "b"));
}

TEST(Connections, AnAppHasALimitWhicheverAsks) {
  Connections connections;
  std::vector<Connections::Made> kept;
  for (std::size_t i = 0; i < kConnectionsOfAppMax; ++i) {
    const std::string other = "b" + std::to_string(i);
    ASSERT_TRUE(connections.has_room("a", other));
    kept.push_back(i % 2 == 0 ? *connections.make("a", other) : *connections.make(other, "a"));
  }
  EXPECT_FALSE(connections.has_room("a", "c"));
  EXPECT_FALSE(connections.has_room("c", "a"));
  EXPECT_TRUE(connections.has_room("b0", "c"));
  kept.front() = {};
  EXPECT_TRUE(connections.has_room("c", "a"));
  EXPECT_EQ(connections.count(), kConnectionsOfAppMax - 1);
}

TEST(Connections, AnAppThatEndedHasNone) {
  Connections connections;
  auto with_b = connections.make("a", "b");
  auto with_c = connections.make("c", "a");
  auto others = connections.make("b", "c");
  ASSERT_TRUE(with_b && with_c && others);
  connections.ended("a");
  EXPECT_EQ(connections.count(), 1U);
  with_b->asking = {};  // the kernel closed them
  EXPECT_EQ(write_to(others->asking.write, "on"), 2);
  EXPECT_EQ(read_from(others->asked.read), "on");
}

}  // namespace
}  // namespace pavise::device
