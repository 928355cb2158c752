// The opening handshake of a WebSocket, server side (RFC 6455 section 4.2).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/http1/request_parser.h"
#include "protocol/http1/response_writer.h"
#include "protocol/websocket/errors.h"

namespace pavise::websocket {

inline constexpr std::string_view kMqtt = "mqtt";
inline constexpr std::string_view kAmqp = "AMQPWSB10";

// True if the request wants to become a WebSocket; whether it does so correctly, accept() says.
bool wants_upgrade(const http1::RequestHead& head);

struct Accepted {
  std::string_view subprotocol;                // one of `spoken`
  std::vector<http1::ResponseHeader> headers;  // of the answer with status 101
};
// kNoUpgrade, kOtherVersion, kNoSubprotocol. `spoken` must outlive the result.
Result<Accepted> accept(const http1::RequestHead& head, std::span<const std::string_view> spoken);

// How to refuse: 400, or 426 with the version that works.
int status_of(const Error& error);
std::vector<http1::ResponseHeader> refusal_headers(const Error& error);

// Sec-WebSocket-Accept for a Sec-WebSocket-Key.
std::string accept_value(std::string_view key);

}  // namespace pavise::websocket
