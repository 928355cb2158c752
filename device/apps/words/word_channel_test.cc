#include "device/apps/words/word_channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "common/ipc/descriptors.h"

namespace pavise::device {
namespace {

using namespace std::string_literals;

struct Ends {
  Ends() {
    auto made = WordChannel::make();
    EXPECT_TRUE(made);
    ours = std::move(made->ours);
    app = std::move(made->theirs);
  }
  bool say(const std::string& packet) const {
    return ::send(app.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
           static_cast<ssize_t>(packet.size());
  }
  std::string hear() const {
    std::array<char, 256> bytes{};
    const ssize_t size = ::recv(app.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    return size < 0 ? "nothing" : std::string(bytes.data(), static_cast<std::size_t>(size));
  }
  WordChannel ours;
  UniqueFd app;
};

TEST(WordChannel, HearsWhatIsSaidAndLeavesTheRestOut) {
  Ends ends;
  EXPECT_TRUE(ends.ours.read(0).empty());
  ASSERT_TRUE(ends.say("\x01") && ends.say("nonsense") && ends.say(std::string(200, 'x')) &&
              ends.say("\x02\x01\0\0\0\x01\0b"s));
  const auto words = ends.ours.read(0);
  ASSERT_EQ(words.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<app_wire::Well>(words[0]));
  EXPECT_TRUE(std::holds_alternative<app_wire::Unknown>(words[1]));
  EXPECT_EQ(std::get<app_wire::Connect>(words[2]).peer, "b");
  EXPECT_NE(ends.ours.take_complaint().value_or("").find("PV-AWI-001"), std::string::npos);
  EXPECT_TRUE(ends.say("\x02"));
  EXPECT_TRUE(ends.ours.read(0).empty());
  EXPECT_FALSE(ends.ours.take_complaint());  // told once
}

TEST(WordChannel, WhoSaysTooMuchIsHeardLater) {
  Ends ends;
  for (std::int64_t i = 0; i <= kWordsAtOnce; ++i) ASSERT_TRUE(ends.say("\x01"));
  EXPECT_EQ(ends.ours.polled(0), ends.ours.polled(0));
  EXPECT_GE(ends.ours.polled(0), 0);
  EXPECT_EQ(ends.ours.read(0).size(), static_cast<std::size_t>(kWordsAtOnce));
  EXPECT_EQ(ends.ours.polled(0), -1);
  EXPECT_EQ(ends.ours.heard_again_ms(0), kWordEveryMs);
  EXPECT_EQ(ends.ours.polled(kWordEveryMs - 1), -1);
  EXPECT_GE(ends.ours.polled(kWordEveryMs), 0);
  EXPECT_EQ(ends.ours.heard_again_ms(kWordEveryMs), INT64_MAX);
  EXPECT_EQ(ends.ours.read(kWordEveryMs).size(), 1U);
  EXPECT_NE(ends.ours.take_complaint().value_or("").find("too much"), std::string::npos);
  EXPECT_FALSE(ends.ours.take_complaint());
}

// Who floods fills its own side, and no more.
TEST(WordChannel, AFloodStopsAtTheOneWhoSends) {
  Ends ends;
  int sent = 0;
  while (ends.say("\x01") && sent < 100'000) ++sent;
  EXPECT_LT(sent, 100'000);
  EXPECT_EQ(ends.ours.read(0).size(), static_cast<std::size_t>(kWordsAtOnce));
  EXPECT_TRUE(ends.ours.read(0).empty());
}

TEST(WordChannel, WhoDoesNotReadMissesWhatIsSaid) {
  Ends ends;
  int sent = 0;
  while (ends.ours.send(as_bytes("event")) && sent < 100'000) ++sent;
  EXPECT_LT(sent, 100'000);
  EXPECT_FALSE(ends.ours.send(as_bytes("event")));
  EXPECT_NE(ends.ours.take_complaint().value_or("").find("does not read"), std::string::npos);
  EXPECT_EQ(ends.hear(), "event");
}

TEST(WordChannel, WhoSendsDescriptorsHasNoChannelAnyMore) {
  Ends ends;
  ASSERT_TRUE(ends.say("\x01"));
  ASSERT_TRUE(
      ipc::send_with_descriptors(ends.app.get(), as_bytes("\x01"), std::array{STDIN_FILENO}));
  ASSERT_TRUE(ends.say("\x01"));
  EXPECT_EQ(ends.ours.read(0).size(), 1U);
  EXPECT_EQ(ends.ours.polled(0), -1);
  EXPECT_EQ(ends.ours.heard_again_ms(0), INT64_MAX);
  EXPECT_FALSE(ends.say("\x01"));
  EXPECT_FALSE(ends.ours.send(as_bytes("event")));
  EXPECT_NE(ends.ours.take_complaint().value_or("").find("descriptors"), std::string::npos);
}

TEST(WordChannel, TheEndOfTheOtherSideIsTheEnd) {
  Ends ends;
  ASSERT_TRUE(ends.say("\x01"));
  ends.app.reset();
  EXPECT_EQ(ends.ours.read(0).size(), 1U);
  EXPECT_EQ(ends.ours.polled(0), -1);
  EXPECT_FALSE(ends.ours.take_complaint());
}

}  // namespace
}  // namespace pavise::device
