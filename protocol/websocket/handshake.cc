#include "protocol/websocket/handshake.h"

#include <algorithm>
#include <optional>

#include "common/crypto/crypto.h"

namespace pavise::websocket {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeySize = 16;

// The value of a header that must come exactly once.
std::optional<std::string_view> only(const http1::RequestHead& head, std::string_view name) {
  if (std::ranges::count(head.headers, name, &http1::Header::name) != 1) return std::nullopt;
  return *head.header(name);
}

// A list may come in several headers (RFC 9110 section 5.3).
bool any_list_has(const http1::RequestHead& head, std::string_view name, std::string_view item) {
  return std::ranges::any_of(head.headers, [&](const http1::Header& header) {
    return header.name == name && http1::list_has(header.value, item);
  });
}

struct Choice {
  std::string_view spoken;
  std::string_view offered;  // the same in the client's letters
};

// Whatever the case of its letters: the C client offers MQTT.
std::optional<Choice> choose(const http1::RequestHead& head,
                             std::span<const std::string_view> spoken) {
  for (const http1::Header& header : head.headers) {
    if (header.name != "sec-websocket-protocol") continue;
    std::string_view list = header.value;
    while (true) {
      const std::size_t comma = list.find(',');
      const std::string_view offered = http1::trimmed(list.substr(0, comma));
      for (const std::string_view each : spoken)
        if (http1::equal_folded(each, offered)) return Choice{each, offered};
      if (comma == std::string_view::npos) break;
      list.remove_prefix(comma + 1);
    }
  }
  return std::nullopt;
}

}  // namespace

bool wants_upgrade(const http1::RequestHead& head) {
  return any_list_has(head, "upgrade", "websocket");
}

std::string accept_value(std::string_view key) {
  return to_base64(crypto::sha1(as_bytes(std::string(key).append(kGuid))));
}

Result<Accepted> accept(const http1::RequestHead& head, std::span<const std::string_view> spoken) {
  if (head.method != "GET") return Error(kNoUpgrade, "the method");
  if (head.has_body()) return Error(kNoUpgrade, "a body");
  if (!wants_upgrade(head) || !any_list_has(head, "connection", "upgrade"))
    return Error(kNoUpgrade, "Upgrade and Connection");
  const auto key = only(head, "sec-websocket-key");
  const auto nonce = key ? from_base64(*key) : std::nullopt;
  if (!nonce || nonce->size() != kKeySize) return Error(kNoUpgrade, "Sec-WebSocket-Key");
  const auto version = only(head, "sec-websocket-version");
  if (!version) return Error(kNoUpgrade, "Sec-WebSocket-Version");
  if (*version != "13") return kOtherVersion;
  const auto choice = choose(head, spoken);
  if (!choice) return kNoSubprotocol;
  return Accepted{choice->spoken,
                  {{"Upgrade", "websocket"},
                   {"Connection", "Upgrade"},
                   {"Sec-WebSocket-Accept", accept_value(*key)},
                   {"Sec-WebSocket-Protocol", std::string(choice->offered)}}};
}

int status_of(const Error& error) {
  return error.is(kOtherVersion) ? 426 : 400;
}

std::vector<http1::ResponseHeader> refusal_headers(const Error& error) {
  if (!error.is(kOtherVersion)) return {};
  return {{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}};
}

}  // namespace pavise::websocket
