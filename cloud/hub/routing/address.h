// Addresses and topics of endpoints, as an administrator writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/hub/routing/errors.h"
#include "cloud/hub/store/routing_records.h"

namespace pavise::hub::routing {

inline constexpr std::size_t kServersMax = 8;  // of one NATS or Kafka endpoint

struct WebhookAddress {
  std::string host;
  std::uint16_t port = 443;
  std::string target = "/";  // path and query

  // https only; no user, no fragment. kBadAddress.
  static Result<WebhookAddress> parse(std::string_view text);
};

struct Server {
  std::string host;
  std::uint16_t port = 0;
};

// HOST:PORT[,HOST:PORT]; IPv6 in brackets. kBadAddress.
Result<std::vector<Server>> parse_servers(std::string_view text);

// A NATS subject that can be published to: tokens of printable characters between dots, no
// wildcard, nothing of the server's own ("$"). kBadTopic.
Status check_subject(std::string_view text);
// A Kafka topic: A-Z a-z 0-9 . _ -, not "." or "..". kBadTopic.
Status check_kafka_topic(std::string_view text);

// All of it that the store does not check. kBadAddress, kBadTopic, kNoKafkaLogin.
Status check_endpoint(const store::RoutingEndpointRecord& record);

}  // namespace pavise::hub::routing
