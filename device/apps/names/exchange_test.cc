// Real sockets on the loopback; the time is the test's.
#include "device/apps/names/exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "device/apps/names/testing/fake_server.h"

namespace pavise::device {
namespace {

using ::testing::ElementsAre;
using testing::FakeServer;
using testing::readable;

constexpr dns::Address kAddress{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};

class ExchangeTest : public ::testing::Test {
 protected:
  Exchange start() { return {server_.place(), {"hub.example.com", dns::kTypeA}, 1000}; }

  // What became of it when the next thing arrives.
  static std::optional<Result<dns::Answer>> next(Exchange& exchange, std::int64_t now_ms = 1001) {
    pollfd polled{exchange.descriptor(), exchange.events(), 0};
    EXPECT_EQ(::poll(&polled, 1, testing::kTestWaitMs), 1);
    return exchange.proceed(now_ms);
  }
  // Over a stream, in as many steps as it takes.
  static Result<dns::Answer> last(Exchange& exchange) {
    for (;;)
      if (auto out = next(exchange)) return *std::move(out);
  }
  static Bytes reply_to(ByteView message, const std::vector<dns::Address>& addresses = {kAddress}) {
    return dns::encode_reply(dns::Query::parse(message).value(), dns::Outcome::ok, addresses, 60);
  }
  // The question has gone over to a stream, and here it comes.
  UniqueFd stream_of(Exchange& exchange, Bytes& message) {
    UniqueFd stream = server_.accept();
    EXPECT_FALSE(next(exchange));  // sends
    message = testing::read_message(stream);
    return stream;
  }

  FakeServer server_;
};

TEST_F(ExchangeTest, ADatagramIsEnough) {
  Exchange exchange = start();
  const auto asked = server_.receive();
  EXPECT_EQ(dns::Query::parse(asked.message)->question.name, "hub.example.com");
  server_.send(asked.from, reply_to(asked.message));
  const auto answer = next(exchange);
  ASSERT_TRUE(answer && *answer);
  EXPECT_THAT((*answer)->addresses, ElementsAre(kAddress));
  EXPECT_EQ(exchange.own_address(), mapped(server_.place()));
}

TEST_F(ExchangeTest, WhatIsLostIsAskedAgainWithAllNew) {
  Exchange exchange = start();
  std::set<std::uint16_t> ports;
  std::set<std::uint16_t> ids;
  std::int64_t now = 1000;
  for (const int wait : kDatagramWaitsMs) {
    const auto asked = server_.receive();
    ports.insert(asked.from.sin_port);
    ids.insert(dns::Query::parse(asked.message)->id);
    EXPECT_EQ(exchange.deadline_ms(), now + wait);
    EXPECT_FALSE(exchange.proceed(now + wait - 1));
    now += wait;
    const auto ended = exchange.proceed(now);
    EXPECT_EQ(ended.has_value(), wait == kDatagramWaitsMs.back());
    if (ended) EXPECT_TRUE(ended->error().is(kNameNotAnswered));
  }
  EXPECT_EQ(ports.size(), kDatagramWaitsMs.size());
  EXPECT_GE(ids.size(), 2U);  // at random: three the same come once in four thousand million times
  EXPECT_FALSE(readable(server_.datagrams(), 0));
}

TEST_F(ExchangeTest, AnAnswerToTheTimeBeforeIsNone) {
  Exchange exchange = start();
  const auto first = server_.receive();
  EXPECT_FALSE(exchange.proceed(exchange.deadline_ms()));
  const auto second = server_.receive();
  server_.send(first.from, reply_to(first.message));
  EXPECT_FALSE(readable(exchange.descriptor(), 0));  // that socket is gone
  server_.send(second.from, reply_to(second.message));
  EXPECT_TRUE(*next(exchange));
}

// The case of letters is guessed, too: sixteen names of thirteen letters are hardly all lower case.
TEST_F(ExchangeTest, TheCaseOfLettersIsAtRandom) {
  bool upper = false;
  for (int i = 0; i < 16; ++i) {
    const Exchange exchange = start();
    const auto asked = dns::Query::parse(server_.receive().message);
    for (const std::byte b : asked->asked)
      upper = upper || (static_cast<char>(b) >= 'A' && static_cast<char>(b) <= 'Z');
  }
  EXPECT_TRUE(upper);
}

TEST_F(ExchangeTest, WhoGuessesGetsOneTry) {
  const struct {
    const char* name;
    std::function<Bytes(Bytes)> forge;
  } rows[] = {
      {"another id",
       [](Bytes message) {
         message[0] ^= std::byte{1};
         return message;
       }},
      {"another case",
       [](Bytes message) {
         message[13] ^= std::byte{0x20};  // the first letter
         return message;
       }},
      {"another name",
       [](Bytes message) {
         message[13] = std::byte{'x'};
         return message;
       }},
      {"nothing", [](const Bytes&) { return Bytes(1); }},
      {"cut off",
       [](Bytes message) {
         message[2] |= std::byte{0x02};
         return message;
       }},
      {"longer than a datagram",
       [](Bytes message) {
         message.resize(dns::kDatagramBytesMax + 1);
         return message;
       }},
  };
  for (const auto& row : rows) {
    Exchange exchange = start();
    const auto asked = server_.receive();
    server_.send(asked.from, row.forge(reply_to(asked.message)));
    EXPECT_FALSE(next(exchange)) << row.name;
    // The right one is late now, and so is every other guess.
    server_.send(asked.from, reply_to(asked.message));
    Bytes message;
    const UniqueFd stream = stream_of(exchange, message);
    ASSERT_FALSE(message.empty()) << row.name;
    testing::write_message(stream, reply_to(message));
    EXPECT_TRUE(last(exchange)) << row.name;
  }
}

TEST_F(ExchangeTest, SomebodyWhoSaysThatTheServerIsNotThereIsNotBelieved) {
  sockaddr_in nobody{};
  {
    const FakeServer gone;
    nobody = gone.place();
  }
  Exchange exchange(nobody, {"hub.example.com", dns::kTypeA}, 1000);
  EXPECT_FALSE(next(exchange));  // ECONNREFUSED
  EXPECT_FALSE(exchange.proceed(1500));
}

class ExchangeOverStream : public ExchangeTest {
 protected:
  // A stream that the question has come over.
  void SetUp() override {
    const auto asked = server_.receive();
    server_.send(asked.from, Bytes(1));
    EXPECT_FALSE(next(exchange_));
    stream_ = stream_of(exchange_, message_);
  }

