// A record of the event log as conditions see it and as endpoints get it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/hub/segment_log/record.h"
#include "cloud/hub/store/routing_records.h"
#include "common/base/bytes.h"
#include "protocol/query/route.h"

namespace pavise::hub::routing {

using Properties = std::vector<std::pair<std::string, std::string>>;

struct Message {
  Offset offset = 0;
  UnixMillis time_ms = 0;
  store::RouteSource source = store::RouteSource::device_messages;
  std::string hub{};
  std::string device{};
  std::string module_id{};
  Properties system{};       // by the names of the Event-Hubs-compatible endpoint
  Properties application{};  // as sent
  Bytes body{};
  std::vector<std::string> routes{};  // that took it

  // nullopt: of a kind that no route can name.
  static std::optional<Message> of(Record record);
  // The same for every delivery of this message, so that receivers know a repeated one.
  std::string id() const { return hub + "/" + std::to_string(offset); }
  std::size_t size_bytes() const;
  // JSON by its own content type and encoding, and well-formed.
  bool has_json_body() const;
  const std::string* system_value(std::string_view name) const;
};

// "DeviceMessages" and so on, as IoT Hub writes them.
std::string_view source_name(store::RouteSource source);
std::optional<store::RouteSource> source_of(std::string_view name);

// Borrowed from the message: its system properties by all their names in conditions, without '$'.
std::vector<query::NamedText> system_of(const Message& message);
std::vector<query::NamedText> application_of(const Message& message);
// The name that readers see for one that conditions use ("contentType"), or for itself; empty:
// there is no such system property.
std::string_view shown_name(std::string_view name);

// [{"id":...,"systemProperties":{...},"properties":{...},"body":...}, ...]; a body that is not JSON
// is base64 and says so.
std::string json_batch(std::span<const Message> messages);

}  // namespace pavise::hub::routing
