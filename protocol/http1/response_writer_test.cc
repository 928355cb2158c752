#include "protocol/http1/response_writer.h"

#include <gtest/gtest.h>

namespace pavise::http1 {
namespace {

std::string written(int status, std::vector<ResponseHeader> headers, std::string_view body,
                    const ResponseOptions& options = {}) {
  Bytes out;
  EXPECT_TRUE(write_response(status, headers, as_bytes(body), options, out));
  return std::string(as_text(out));
}

TEST(Http1Response, WholeAnswers) {
  EXPECT_EQ(written(200, {{"Content-Type", "application/json"}}, "[]"),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]");
  EXPECT_EQ(written(204, {}, ""), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(written(404, {}, "", {.close = true}),
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(written(200, {}, "abc", {.to_head = true}),
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(
      written(101, {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}}, ""),
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  EXPECT_TRUE(written(299, {}, "").starts_with("HTTP/1.1 299 Status\r\n"));
}

TEST(Http1Response, ChunkedAnswers) {
  Bytes out;
  ASSERT_TRUE(write_chunked_head(200, {}, {}, out));
  write_chunk(as_bytes("0123456789abcdef"), out);
  write_chunk({}, out);
  write_chunk(as_bytes("z"), out);
  write_last_chunk(out);
  EXPECT_EQ(as_text(out),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            "10\r\n0123456789abcdef\r\n1\r\nz\r\n0\r\n\r\n");
}

TEST(Http1Response, ValuesFromOutsideCannotSplitAnAnswer) {
  for (const auto& [name, value] : std::vector<ResponseHeader>{
           {"iothub-app-a", "x\r\nSet-Cookie: y"},
           {"iothub-app-a", "x\n"},
           {"iothub-app-a", std::string("x\0y", 3)},
           {"iothub-app-a b", "x"},
           {"iothub-app-a:", "x"},
           {"", "x"},
       }) {
    Bytes out;
    const std::vector<ResponseHeader> headers = {{name, value}};
    EXPECT_TRUE(write_response(200, headers, {}, {}, out).error().is(kUnsafeHeader)) << name;
    EXPECT_TRUE(write_chunked_head(200, headers, {}, out).error().is(kUnsafeHeader)) << name;
    EXPECT_TRUE(out.empty());
  }
}

TEST(Http1Response, Dates) {
  EXPECT_EQ(http_date(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT") << "RFC 9110";
  EXPECT_EQ(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(http_date(-5), http_date(0));
  EXPECT_EQ(http_date(253'402'300'800), "Fri, 31 Dec 9999 23:59:59 GMT");
}

}  // namespace
}  // namespace pavise::http1
