// What hostile and slow apps do to the agent's side. With the SDK on the other end: tests/sdk.
#include "device/agent/app_channels.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pavise::agent {
namespace {

using namespace std::string_literals;

constexpr std::int64_t kNow = 1'000;

std::string le(std::size_t value, unsigned bytes) {
  std::string out;
  for (unsigned i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

std::string telemetry(std::uint32_t id, const std::string& body = "x") {
  return "\x01" + le(id, 4) + le(0, 2) + le(0, 2) + le(body.size(), 2) + body;
}

std::string answer(std::uint32_t id) {
  return "\x02" + le(id, 4) + le(200, 2) + le(2, 2) + "{}";
}

// The other end: what an app does with its descriptor 4.
class App {
 public:
  App(AppChannels& channels, const std::string& name) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    socket_ = UniqueFd(ends[0]);
    id = channels.add(name, UniqueFd(ends[1]));
  }
  bool send(const std::string& packet) const {
    return ::send(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
  }
  // "" if there is nothing, or the channel has ended.
  std::string receive() const {
    std::string packet(70'000, '\0');
    const ssize_t size = ::recv(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    packet.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return packet;
  }
  void close() { socket_.reset(); }
  int socket() const { return socket_.get(); }

  AppChannelId id = 0;

 private:
  UniqueFd socket_;
};

// "telemetry 1", "answer 1", "ended", "broken: why"
std::vector<std::string> words(const std::vector<AppEvent>& events) {
  std::vector<std::string> out;
  for (const AppEvent& event : events) {
    if (const auto* message = std::get_if<AppTelemetry>(&event))
      out.push_back(message->app + " telemetry " + std::to_string(message->id));
    if (const auto* reply = std::get_if<AppMethodAnswer>(&event))
      out.push_back("answer " + std::to_string(reply->id));
    if (const auto* end = std::get_if<AppChannelEnded>(&event))
      out.push_back(end->app + " ended" + (end->broken ? ": " + end->broken->detail() : ""));
    if (const auto* held = std::get_if<AppHeldBack>(&event)) out.push_back(held->app + " waits");
  }
  return out;
}
using Words = std::vector<std::string>;

TEST(AppChannels, CarriesTelemetryAndItsResult) {
  AppChannels channels;
  const App fridge(channels, "fridge");
  EXPECT_EQ(fridge.receive(), "\x83\0"s);
  ASSERT_TRUE(fridge.send(telemetry(7, "body")));
  const auto events = channels.turn(kNow);
  ASSERT_EQ(words(events), (Words{"fridge telemetry 7"}));
  const auto& message = std::get<AppTelemetry>(events.front());
  EXPECT_EQ(as_text(message.body), "body");
  channels.finish(message.channel, 7, true, "not shown");
  EXPECT_EQ(fridge.receive(), "\x81\x07\0\0\0\0\0\0"s);
  channels.finish(message.channel, 7, true, "");  // once
  EXPECT_EQ(fridge.receive(), "");
  ASSERT_TRUE(fridge.send(telemetry(7)));  // the number is free again
  ASSERT_EQ(channels.turn(kNow).size(), 1U);
  channels.finish(message.channel, 7, false, "full");
  EXPECT_EQ(fridge.receive(), "\x81\x07\0\0\0\x01\x04\0full"s);
}

TEST(AppChannels, CallsAndTakesAnswersOnce) {
  AppChannels channels;
  const App fridge(channels, "fridge");
  fridge.receive();
  EXPECT_FALSE(channels.call("other", "ping", {}));
  EXPECT_FALSE(channels.call("fridge", "", {}));
  EXPECT_FALSE(channels.call("fridge", std::string(256, 'n'), {}));
  EXPECT_FALSE(channels.call("fridge", "n", Bytes(app_channel::kPayloadBytesMax + 1)));
  const auto call = channels.call("fridge", "ping", as_bytes("{}"));
  ASSERT_EQ(call, (std::pair{fridge.id, std::uint32_t{1}}));
  EXPECT_EQ(fridge.receive(), "\x82\x01\0\0\0\x04\0ping\x02\0{}"s);
  ASSERT_TRUE(fridge.send(answer(1)));
  ASSERT_TRUE(fridge.send(answer(1)));
  EXPECT_EQ(words(channels.turn(kNow)), (Words{"answer 1"}));
  // What comes after nobody waits for it does no harm.
  ASSERT_TRUE(channels.call("fridge", "ping", {}));
  channels.forget(fridge.id, 2);
  ASSERT_TRUE(fridge.send(answer(2)));
  EXPECT_EQ(words(channels.turn(kNow)), Words{});
  ASSERT_TRUE(fridge.send(answer(3)));
  EXPECT_EQ(words(channels.turn(kNow)), (Words{"fridge ended: an answer to no call"}));
}

TEST(AppChannels, WhoBreaksTheRulesLosesItsChannelAlone) {
  AppChannels channels;
  const App good(channels, "good");
  for (const auto& [packet, why] : {std::pair{"\x09"s, "type 9"s},
                                    {telemetry(1) + "x", "telemetry: body"},
                                    {std::string(65'537, '\x01'), "too large"},
                                    {answer(0), "an answer to no call"}}) {
    const App bad(channels, "bad");
    ASSERT_TRUE(bad.send(packet));
    ASSERT_TRUE(bad.send(telemetry(2)));  // is not read any more
    EXPECT_EQ(words(channels.turn(kNow)), (Words{"bad ended: " + why}));
    EXPECT_FALSE(bad.send(telemetry(3)));
  }
  const App twice(channels, "bad");
  ASSERT_TRUE(twice.send(telemetry(1)));
  ASSERT_TRUE(twice.send(telemetry(1)));
  EXPECT_EQ(words(channels.turn(kNow)),
            (Words{"bad telemetry 1", "bad ended: an id that is under way"}));
  EXPECT_EQ(channels.size(), 1U);
  ASSERT_TRUE(good.send(telemetry(1)));
  EXPECT_EQ(words(channels.turn(kNow)), (Words{"good telemetry 1"}));
}

TEST(AppChannels, OnlySoManyMessagesAreUnderWay) {
  AppChannels channels;
  const App fridge(channels, "fridge");
  for (std::uint32_t id = 1; id <= kAppTelemetryMax; ++id) {
    ASSERT_TRUE(fridge.send(telemetry(id)));
    EXPECT_EQ(channels.turn(kNow).size(), 1U);
  }
  channels.finish(fridge.id, 1, true, "");
  ASSERT_TRUE(fridge.send(telemetry(17)));
  EXPECT_EQ(words(channels.turn(kNow)), (Words{"fridge telemetry 17"}));
  ASSERT_TRUE(fridge.send(telemetry(18)));
  EXPECT_EQ(words(channels.turn(kNow)), (Words{"fridge ended: too many messages under way"}));
}

TEST(AppChannels, OnlySoManyCallsAreUnderWay) {
  AppChannels channels;
  const App fridge(channels, "fridge");
  for (std::size_t i = 0; i < kAppCallsMax; ++i) {
    ASSERT_TRUE(channels.call("fridge", "ping", {}));
    while (!fridge.receive().empty()) {
    }
  }
  EXPECT_FALSE(channels.call("fridge", "ping", {}));
  channels.forget(fridge.id, 1);
  EXPECT_TRUE(channels.call("fridge", "ping", {}));
}

// It sends and sends, and never reads a result: the agent keeps no more of them than of messages.
TEST(AppChannels, WhoDoesNotReadIsBounded) {
  AppChannels channels;
  const App silent(channels, "silent");
  const std::string reason(app_channel::kReasonBytesMax, 'r');
  Words last;
  std::uint32_t id = 0;
  while (last.empty() || last.back().starts_with("silent telemetry")) {
    ASSERT_LT(++id, 100'000U);
    ASSERT_TRUE(silent.send(telemetry(id)));
    last = words(channels.turn(std::int64_t{id} * 1'000));
    channels.finish(silent.id, id, false, reason);
    if (channels.size() == 1U && (channels.polled().front().events & POLLOUT) != 0)
      EXPECT_FALSE(channels.call("silent", "ping", {}));  // nobody waits for who is behind
  }
  EXPECT_EQ(last, (Words{"silent ended: too many messages under way"}));
}

TEST(AppChannels, WhatWaitsIsSentWhenTheAppReads) {
  AppChannels channels;
  const App slow(channels, "slow");
  const Bytes large(60'000);
  std::size_t calls = 0;
  while (channels.call("slow", "n", large)) ++calls;
  ASSERT_GT(calls, 0U);
  ASSERT_LT(calls, kAppCallsMax);  // its buffer was full before
  ASSERT_TRUE(slow.send(telemetry(1)));
  ASSERT_EQ(channels.turn(kNow).size(), 1U);
  channels.set_online(true);
  channels.set_online(false);
  channels.set_online(true);
  channels.finish(slow.id, 1, true, "");
  EXPECT_NE(channels.polled().front().events & POLLOUT, 0);
  EXPECT_EQ(slow.receive(), "\x83\0"s);
  for (; calls > 0; --calls) EXPECT_EQ(slow.receive().substr(0, 1), "\x82");
  EXPECT_EQ(channels.turn(kNow).size(), 0U);
  EXPECT_EQ(channels.polled().front().events & POLLOUT, 0);
  EXPECT_EQ(slow.receive(), "\x83\x01"s);
  EXPECT_EQ(slow.receive(), "\x81\x01\0\0\0\0\0\0"s);
  EXPECT_EQ(slow.receive(), "");
}

TEST(AppChannels, OneAppCannotTakeTheOthersTurn) {
  AppChannels channels;
  const App loud(channels, "loud");
  const App quiet(channels, "quiet");
  for (std::uint32_t id = 1; id <= 10; ++id) ASSERT_TRUE(loud.send(telemetry(id)));
  ASSERT_TRUE(quiet.send(telemetry(1)));
  EXPECT_EQ(words(channels.turn(kNow)),
            (Words{"loud telemetry 1", "loud telemetry 2", "loud telemetry 3", "loud telemetry 4",
                   "quiet telemetry 1"}));
}

// ---- how much an app may send
// ---------------------------------------------------------------------

// Sends as it likes for so long, and reads its results; how many messages the agent took.
std::uint32_t flood(AppChannels& channels, const App& app, std::int64_t from_ms,
                    std::int64_t for_ms, std::uint32_t& id) {
  std::uint32_t taken = 0;
  for (std::int64_t now_ms = from_ms; now_ms < from_ms + for_ms; now_ms += 10) {
    while (app.send(telemetry(id, "x"))) ++id;
    for (const AppEvent& event : channels.turn(now_ms)) {
      if (std::holds_alternative<AppChannelEnded>(event)) ADD_FAILURE() << "it ended";
      const auto* message = std::get_if<AppTelemetry>(&event);
      if (message == nullptr) continue;
      ++taken;
      channels.finish(message->channel, message->id, false, "full");
    }
    while (!app.receive().empty()) {
    }
  }
  return taken;
}

TEST(AppChannels, AFloodWaitsInItsOwnSocketAndNobodyElseNotices) {
  AppChannels channels;
  const App loud(channels, "loud");
  const App quiet(channels, "quiet");
  std::uint32_t id = 1;
  EXPECT_EQ(flood(channels, loud, 0, 10'000, id), kAppUnitsMax + 10 * kAppUnitsPerSecond - 1);
  ASSERT_TRUE(quiet.send(telemetry(1)));
  const std::vector<pollfd> polled = channels.polled();
  ASSERT_EQ(polled.size(), 1U);  // nobody waits for what the loud one sends
  EXPECT_EQ(words(channels.turn(9'999)), (Words{"quiet telemetry 1"}));
  EXPECT_EQ(channels.next_wake_ms(), 10'000);
  EXPECT_EQ(words(channels.turn(10'000)).size(), 1U);
}

TEST(AppChannels, AtOnceAtNAndNPlusOneAndToldOnce) {
  AppChannels channels;
  const App app(channels, "loud");
  Words last;
  for (std::uint32_t id = 1; id <= kAppUnitsMax; ++id) {
    ASSERT_TRUE(app.send(telemetry(id)));
    EXPECT_EQ(channels.next_wake_ms(), INT64_MAX);
    last = words(channels.turn(kNow));
    channels.finish(app.id, id, true, "");
  }
  EXPECT_EQ(last, (Words{"loud telemetry 64", "loud waits"}));
  ASSERT_TRUE(app.send(telemetry(1)));
  ASSERT_TRUE(app.send(telemetry(2)));
  EXPECT_EQ(words(channels.turn(kNow)), Words{});
  EXPECT_EQ(channels.polled().size(), 0U);
  EXPECT_EQ(channels.next_wake_ms(), kNow + 250);
  EXPECT_EQ(words(channels.turn(kNow + 250)), (Words{"loud telemetry 1"}));
}

TEST(AppChannels, AnotherStartWaitsAsLong) {
  AppChannels channels;
  const App first(channels, "loud");
  std::uint32_t id = 1;
  EXPECT_EQ(flood(channels, first, kNow, 1'000, id), kAppUnitsMax + kAppUnitsPerSecond - 1);
  channels.remove("loud");
  const App other(channels, "quiet");
  const App second(channels, "loud");
  EXPECT_EQ(flood(channels, second, kNow + 1'000, 1'000, id), kAppUnitsPerSecond);
}

TEST(AppChannels, AnswersThatAreWaitedForCountNothingAndOthersDo) {
  AppChannels channels;
  const App app(channels, "fridge");
  for (std::uint32_t id = 1; id <= 2 * kAppUnitsMax; ++id) {
    ASSERT_TRUE(channels.call("fridge", "ping", {}));
    ASSERT_TRUE(app.send(answer(id)));
    ASSERT_EQ(words(channels.turn(kNow)), (Words{"answer " + std::to_string(id)}));
    while (!app.receive().empty()) {
    }
  }
  for (std::int64_t late = 1; late < kAppUnitsMax; ++late) {
    ASSERT_TRUE(app.send(answer(1)));
    EXPECT_EQ(words(channels.turn(kNow)), Words{});
  }
  ASSERT_TRUE(app.send(answer(1)));
  EXPECT_EQ(words(channels.turn(kNow)), (Words{"fridge waits"}));
}

TEST(AppChannels, TheEndOfOneThatWaitsWakesNobodyUntilItsTime) {
  AppChannels channels;
  App app(channels, "loud");
  std::uint32_t id = 1;
  flood(channels, app, kNow, 500, id);
  app.close();
  EXPECT_EQ(channels.polled().size(), 0U);
  while (channels.size() != 0) {
    const std::int64_t wake_ms = channels.next_wake_ms();
    ASSERT_LT(wake_ms, kNow + 3'600'000);
    channels.turn(wake_ms);
  }
}

TEST(AppChannels, WhatIsOfAnEarlierStartDoesNotReachTheNext) {
  AppChannels channels;
  const App first(channels, "fridge");
  ASSERT_TRUE(first.send(telemetry(1)));
  ASSERT_EQ(channels.turn(kNow).size(), 1U);
  const auto call = channels.call("fridge", "ping", {});
  ASSERT_TRUE(call);
  const App second(channels, "fridge");
  EXPECT_EQ(channels.size(), 1U);
  EXPECT_FALSE(first.send(telemetry(2)));
  ASSERT_TRUE(second.send(telemetry(1)));
  ASSERT_EQ(channels.turn(kNow).size(), 1U);
  EXPECT_EQ(second.receive(), "\x83\0"s);
  channels.finish(first.id, 1, true, "");
  channels.forget(first.id, call->second);
  EXPECT_EQ(second.receive(), "");
  ASSERT_TRUE(second.send(answer(1)));  // the first one was called, this one was not
  EXPECT_EQ(words(channels.turn(kNow)), (Words{"fridge ended: an answer to no call"}));
}

TEST(AppChannels, TheEndIsTold) {
  AppChannels channels;
  App closing(channels, "closing");
  const App empty(channels, "empty");
  const App removed(channels, "removed");
  closing.close();
  ASSERT_TRUE(empty.send(""));  // a packet without bytes is no packet
  channels.remove("removed");
  EXPECT_EQ(words(channels.turn(kNow)), (Words{"closing ended", "empty ended"}));
  EXPECT_EQ(channels.size(), 0U);
  EXPECT_FALSE(removed.send(telemetry(1)));
}

// How long such a close may take: untrusted_test.cc.
TEST(AppChannels, WhoSendsDescriptorsHasNoChannelAnyMore) {
  AppChannels channels;
  const App fridge(channels, "fridge");
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  std::string packet = telemetry(1);
  iovec part{packet.data(), packet.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int sent = in.get();
  std::memcpy(CMSG_DATA(header), &sent, sizeof sent);
  ASSERT_EQ(::sendmsg(fridge.socket(), &message, 0), static_cast<ssize_t>(packet.size()));
  in.reset();
  const auto events = channels.turn(kNow);
  ASSERT_EQ(events.size(), 1U);
  const auto* ended = std::get_if<AppChannelEnded>(events.data());
  ASSERT_NE(ended, nullptr);
  EXPECT_TRUE(ended->broken && ended->broken->is(app_channel::kBadAppPacket));
  EXPECT_EQ(channels.size(), 0U);
  char byte = 0;
  EXPECT_EQ(::read(out.get(), &byte, 1), 0);  // nobody has the other end
}

}  // namespace
}  // namespace pavise::agent
