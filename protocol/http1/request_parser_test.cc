#include "protocol/http1/request_parser.h"

#include <gtest/gtest.h>

namespace pavise::http1 {
namespace {

// What a parser told, as text: "POST /a [body]. " per request, and the error at the end.
struct Outcome {
  std::string told;
  const ErrorInfo* error = nullptr;
  int status = 0;
};

struct Feeder {
  explicit Feeder(RequestLimits limits = {}, std::uint64_t body_max = 1024)
      : parser(limits), body_limit(body_max) {}

  void feed(std::string_view text) {
    ByteView bytes = as_bytes(text);
    while (outcome.error == nullptr) {
      const auto event = parser.next(bytes);
      if (!event) {
        outcome.error = &event.error().info();
        outcome.status = status_of(event.error());
        return;
      }
      if (*event == RequestEvent::need_more) {
        EXPECT_TRUE(bytes.empty());
        return;
      }
      if (*event == RequestEvent::head) {
        parser.set_body_limit(body_limit);
        outcome.told += parser.head().method + " " + parser.head().target + " [";
      }
      if (*event == RequestEvent::body) outcome.told += as_text(parser.body());
      if (*event == RequestEvent::end) outcome.told += "]. ";
    }
  }

  RequestParser parser;
  std::uint64_t body_limit;
  Outcome outcome;
};

Outcome parse(std::string_view text, RequestLimits limits = {}) {
  Feeder feeder(limits);
  feeder.feed(text);
  return feeder.outcome;
}

// As azure-iot-device-http sends telemetry.
constexpr std::string_view kNodeTelemetry =
    "POST /devices/dev-1/messages/events?api-version=2021-04-12 HTTP/1.1\r\n"
    "Authorization: SharedAccessSignature sr=h%2Fdevices%2Fdev-1&sig=AA%3D&se=1700003600\r\n"
    "iothub-to: /devices/dev-1/messages/events\r\n"
    "iothub-app-temp: 21 C\r\n"
    "User-Agent: azure-iot-device/1.18.4 (node)\r\n"
    "Host: h.example.net\r\n"
    "Connection: keep-alive\r\n"
    "Transfer-Encoding: chunked\r\n"
    "\r\n"
    "5\r\nhello\r\n"
    "0\r\n\r\n";

TEST(Http1Request, ChunkedTelemetryOfNode) {
  Feeder feeder;
  feeder.feed(kNodeTelemetry);
  EXPECT_EQ(feeder.outcome.error, nullptr);
  EXPECT_EQ(feeder.outcome.told,
            "POST /devices/dev-1/messages/events?api-version=2021-04-12 [hello]. ");
  const RequestHead& head = feeder.parser.head();
  EXPECT_EQ(head.path(), "/devices/dev-1/messages/events");
  EXPECT_EQ(head.query(), "api-version=2021-04-12");
  EXPECT_EQ(*head.header("iothub-app-temp"), "21 C");
  EXPECT_EQ(head.header("iothub-app"), nullptr);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(feeder.parser.in_request());
}

TEST(Http1Request, EveryCutTellsTheSame) {
  const std::string text = std::string(kNodeTelemetry) +
                           "PUT /twins/a%2Fb HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"
                           "GET /devices/ HTTP/1.1\r\nhost: h\r\n\r\n";
  const Outcome whole = parse(text);
  EXPECT_EQ(whole.told,
            "POST /devices/dev-1/messages/events?api-version=2021-04-12 [hello]. "
            "PUT /twins/a%2Fb [{}]. GET /devices/ []. ");
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Feeder feeder;
    feeder.feed(std::string_view(text).substr(0, cut));
    feeder.feed(std::string_view(text).substr(cut));
    EXPECT_EQ(feeder.outcome.told, whole.told) << cut;
  }
  Feeder bytewise;
  for (const char c : text) bytewise.feed({&c, 1});
  EXPECT_EQ(bytewise.outcome.told, whole.told);
}

TEST(Http1Request, FormsThatAreAccepted) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / []. "},
      {"GET /?q HTTP/1.1\r\nHOST:\t h:443 \r\n\r\n", "GET /?q []. "},
      {"GET /a HTTP/1.1\r\nHost: h\r\nX:\r\nY: \xc3\xa4\r\n\r\n", "GET /a []. "},
      {"GET HTTPS://H.net/a?b HTTP/1.1\r\nHost: h.NET\r\n\r\n", "GET /a?b []. "},
      {"GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", "GET / []. "},
      {"GET http://h?x HTTP/1.1\r\nHost: h\r\n\r\n", "GET /?x []. "},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "POST / []. "},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 003\r\n\r\nabc", "POST / [abc]. "},
      {"GET /r HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}", "GET /r [{}]. "},
      {"POST / HTTP/1.1\r\nHost: h\r\ntransfer-encoding: Chunked\r\n\r\n"
       "A;x=\"y\"\r\n0123456789\r\n1\r\na\r\n000\r\nTrailer: x\r\n\r\n",
       "POST / [0123456789a]. "},
      {"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / []. "},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na\r\nGET /b HTTP/1.1\r\nHost: "
       "h\r\n\r\n",
       "POST / [a]. GET /b []. "},
  };
  for (const auto& [text, told] : rows) {
    const Outcome outcome = parse(text);
    EXPECT_EQ(outcome.error, nullptr) << text;
    EXPECT_EQ(outcome.told, told) << text;
  }
}

