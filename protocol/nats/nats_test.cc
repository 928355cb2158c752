#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/nats/client_lines.h"
#include "protocol/nats/server_stream.h"

namespace pavise::nats {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Bytes bytes(std::string_view text) {
  return to_bytes(as_bytes(text));
}

// All events of a text that is fed in pieces of this size.
Result<std::vector<Event>> events(std::string_view text, std::size_t piece = SIZE_MAX) {
  ServerStream stream;
  std::vector<Event> out;
  while (!text.empty()) {
    stream.feed(as_bytes(text.substr(0, piece)));
    text.remove_prefix(std::min(piece, text.size()));
    for (;;) {
      PAVISE_TRY_ASSIGN(auto event, stream.next());
      if (!event) break;
      out.push_back(*std::move(event));
    }
  }
  return out;
}

bool refused(std::string_view text) {
  const auto out = events(text);
  return !out && out.error().is(kBadServer);
}

TEST(NatsStream, WhatAServerSaysHoweverItIsCut) {
  const std::string text =
      "INFO {\"server_id\":\"X\",\"max_payload\":2048,\"headers\":true,\"tls_required\":true} \r\n"
      "+OK\r\nPING\r\npong\r\n"
      "MSG _INBOX.a.1 1 5\r\nhello\r\n"
      "MSG _INBOX.a.2 1 reply.to 0\r\n\r\n"
      "HMSG _INBOX.a.3 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"
      "HMSG _INBOX.a.4\t1 reply 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
      "-ERR 'Authorization Violation'\r\n";
  for (const std::size_t piece : {SIZE_MAX, std::size_t{1}, std::size_t{7}}) {
    const auto out = events(text, piece);
    ASSERT_TRUE(out) << out.error().message();
    ASSERT_EQ(out->size(), 9U);
    const auto& info = std::get<Info>(out->at(0));
    EXPECT_EQ(info.max_payload, 2048U);
    EXPECT_TRUE(info.headers);
    EXPECT_TRUE(info.tls_offered);
    EXPECT_TRUE(std::holds_alternative<Ok>(out->at(1)));
    EXPECT_TRUE(std::holds_alternative<Ping>(out->at(2)));
    EXPECT_TRUE(std::holds_alternative<Pong>(out->at(3)));
    EXPECT_EQ(std::get<Delivery>(out->at(4)).subject, "_INBOX.a.1");
    EXPECT_EQ(std::get<Delivery>(out->at(4)).payload, bytes("hello"));
    EXPECT_TRUE(std::get<Delivery>(out->at(5)).payload.empty());
    EXPECT_EQ(std::get<Delivery>(out->at(6)).status, 503);
    EXPECT_EQ(std::get<Delivery>(out->at(7)).payload, bytes("hi"));
    EXPECT_EQ(std::get<Delivery>(out->at(7)).status, 0);
    EXPECT_THAT(std::get<Complaint>(out->at(8)).text, HasSubstr("Authorization Violation"));
  }
}

TEST(NatsStream, WhatNoServerSays) {
  for (const std::string_view text :
       {"HTTP/1.1 400 Bad Request\r\n", "\r\n", "INFO\r\n", "INFO []\r\n", "INFO {\r\n",
        "MSG a 1\r\n", "MSG a 1 x\r\n", "MSG a 1 -1\r\n", "MSG a 1 r x 5\r\n",
        "MSG a 1 2\r\nabcd\r\n", "HMSG a 1 5\r\n", "HMSG a 1 6 5\r\nabcde\r\n",
        "MSG a 1 99999999999999999999999\r\n", "OK\r\n"})
    EXPECT_TRUE(refused(text)) << text;
  ServerStream stream;
  stream.feed(as_bytes("WHAT\r\nPING\r\n"));
  EXPECT_FALSE(stream.next());
  EXPECT_FALSE(stream.next()) << "and never again";
}

TEST(NatsStream, LinesAndPayloadsHaveAMaximum) {
  const std::string word(kLineMax - 5, 'x');
  EXPECT_TRUE(events("-ERR " + word + "\r\n"));
  EXPECT_TRUE(refused("-ERR x" + word + "\r\n"));
  EXPECT_TRUE(events("-ERR " + word));
  EXPECT_TRUE(refused("-ERR x" + word)) << "no need to see its end";
  const std::string most(kPayloadMax, 'x');
  EXPECT_TRUE(events("MSG a 1 " + std::to_string(kPayloadMax) + "\r\n" + most + "\r\n"));
  EXPECT_TRUE(refused("MSG a 1 " + std::to_string(kPayloadMax + 1) + "\r\n"));
}

TEST(NatsStream, WordsOfTheServerStayOnOneLine) {
  const auto out = events("-ERR 'a\tb\x1b[31m'\r\n");
  EXPECT_EQ(std::get<Complaint>(out->at(0)).text, " 'a?b?[31m'");
  const auto ack = parse_ack(as_bytes(R"({"error":{"code":503,"description":"a\nb"}})"));
  EXPECT_EQ(ack->text, "a?b");
}

TEST(NatsStream, KnowsWhetherAnythingFollows) {
  ServerStream stream;
  stream.feed(as_bytes("INFO {}\r\nP"));
  ASSERT_TRUE(stream.next());
  EXPECT_FALSE(stream.drained());
  ServerStream other;
  other.feed(as_bytes("INFO {}\r\n"));
  ASSERT_TRUE(other.next());
  EXPECT_TRUE(other.drained());
}

TEST(NatsAck, StoredRefusedOrNeither) {
  const auto stored = parse_ack(as_bytes(R"({"stream":"S","seq":1})"));
  EXPECT_TRUE(stored->stored);
  EXPECT_FALSE(stored->duplicate);
  EXPECT_TRUE(parse_ack(as_bytes(R"({"stream":"S","seq":1,"duplicate":true})"))->duplicate);
  const auto refused = parse_ack(
      as_bytes(R"({"error":{"code":503,"err_code":10077,"description":"maximum bytes"}})"));
  EXPECT_FALSE(refused->stored);
  EXPECT_EQ(refused->code, 503);
  EXPECT_EQ(refused->text, "maximum bytes");
  for (const std::string_view text : {"", "1", "{}", "{\"stream\":1}", "{\"error\":1}"})
    EXPECT_FALSE(parse_ack(as_bytes(text))) << text;
}

TEST(NatsLines, NothingGivenEndsALineEarly) {
  EXPECT_FALSE(subscribe_line("a b", 1));
  EXPECT_FALSE(subscribe_line("a\r\nPUB x 0", 1));
  EXPECT_EQ(*subscribe_line("_INBOX.a.*", 1), "SUB _INBOX.a.* 1\r\n");
  EXPECT_FALSE(publication("a b", "r", {}, {}, 1000));
  EXPECT_FALSE(publication("a", "", {}, {}, 1000));
  const Header headers[] = {{"ok", "v"},
                            {"bad\r\nname", "v"},
                            {"bad:name", "v"},
                            {"", "v"},
                            {"value", "a\r\nNats-Rollup: all"},
                            {"percent", "100%"},
                            {"utf8", "\xc3\xa9"}};
  const std::string head =
      "NATS/1.0\r\nok: v\r\nvalue: a%0D%0ANats-Rollup: all\r\npercent: 100%25\r\nutf8: "
      "\xc3\xa9\r\n\r\n";
  EXPECT_EQ(as_text(*publication("s", "r", headers, as_bytes("body"), 1000)),
            "HPUB s r " + std::to_string(head.size()) + " " + std::to_string(head.size() + 4) +
                "\r\n" + head + "body\r\n");
}

TEST(NatsLines, APublicationFitsOrIsNotSent) {
  const std::string body(100 - 12, 'x');  // the shortest header has twelve bytes
  EXPECT_TRUE(publication("s", "r", {}, as_bytes(body), 100));
  EXPECT_TRUE(publication("s", "r", {}, as_bytes(body + "x"), 100).error().is(kCannotPublish));
}

TEST(NatsLines, ALoginIsJson) {
  EXPECT_THAT(connect_line({.user = "u", .secret = "a\"b\r\n"}, true),
              HasSubstr(R"("user":"u","pass":"a\"b\r\n")"));
  EXPECT_THAT(connect_line({.secret = "t"}, true), HasSubstr(R"("auth_token":"t")"));
  EXPECT_THAT(connect_line({}, false), Not(HasSubstr("auth_token")));
}

}  // namespace
}  // namespace pavise::nats
