#include "protocol/websocket/handshake.h"

#include <gtest/gtest.h>

namespace pavise::websocket {
namespace {

constexpr std::string_view kSpoken[] = {kMqtt, kAmqp};
// What the ws package of the node clients sends.
constexpr std::string_view kUsual =
    "Sec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Connection: Upgrade\r\n"
    "Upgrade: websocket\r\n";

http1::RequestHead head_of(std::string_view headers, std::string_view method = "GET") {
  std::string text(method);
  text.append(" /$iothub/websocket?iothub-no-client-cert=true HTTP/1.1\r\nHost: h\r\n");
  text.append(headers).append("\r\n");
  http1::RequestParser parser;
  ByteView bytes = as_bytes(text);
  EXPECT_TRUE(parser.next(bytes)) << headers;
  return parser.head();
}

std::string usual_with(std::string_view more) {
  return std::string(kUsual).append(more);
}

TEST(WebSocketHandshake, TheSampleOfTheRfc) {
  EXPECT_EQ(accept_value("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  const auto head = head_of(usual_with("Sec-WebSocket-Protocol: mqtt\r\n"));
  EXPECT_TRUE(wants_upgrade(head));
  const auto accepted = accept(head, kSpoken);
  ASSERT_TRUE(accepted);
  Bytes out;
  ASSERT_TRUE(http1::write_response(101, accepted->headers, {}, {}, out));
  EXPECT_EQ(as_text(out),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
}

TEST(WebSocketHandshake, TheFirstSubprotocolThatIsSpokenWins) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"Sec-WebSocket-Protocol: AMQPWSB10\r\n", "AMQPWSB10"},
      {"Sec-WebSocket-Protocol: mqttv3.1, mqtt\r\n", "mqtt"},
      {"Sec-WebSocket-Protocol: x,AMQPWSB10 ,mqtt\r\n", "AMQPWSB10"},
      {"Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: mqtt\r\n", "mqtt"},
  };
  for (const auto& [headers, subprotocol] : rows) {
    const auto accepted = accept(head_of(usual_with(headers)), kSpoken);
    ASSERT_TRUE(accepted) << headers;
    EXPECT_EQ(accepted->subprotocol, subprotocol) << headers;
  }
}

TEST(WebSocketHandshake, TheSubprotocolIsAnsweredAsItWasOffered) {
  const auto accepted = accept(head_of(usual_with("Sec-WebSocket-Protocol: MQTT\r\n")), kSpoken);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->subprotocol, "mqtt");
  EXPECT_EQ(accepted->headers.back().second, "MQTT");
}

TEST(WebSocketHandshake, OtherSpellingsOfHeaders) {
  EXPECT_TRUE(accept(head_of("Upgrade: h2c, WebSocket\r\nConnection: keep-alive, upgrade\r\n"
                             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n"
                             "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
                     kSpoken));
}

TEST(WebSocketHandshake, Refusals) {
  const std::string mqtt = "Sec-WebSocket-Protocol: mqtt\r\n";
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const std::string version = "Sec-WebSocket-Version: 13\r\n";
  const std::string upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
  const struct {
    std::string headers;
    const ErrorInfo* error;
    int status;
  } rows[] = {
      {mqtt + key + version, &kNoUpgrade, 400},
      {mqtt + key + version + "Upgrade: websocket\r\n", &kNoUpgrade, 400},
      {mqtt + key + version + "Connection: Upgrade\r\n", &kNoUpgrade, 400},
      {mqtt + key + version + "Upgrade: websockets\r\nConnection: Upgrade\r\n", &kNoUpgrade, 400},
      {mqtt + version + upgrade, &kNoUpgrade, 400},
      {mqtt + version + upgrade + key + key, &kNoUpgrade, 400},
      {mqtt + version + upgrade + "Sec-WebSocket-Key: AAAA\r\n", &kNoUpgrade, 400},
      {mqtt + version + upgrade + "Sec-WebSocket-Key: not base64 at all====\r\n", &kNoUpgrade, 400},
      {mqtt + key + upgrade, &kNoUpgrade, 400},
      {mqtt + key + upgrade + version + version, &kNoUpgrade, 400},
      {mqtt + key + upgrade + version + "Content-Length: 1\r\n", &kNoUpgrade, 400},
      {mqtt + key + upgrade + "Sec-WebSocket-Version: 8\r\n", &kOtherVersion, 426},
      {mqtt + key + upgrade + "Sec-WebSocket-Version: 13, 8\r\n", &kOtherVersion, 426},
      {key + upgrade + version, &kNoSubprotocol, 400},
      {key + upgrade + version + "Sec-WebSocket-Protocol: amqp, stomp\r\n", &kNoSubprotocol, 400},
      {key + upgrade + version + "Sec-WebSocket-Protocol: \r\n", &kNoSubprotocol, 400},
  };
  for (const auto& row : rows) {
    const auto accepted = accept(head_of(row.headers), kSpoken);
    ASSERT_FALSE(accepted) << row.headers;
    EXPECT_EQ(accepted.error().code(), row.error->code) << row.headers;
    EXPECT_EQ(status_of(accepted.error()), row.status) << row.headers;
  }
  EXPECT_TRUE(accept(head_of(usual_with(mqtt), "POST"), kSpoken).error().is(kNoUpgrade));
  EXPECT_EQ(refusal_headers(Error(kOtherVersion)).back().second, "13");
  EXPECT_TRUE(refusal_headers(Error(kNoUpgrade)).empty());
}

}  // namespace
}  // namespace pavise::websocket