TEST(Http1Request, RefusalsWithTheirStatus) {
  const std::pair<std::string, int> rows[] = {
      // Request line
      {"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET /\r\nHost: h\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400},
      {"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"G<T / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET / http/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET / HTTP/1.0\r\nHost: h\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"\x16\x03\x01\x02\n", 400},
      {std::string(33, 'M') + " / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      // Target
      {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", 400},
      {"GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET https://other/a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET https:///a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET https://u@h/a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET ftp://h/a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      // Lines
      {"GET / HTTP/1.1\nHost: h\n\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\n\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n X: a\r\nHost: h\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\nX : a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: a" + std::string(1, '\0') + "\r\n\r\n", 400},
      // Host
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400},
      // Framing
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\na", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\na", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551616\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
       "Transfer-Encoding: chunked\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n", 417},
  };
  for (const auto& [text, status] : rows) {
    const Outcome outcome = parse(text);
    ASSERT_NE(outcome.error, nullptr) << text;
    EXPECT_EQ(outcome.status, status) << text;
    EXPECT_EQ(outcome.told, "") << text;
  }
}

TEST(Http1Request, ChunkRefusals) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string_view bad :
       {"\r\n", "g\r\n", "-1\r\n", " 1\r\na", "1 \r\na", "0x1\r\na", "1\na", "1\r\nabcd",
        "1\r\na\n", "1;\x01\r\na\r\n", "11111111111111111\r\n", "0\r\nX\r\n\r\n",
        "0\r\n X: y\r\n\r\n", "0\r\nX: \x01\r\n\r\n", "0\n\r\n"}) {
    const Outcome outcome = parse(head + std::string(bad));
    ASSERT_NE(outcome.error, nullptr) << bad;
    EXPECT_EQ(outcome.status, 400) << bad;
  }
}