  Exchange exchange_ = start();
  Bytes message_;
  UniqueFd stream_;
};

TEST_F(ExchangeOverStream, ALongAnswerComesInPieces) {
  const Bytes reply = reply_to(message_, std::vector(dns::kAddressesMax, kAddress));
  ByteWriter framed;
  framed.sized<std::uint16_t>(reply);
  for (const std::byte& piece : framed.bytes()) {
    ASSERT_EQ(::send(stream_.get(), &piece, 1, 0), 1);
    const auto out = next(exchange_);
    EXPECT_EQ(out.has_value(), &piece == &framed.bytes().back());
    if (out) EXPECT_EQ((*out)->addresses.size(), dns::kAddressesMax);
  }
}

TEST_F(ExchangeOverStream, AGuessIsAFailure) {
  Bytes reply = reply_to(message_);
  reply[0] ^= std::byte{1};
  testing::write_message(stream_, reply);
  EXPECT_TRUE(last(exchange_).error().is(dns::kNotOurs));
}

TEST_F(ExchangeOverStream, AnEndIsAFailure) {
  stream_.reset();
  EXPECT_TRUE(last(exchange_).error().is(kNameNotAnswered));
}

TEST_F(ExchangeOverStream, CutOffAgainIsAFailure) {
  Bytes reply = reply_to(message_);
  reply[2] |= std::byte{0x02};
  testing::write_message(stream_, reply);
  EXPECT_TRUE(last(exchange_).error().is(kNameNotAnswered));
}

TEST_F(ExchangeOverStream, LengthsHaveTheirBound) {
  ByteWriter out;
  out.be(static_cast<std::uint16_t>(dns::kMessageBytesMax + 1));
  ASSERT_EQ(::send(stream_.get(), out.bytes().data(), out.size(), 0), 2);
  EXPECT_TRUE(last(exchange_).error().is(kNameNotAnswered));
}

TEST_F(ExchangeOverStream, WhoKeepsSilentHasHisTime) {
  EXPECT_EQ(exchange_.deadline_ms(), 1001 + kStreamWaitMs);
  EXPECT_FALSE(exchange_.proceed(exchange_.deadline_ms() - 1));
  EXPECT_TRUE(exchange_.proceed(exchange_.deadline_ms())->error().is(kNameNotAnswered));
}

}  // namespace
}  // namespace pavise::device
