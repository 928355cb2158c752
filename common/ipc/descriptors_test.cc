#include "common/ipc/descriptors.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace pavise::ipc {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

std::vector<UniqueFd> open_null(std::size_t count) {
  std::vector<UniqueFd> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.emplace_back(::open("/dev/null", O_RDWR));
  return out;
}

std::vector<int> numbers(const std::vector<UniqueFd>& of) {
  std::vector<int> out;
  out.reserve(of.size());
  for (const UniqueFd& fd : of) out.push_back(fd.get());
  return out;
}

TEST(Descriptors, ArriveInOrderAndCloseOnExec) {
  const auto pair = make_pair();
  ASSERT_TRUE(pair);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  ASSERT_TRUE(send_descriptors(pair->first.fd(), 7, ends));
  auto got = receive_descriptors(pair->second.fd());
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->word, 7);
  ASSERT_EQ(got->descriptors.size(), 2U);
  EXPECT_EQ(::fcntl(got->descriptors[0].get(), F_GETFD), FD_CLOEXEC);
  ASSERT_EQ(::write(got->descriptors[1].get(), "x", 1), 1);
  char c = 0;
  EXPECT_EQ(::read(read_end.get(), &c, 1), 1);
}

TEST(Descriptors, NoneAreAPacketToo) {
  const auto pair = make_pair();
  ASSERT_TRUE(pair);
  ASSERT_TRUE(send_descriptors(pair->first.fd(), 3, {}));
  const auto got = receive_descriptors(pair->second.fd());
  ASSERT_TRUE(got);
  EXPECT_EQ(got->word, 3);
  EXPECT_TRUE(got->descriptors.empty());
}

TEST(Descriptors, LimitAtNAndNPlusOne) {
  const auto pair = make_pair();
  ASSERT_TRUE(pair);
  const auto opened = open_null(kDescriptorsMax);
  ASSERT_TRUE(send_descriptors(pair->first.fd(), 1, numbers(opened)));
  const auto got = receive_descriptors(pair->second.fd());
  ASSERT_TRUE(got);
  EXPECT_EQ(got->descriptors.size(), kDescriptorsMax);

  // Whoever sends more is not this function.
  std::array<int, kDescriptorsMax + 1> many{};
  many.fill(opened[0].get());
  std::array<char, CMSG_SPACE(sizeof many)> control{};
  char byte = 1;
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof many);
  std::memcpy(CMSG_DATA(header), many.data(), sizeof many);
  ASSERT_EQ(::sendmsg(pair->first.fd(), &message, 0), 1);
  EXPECT_TRUE(receive_descriptors(pair->second.fd()).error().is(kPacketTooLong));
}

TEST(Descriptors, EndOfThePeerIsTold) {
  auto pair = make_pair();
  ASSERT_TRUE(pair);
  const UniqueFd first(::dup(pair->second.fd()));
  pair->first = SeqpacketChannel(UniqueFd());
  EXPECT_TRUE(receive_descriptors(first.get()).error().is(kPeerClosed));
  EXPECT_TRUE(send_descriptors(first.get(), 1, {}).error().is(kSocketFailed));
}

class PacketsWithDescriptors : public testing::Test {
 protected:
  PacketsWithDescriptors() : ends_(make_pair().value()) {}
  int here() const { return ends_.first.fd(); }
  int there() const { return ends_.second.fd(); }

  std::pair<SeqpacketChannel, SeqpacketChannel> ends_;
  Bytes packet_{std::byte{1}, std::byte{2}};
};

TEST_F(PacketsWithDescriptors, ArriveWithTheirPacket) {
  UniqueFd read_end;
  {
    int pipe[2];
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    read_end.reset(pipe[0]);
    const UniqueFd write_end(pipe[1]);
    ASSERT_TRUE(send_with_descriptors(here(), packet_, {{pipe[1], here()}}));
  }
  {
    const auto got = receive_with_descriptors(there());
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_EQ(got->packet, packet_);
    ASSERT_THAT(got->descriptors, SizeIs(2));
    EXPECT_EQ(::fcntl(got->descriptors[0].get(), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(::write(got->descriptors[0].get(), "x", 1), 1);
  }
  char byte = 0;
  EXPECT_EQ(::read(read_end.get(), &byte, 1), 1);
  EXPECT_EQ(::read(read_end.get(), &byte, 1), 0);  // nobody has it any more
}

TEST_F(PacketsWithDescriptors, HaveTheirNumber) {
  const std::vector<int> most(kDescriptorsMax, here());
  ASSERT_TRUE(send_with_descriptors(here(), packet_, most));
  EXPECT_THAT(receive_with_descriptors(there())->descriptors, SizeIs(kDescriptorsMax));
  const std::vector<int> more(kDescriptorsMax + 1, here());
  EXPECT_TRUE(send_with_descriptors(here(), packet_, more).error().is(kPacketTooLong));
}

TEST_F(PacketsWithDescriptors, APacketMayHaveNone) {
  ASSERT_TRUE(send_with_descriptors(here(), packet_, {}));
  EXPECT_THAT(receive_with_descriptors(there())->descriptors, IsEmpty());
}

TEST_F(PacketsWithDescriptors, PacketsHaveTheirLength) {
  EXPECT_TRUE(send_with_descriptors(here(), {}, {}).error().is(kPacketTooLong));
  ASSERT_TRUE(send_with_descriptors(here(), packet_, {{here()}}));
  ASSERT_TRUE(send_with_descriptors(here(), packet_, {}));
  EXPECT_TRUE(receive_with_descriptors(there(), 1).error().is(kPacketTooLong));
  EXPECT_TRUE(receive_with_descriptors(there(), 2));
}

TEST_F(PacketsWithDescriptors, WaitForNobody) {
  EXPECT_TRUE(receive_with_descriptors(there()).error().is(kTimedOut));
  Status sent;
  while (sent) sent = send_with_descriptors(here(), packet_, {}, 0);
  EXPECT_TRUE(sent.error().is(kTimedOut)) << sent.error().message();
}

TEST_F(PacketsWithDescriptors, TheOtherEndIsGone) {
  ends_.second = SeqpacketChannel(UniqueFd());
  EXPECT_TRUE(receive_with_descriptors(here()).error().is(kPeerClosed));
  EXPECT_TRUE(send_with_descriptors(here(), packet_, {}).error().is(kPeerClosed));
}

}  // namespace
}  // namespace pavise::ipc
