// Message routes of a hub and the endpoints they lead to, as values.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/clock.h"

namespace pavise::hub::store {

inline constexpr std::size_t kRoutesMax = 100;                  // of a hub, documented
inline constexpr std::size_t kRoutingEndpointsMax = 10;         // of a hub, documented
inline constexpr std::size_t kRoutingEndpointsOfStoreMax = 64;  // each has a thread
inline constexpr std::size_t kRouteNameSizeMax = 64;
inline constexpr std::size_t kRouteConditionSizeMax = 8192;  // what the query language reads
inline constexpr std::size_t kEndpointAddressSizeMax = 2048;
inline constexpr std::size_t kEndpointTopicSizeMax = 249;  // as Kafka has it
inline constexpr std::size_t kEndpointUserSizeMax = 256;
inline constexpr std::size_t kEndpointSecretSizeMax = 4096;
inline constexpr std::size_t kEndpointCaSizeMax = 64UL * 1024;

// The endpoint that every hub has: its events, read over AMQP. No record stands for it.
inline constexpr std::string_view kBuiltInEndpoint = "events";

enum class EndpointKind : std::uint8_t { webhook = 1, nats = 2, kafka = 3 };

struct RoutingEndpointRecord {
  std::int64_t number = 0;  // made by the store, never used twice
  std::string name{};       // 1 to 64 of A-Z a-z 0-9 . _ -; not kBuiltInEndpoint
  EndpointKind kind = EndpointKind::webhook;
  std::string address{};  // https://HOST[:PORT][/PATH]; HOST:PORT[,HOST:PORT]
  std::string topic{};    // the subject, the topic; of a webhook empty
  std::string user{};
  // The webhook's Authorization header, a password or token. Is in no error and no answer.
  std::string secret{};
  std::string ca_pem{};  // empty: the authorities of the system
  bool tls = true;       // false only for what has no secret
  // Set by the store, as are those below. The next record of the event log that it is to get.
  std::uint64_t cursor = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dead_letters = 0;  // messages that it refused for good
  std::uint64_t gaps = 0;          // times that retention took records before they were delivered
  UnixMillis created_ms = 0;
  UnixMillis updated_ms = 0;
  std::string etag{};
};

// What the router reports of an endpoint; counts are added.
struct RoutingProgress {
  std::int64_t number = 0;  // of the endpoint
  std::uint64_t cursor = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dead_letters = 0;
  std::uint64_t gaps = 0;
};

enum class RouteSource : std::uint8_t {
  device_messages = 1,
  twin_changes = 2,
  device_lifecycle = 3,
  connection_state = 4,
};

struct RouteRecord {
  std::string name{};  // 1 to 64 of A-Z a-z 0-9 . _ -; not "$fallback"
  RouteSource source = RouteSource::device_messages;
  bool enabled = true;
  std::string endpoint{};          // kBuiltInEndpoint or a RoutingEndpointRecord's name
  std::string condition = "true";  // checked by the caller
  UnixMillis created_ms = 0;       // set by the store, as are the next two
  UnixMillis updated_ms = 0;
  std::string etag{};
};

}  // namespace pavise::hub::store
