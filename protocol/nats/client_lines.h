// What a client sends to a NATS server, as bytes. Nothing that is given can end a line early.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/nats/errors.h"

namespace pavise::nats {

struct Login {
  std::string user{};    // empty: the secret is a token
  std::string secret{};  // empty: none
};

using Header = std::pair<std::string, std::string>;

// CONNECT, without the server's +OK to each line.
std::string connect_line(const Login& login, bool tls);
// kCannotPublish: a subject that holds a space or control character.
Result<std::string> subscribe_line(std::string_view subject, std::uint64_t id);
// HPUB with these headers, in their order: names that are none are left out, and what would end a
// value is percent-encoded. kCannotPublish: a subject; more than `max_payload`.
Result<Bytes> publication(std::string_view subject, std::string_view reply,
                          std::span<const Header> headers, ByteView payload,
                          std::uint64_t max_payload);
inline constexpr std::string_view kPingLine = "PING\r\n";
inline constexpr std::string_view kPongLine = "PONG\r\n";

}  // namespace pavise::nats