TEST(Http1Request, AfterAnErrorTheParserIsDead) {
  Feeder feeder;
  feeder.feed("GET / HTTP/1.0\r\nHost: h\r\n\r\n");
  ByteView more = as_bytes("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_FALSE(feeder.parser.next(more));
  EXPECT_TRUE(feeder.parser.in_request());
}

TEST(Http1Request, ConnectionAndExpect) {
  const auto head_of = [](std::string_view headers) {
    Feeder feeder;
    std::string text = "POST / HTTP/1.1\r\nHost: h\r\n";
    feeder.feed(text.append(headers).append("\r\n"));
    EXPECT_EQ(feeder.outcome.error, nullptr) << headers;
    return feeder.parser.head();
  };
  EXPECT_TRUE(head_of("").keep_alive);
  EXPECT_FALSE(head_of("Connection: Close\r\n").keep_alive);
  EXPECT_FALSE(head_of("Connection: a , close\r\n").keep_alive);
  EXPECT_TRUE(head_of("Connection: closed\r\n").keep_alive);
  EXPECT_TRUE(head_of("Connection: Upgrade\r\n").keep_alive);
  EXPECT_TRUE(head_of("Expect: 100-Continue\r\nContent-Length: 5\r\n").expects_continue);
  EXPECT_FALSE(head_of("Expect: 100-continue\r\n").expects_continue) << "no body will come";
}

TEST(Http1Request, AnUpgradeLeavesTheRestToTheCaller) {
  const std::string text = "GET /$iothub/websocket HTTP/1.1\r\nHost: h\r\n\r\n\x82\x80";
  ByteView bytes = as_bytes(text);
  RequestParser parser;
  EXPECT_EQ(*parser.next(bytes), RequestEvent::head);
  EXPECT_EQ(*parser.next(bytes), RequestEvent::end);
  EXPECT_EQ(bytes.size(), 2U);
}

TEST(Http1Request, TheBodyLimitIsTheRoutes) {
  const auto with_limit = [](std::string_view text, std::uint64_t limit) {
    Feeder feeder({}, limit);
    feeder.feed(text);
    return feeder.outcome;
  };
  const std::string length = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
  EXPECT_EQ(with_limit(length, 5).told, "POST / [hello]. ");
  EXPECT_EQ(with_limit(length, 4).status, 413);
  EXPECT_EQ(with_limit(length, 4).told, "POST / [") << "the head was told: it can be answered";
  const std::string chunks =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
  EXPECT_EQ(with_limit(chunks, 5).told, "POST / [hello]. ");
  EXPECT_EQ(with_limit(chunks, 4).status, 413);
  EXPECT_EQ(with_limit(kNodeTelemetry, 0).status, 413);
}

TEST(Http1Request, Limits) {
  const RequestLimits limits{.head_bytes_max = 200,
                             .header_count_max = 4,
                             .target_bytes_max = 20,
                             .chunk_line_max = 10,
                             .body_bytes_max = 64};
  const auto target = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n";
  };
  EXPECT_EQ(parse(target(20), limits).error, nullptr);
  EXPECT_EQ(parse(target(21), limits).status, 414);
  EXPECT_EQ(parse(target(500), limits).status, 414);

  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(parse(start + "A:\r\nB:\r\nC:\r\n\r\n", limits).error, nullptr);
  EXPECT_EQ(parse(start + "A:\r\nB:\r\nC:\r\nD:\r\n\r\n", limits).status, 431);

  const auto head = [&](std::size_t size) {
    std::string text = start + "X: ";
    text.resize(size - 4, 'x');
    return text + "\r\n\r\n";
  };
  EXPECT_EQ(parse(head(200), limits).error, nullptr);
  EXPECT_EQ(parse(head(201), limits).status, 431);

  const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(parse(chunked + "1;345678\r\na\r\n0\r\n\r\n", limits).error, nullptr);
  EXPECT_EQ(parse(chunked + "1;3456789\r\na\r\n0\r\n\r\n", limits).status, 400);
  EXPECT_EQ(parse(chunked + "0\r\nA:\r\nB:\r\nC:\r\nD:\r\n\r\n", limits).error, nullptr);
  EXPECT_EQ(parse(chunked + "0\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\n\r\n", limits).status, 431);
  EXPECT_EQ(parse(chunked + "0\r\nA:" + std::string(194, 'a') + "\r\n\r\n", limits).error, nullptr);
  EXPECT_EQ(parse(chunked + "0\r\nA:" + std::string(195, 'a') + "\r\n\r\n", limits).status, 431);
}

TEST(Http1Request, ALineWithoutEndIsBounded) {
  Feeder feeder({.head_bytes_max = 100});
  for (int i = 0; i < 200 && feeder.outcome.error == nullptr; ++i) feeder.feed("a");
  EXPECT_EQ(feeder.outcome.status, 414);
}

}  // namespace
}  // namespace pavise::http1
