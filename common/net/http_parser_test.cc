#include "common/net/http_parser.h"

#include <gtest/gtest.h>

namespace pavise::net {
namespace {

Result<HttpResponse> parse(std::string_view text, HttpLimits limits = {}) {
  HttpResponseParser parser(limits);
  PAVISE_TRY_ASSIGN(const std::size_t used, parser.feed(as_bytes(text)));
  if (!parser.done()) return Error(kBadResponse, "incomplete");
  if (used != text.size()) return Error(kBadResponse, "left over");
  return parser.take();
}

TEST(HttpParser, ReadsLengthAndChunks) {
  auto sized = parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b c \r\n\r\nhello");
  ASSERT_TRUE(sized) << sized.error().message();
  EXPECT_EQ(sized->status, 200);
  EXPECT_EQ(as_text(sized->body), "hello");
  ASSERT_NE(sized->header("x-a"), nullptr);
  EXPECT_EQ(*sized->header("x-a"), "b c");
  EXPECT_EQ(sized->header("absent"), nullptr);

  auto chunked = parse(
      "HTTP/1.1 201 \r\nTransfer-Encoding: Chunked\r\n\r\n4;name=value\r\nWiki\r\nA\r\npedia more"
      "\r\n0\r\nTrailer: x\r\n\r\n");
  ASSERT_TRUE(chunked) << chunked.error().message();
  EXPECT_EQ(as_text(chunked->body), "Wikipedia more");
}

TEST(HttpParser, SameOutcomeBytewise) {
  const std::string_view text =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0\r\n\r\nHTTP/1.1";
  HttpResponseParser parser;
  std::size_t used = 0;
  while (!parser.done()) {
    auto taken = parser.feed(as_bytes(text.substr(used, 1)));
    ASSERT_TRUE(taken);
    ASSERT_EQ(*taken, 1U);
    ++used;
  }
  EXPECT_EQ(text.substr(used), "HTTP/1.1");
  EXPECT_TRUE(parser.keep_alive());
  EXPECT_EQ(as_text(parser.take().body), "abc");
}

TEST(HttpParser, LeavesBytesOfTheNextAnswer) {
  HttpResponseParser parser;
  const std::string_view text = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\nnext";
  auto used = parser.feed(as_bytes(text));
  ASSERT_TRUE(used);
  EXPECT_EQ(*used, text.size() - 4);
  EXPECT_TRUE(parser.done());
  EXPECT_FALSE(parser.keep_alive());
}

TEST(HttpParser, RefusesWhatIsNotStrictHttp) {
  const struct {
    const char* name;
    std::string_view text;
  } rows[] = {
      {"version 1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"},
      {"version 2", "HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n"},
      {"TLS alert", "\x15\x03\x01\x01\x02\n"},
      {"no code", "HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n"},
      {"code with four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"},
      {"code 099", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n"},
      {"code 600", "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n"},
      {"switching protocols", "HTTP/1.1 101 Switching\r\n\r\n"},
      {"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"},
      {"bare LF after headers", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n"},
      {"header without colon", "HTTP/1.1 200 OK\r\nContent-Length 0\r\n\r\n"},
      {"space before colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"},
      {"folded header", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n"},
      {"control byte", std::string_view("HTTP/1.1 200 OK\r\nA: \0b\r\n\r\n", 26)},
      {"CR inside", "HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n"},
      {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"},
      {"length list", "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na"},
      {"signed length", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na"},
      {"empty length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n"},
      {"overflowing length", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n"},
      {"length and chunks",
       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"chunks and length",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"},
      {"gzip coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
      {"no length at all", "HTTP/1.1 200 OK\r\n\r\n"},
      {"chunk size not hex", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n"},
      {"empty chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n"},
      {"chunk longer than said",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"},
      {"interim with body", "HTTP/1.1 100 Go\r\nContent-Length: 1\r\n\r\na"},
      {"204 with chunks", "HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\n\r\n"},
  };
  for (const auto& row : rows) {
    HttpResponseParser parser;
    auto fed = parser.feed(as_bytes(row.text));
    EXPECT_FALSE(fed) << row.name;
    if (fed) continue;
    EXPECT_FALSE(parser.done()) << row.name;
    EXPECT_FALSE(parser.feed(as_bytes("x"))) << row.name << ": not dead after the error";
  }
}

TEST(HttpParser, LimitsHoldAtNAndNPlusOne) {
  const HttpLimits limits{.head_bytes_max = 64,
                          .header_count_max = 2,
                          .body_bytes_max = 4,
                          .interim_max = 1,
                          .chunk_line_max = 8};
  const auto too_large = [&](std::string_view text) {
    HttpResponseParser parser(limits);
    auto fed = parser.feed(as_bytes(text));
    return !fed && fed.error().is(kResponseTooLarge);
  };
  EXPECT_TRUE(parse("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", limits));
  EXPECT_TRUE(too_large("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));

  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_TRUE(parse(chunked + "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", limits));
  EXPECT_TRUE(too_large(chunked + "2\r\nab\r\n3\r\n"));
  EXPECT_TRUE(too_large(chunked + "ffffffffffffffff\r\n"));
  EXPECT_TRUE(parse(chunked + "2;abcd\r\nab\r\n0\r\n\r\n", limits));
  EXPECT_TRUE(too_large(chunked + "2;abcde\r\nab\r\n0\r\n\r\n"));

  EXPECT_TRUE(parse("HTTP/1.1 204 N\r\nA: b\r\nC: d\r\n\r\n", limits));
  EXPECT_TRUE(too_large("HTTP/1.1 204 N\r\nA: b\r\nC: d\r\nE: f\r\n\r\n"));

  const std::string head = "HTTP/1.1 204 N\r\nA: ";  // 19 bytes, plus two line ends
  EXPECT_TRUE(parse(head + std::string(64 - 19 - 4, 'x') + "\r\n\r\n", limits));
  EXPECT_TRUE(too_large(head + std::string(64 - 19 - 3, 'x') + "\r\n\r\n"));

  const std::string interim = "HTTP/1.1 100 C\r\n\r\n";
  const std::string last = "HTTP/1.1 204 N\r\n\r\n";
  EXPECT_TRUE(parse(interim + last, limits));
  EXPECT_TRUE(too_large(interim + interim + last));
}

TEST(HttpParser, EndlessTrailersStop) {
  HttpResponseParser parser({.head_bytes_max = 128});
  std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  for (int i = 0; i < 100; ++i) text += "A: b\r\n";
  auto fed = parser.feed(as_bytes(text));
  ASSERT_FALSE(fed);
  EXPECT_TRUE(fed.error().is(kResponseTooLarge));
}

}  // namespace
}  // namespace pavise::net
