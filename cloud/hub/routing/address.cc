#include "cloud/hub/routing/address.h"

#include <algorithm>

#include "common/net/url.h"

namespace pavise::hub::routing {
namespace {

constexpr std::string_view kScheme = "https://";

bool is_visible(char c) {
  return c > 0x20 && c < 0x7F;
}

Error bad_address(std::string_view what) {
  return Error(kBadAddress, std::string(what));
}

// The parser of URLs knows hosts and ports.
Result<net::Url> host_and_port(std::string_view text) {
  auto url = net::Url::parse(std::string(kScheme).append(text));
  if (!url) return bad_address("host or port");
  return url;
}

}  // namespace

Result<WebhookAddress> WebhookAddress::parse(std::string_view text) {
  if (text.size() > store::kEndpointAddressSizeMax) return bad_address("too long");
  if (!text.starts_with(kScheme)) return bad_address("https:// is needed");
  text.remove_prefix(kScheme.size());
  const std::size_t end = std::min(text.find_first_of("/?#"), text.size());
  PAVISE_TRY_ASSIGN(net::Url url, host_and_port(text.substr(0, end)));
  WebhookAddress out{std::move(url.host), url.port, std::string(text.substr(end))};
  if (!out.target.starts_with('/')) out.target.insert(0, 1, '/');
  const bool plain =
      std::ranges::all_of(out.target, [](char c) { return is_visible(c) && c != '#'; });
  if (!plain) return bad_address("path");
  return out;
}

Result<std::vector<Server>> parse_servers(std::string_view text) {
  if (text.size() > store::kEndpointAddressSizeMax) return bad_address("too long");
  std::vector<Server> out;
  for (;;) {
    const std::size_t end = text.find(',');
    const std::string_view one = text.substr(0, end);
    const std::size_t colon = one.rfind(':');
    // Without a port there is nothing to fall back to; the colon of an IPv6 address is none.
    if (colon == std::string_view::npos || one.find(']', colon) != std::string_view::npos ||
        one.find('/') != std::string_view::npos)
      return bad_address("HOST:PORT");
    PAVISE_TRY_ASSIGN(net::Url url, host_and_port(one));
    if (out.size() >= kServersMax) return bad_address("too many servers");
    out.push_back({std::move(url.host), url.port});
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

Status check_subject(std::string_view text) {
  const Error bad(kBadTopic, "subject");
  if (text.empty() || text.size() > store::kEndpointTopicSizeMax || text.front() == '$') return bad;
  if (text.front() == '.' || text.back() == '.' || text.find("..") != std::string_view::npos)
    return bad;
  if (!std::ranges::all_of(text, [](char c) { return is_visible(c) && c != '*' && c != '>'; }))
    return bad;
  return {};
}

Status check_kafka_topic(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (text.empty() || text.size() > store::kEndpointTopicSizeMax || !plain || text == "." ||
      text == "..")
    return Error(kBadTopic, "topic");
  return {};
}

Status check_endpoint(const store::RoutingEndpointRecord& record) {
  switch (record.kind) {
    case store::EndpointKind::webhook:
      PAVISE_TRY(WebhookAddress::parse(record.address));
      return {};
    case store::EndpointKind::nats:
      PAVISE_TRY(parse_servers(record.address));
      return check_subject(record.topic);
    case store::EndpointKind::kafka:
      if (!record.user.empty() || !record.secret.empty())
        return Error(kNoKafkaLogin, record.user.empty() ? "secret" : "user");
      PAVISE_TRY(parse_servers(record.address));
      return check_kafka_topic(record.topic);
  }
  return kBadAddress;
}

}  // namespace pavise::hub::routing
