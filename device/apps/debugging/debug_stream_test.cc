#include "device/apps/debugging/debug_stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>

namespace pavise::device {
namespace {

class DebugStreamTest : public ::testing::Test {
 protected:
  DebugStreamTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    stream.emplace(UniqueFd(ends[0]));
    debugger = UniqueFd(ends[1]);
  }
  std::string heard() const {
    std::array<char, 65536> text{};
    const ssize_t size = ::recv(debugger.get(), text.data(), text.size(), MSG_DONTWAIT);
    return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0U};
  }
  void say(std::string_view text) const {
    EXPECT_EQ(::send(debugger.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  std::string got(std::uint64_t received) {
    const auto bytes = stream->get(received);
    return bytes ? std::string(as_text(*bytes)) : std::string(bytes.error().code());
  }

  std::optional<DebugStream> stream;
  UniqueFd debugger;
};

TEST_F(DebugStreamTest, WhatComesTwiceCountsOnce) {
  EXPECT_EQ(stream->put(0, as_bytes("abc")).value(), 3U);
  EXPECT_EQ(stream->put(0, as_bytes("abc")).value(), 3U);
  EXPECT_EQ(stream->put(1, as_bytes("bcde")).value(), 5U);
  EXPECT_EQ(stream->put(5, {}).value(), 5U);
  EXPECT_EQ(stream->put(2, {}).value(), 5U);
  EXPECT_EQ(heard(), "abcde");
}

TEST_F(DebugStreamTest, AGapIsRefused) {
  EXPECT_TRUE(stream->put(1, as_bytes("b")).error().is(kOutOfStep));
  EXPECT_TRUE(stream->put(UINT64_MAX, as_bytes("b")).error().is(kOutOfStep));
  EXPECT_EQ(heard(), "");
  EXPECT_EQ(stream->put(0, as_bytes("a")).value(), 1U);
}

TEST_F(DebugStreamTest, WhatIsNotSaidToHaveArrivedComesAgain) {
  say("one");
  EXPECT_EQ(got(0), "one");
  say("two");
  EXPECT_EQ(got(0), "onetwo") << "the first answer was lost";
  EXPECT_EQ(got(3), "two");
  EXPECT_EQ(got(6), "");
  EXPECT_EQ(got(0), "PV-DBG-002") << "it is not kept any more";
  EXPECT_EQ(got(7), "PV-DBG-002");
  EXPECT_EQ(got(UINT64_MAX), "PV-DBG-002");
}

TEST_F(DebugStreamTest, NoMoreIsKeptThanItsLimit) {
  const std::string piece(DebugStream::kKeptBytesMax / 2 + 1, 'x');
  say(piece);
  say(piece);
  EXPECT_EQ(got(0).size(), DebugStream::kKeptBytesMax);
  EXPECT_EQ(got(0).size(), DebugStream::kKeptBytesMax);
  EXPECT_EQ(got(DebugStream::kKeptBytesMax).size(), 2U);
}

TEST_F(DebugStreamTest, WhoDoesNotReadHoldsNobodyUp) {
  const Bytes much(64UL * 1024, std::byte{1});
  std::uint64_t put = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t now = stream->put(put, much).value();
    if (now == put) break;
    put = now;
  }
  EXPECT_EQ(stream->put(put, much).value(), put);
  EXPECT_FALSE(heard().empty());
  EXPECT_GT(stream->put(put, much).value(), put);
}

TEST_F(DebugStreamTest, TheLastWordsAreGivenBeforeItIsOver) {
  say("$W00#b7");
  debugger.reset();
  EXPECT_EQ(got(0), "$W00#b7");
  EXPECT_TRUE(stream->is_over());
  EXPECT_EQ(got(0), "$W00#b7");
  EXPECT_EQ(stream->put(0, as_bytes("+")).value(), 0U);
}

}  // namespace
}  // namespace pavise::device
