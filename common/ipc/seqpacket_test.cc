#include "common/ipc/seqpacket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fstream>

namespace pavise::ipc {
namespace {

class Listener : public testing::Test {
 protected:
  std::string path_ = testing::TempDir() + "pavise-ipc-" + std::to_string(::getpid());
};

TEST(Seqpacket, KeepsPacketsApart) {
  const auto pair = make_pair();
  ASSERT_TRUE(pair);
  ASSERT_TRUE(pair->first.send(as_bytes("one")));
  ASSERT_TRUE(pair->first.send(as_bytes("two!")));
  EXPECT_EQ(as_text(*pair->second.receive()), "one");
  EXPECT_EQ(as_text(*pair->second.receive()), "two!");
}

TEST(Seqpacket, LengthLimitAtNAndNPlusOne) {
  const auto pair = make_pair();
  ASSERT_TRUE(pair);
  ASSERT_TRUE(pair->first.send(Bytes(10)));
  ASSERT_TRUE(pair->first.send(Bytes(11)));
  ASSERT_TRUE(pair->first.send(Bytes(3)));
  EXPECT_EQ(pair->second.receive(10)->size(), 10U);
  EXPECT_TRUE(pair->second.receive(10).error().is(kPacketTooLong));
  EXPECT_EQ(pair->second.receive(10)->size(), 3U) << "the long packet is gone, the next is whole";
}

TEST(Seqpacket, SendsTheLargestPacketAndRefusesALargerOrEmptyOne) {
  const auto pair = make_pair();
  ASSERT_TRUE(pair);
  ASSERT_TRUE(pair->first.send(Bytes(kPacketBytesMax)));
  EXPECT_EQ(pair->second.receive()->size(), kPacketBytesMax);
  EXPECT_TRUE(pair->first.send(Bytes(kPacketBytesMax + 1)).error().is(kPacketTooLong));
  EXPECT_TRUE(pair->first.send({}).error().is(kPacketTooLong));
}

TEST(Seqpacket, SaysWhenThePeerIsGone) {
  auto pair = make_pair();
  ASSERT_TRUE(pair);
  {
    const SeqpacketChannel gone = std::move(pair->first);
  }
  EXPECT_TRUE(pair->second.receive().error().is(kPeerClosed));
  EXPECT_TRUE(pair->second.send(as_bytes("x")).error().is(kPeerClosed));
}

TEST(Seqpacket, DeadlinePasses) {
  const auto pair = make_pair();
  ASSERT_TRUE(pair);
  EXPECT_TRUE(pair->first.receive(10, 0).error().is(kTimedOut));
}

TEST(Seqpacket, FullBufferMeetsItsDeadline) {
  const auto pair = make_pair();
  ASSERT_TRUE(pair);
  Status sent;
  for (int i = 0; i < 1000 && sent; ++i) sent = pair->first.send(Bytes(kPacketBytesMax), 0);
  ASSERT_FALSE(sent);
  EXPECT_TRUE(sent.error().is(kTimedOut));
}

TEST_F(Listener, AcceptsTheOwnUserWithPrivateMode) {
  const auto listener = SeqpacketListener::listen_at(path_);
  ASSERT_TRUE(listener) << listener.error().message();
  struct stat file{};
  ASSERT_EQ(::stat(path_.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777U, 0600U);
  const auto client = connect_to(path_);
  ASSERT_TRUE(client);
  const auto server = listener->accept_from(::getuid());
  ASSERT_TRUE(server);
  ASSERT_TRUE(client->send(as_bytes("hello")));
  EXPECT_EQ(as_text(*server->receive()), "hello");
  EXPECT_EQ(server->peer()->pid, ::getpid());
}

TEST_F(Listener, RefusesAForeignUser) {
  const auto listener = SeqpacketListener::listen_at(path_);
  ASSERT_TRUE(listener);
  const auto client = connect_to(path_);
  ASSERT_TRUE(client);
  EXPECT_TRUE(listener->accept_from(::getuid() + 1).error().is(kForeignPeer));
  EXPECT_TRUE(client->receive().error().is(kPeerClosed)) << "the connection is closed at once";
}

TEST_F(Listener, ReplacesAnOldSocketButNothingElse) {
  {
    const auto first = SeqpacketListener::listen_at(path_);
  }
  EXPECT_TRUE(SeqpacketListener::listen_at(path_));
  {
    std::ofstream file(path_);
  }
  EXPECT_TRUE(SeqpacketListener::listen_at(path_).error().is(kSocketFailed));
  ::unlink(path_.c_str());
}

TEST_F(Listener, RefusesAPathThatDoesNotFit) {
  EXPECT_TRUE(SeqpacketListener::listen_at(std::string(108, 'a')).error().is(kSocketFailed));
  EXPECT_TRUE(connect_to("").error().is(kSocketFailed));
}

}  // namespace
}  // namespace pavise::ipc
