#include "cloud/hub/routing/message.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "protocol/iothub/hub_error.h"
#include "protocol/iothub/property_bag.h"

namespace pavise::hub::routing {

namespace json = boost::json;
using store::RouteSource;

namespace {

struct SystemName {
  std::string_view bag;    // in a property bag; empty: the hub knows it
  std::string_view query;  // in a condition
  std::string_view shown;
};

constexpr auto kNames = std::to_array<SystemName>({
    {"$.mid", "messageId", "message-id"},
    {"$.cid", "correlationId", "correlation-id"},
    {"$.uid", "userId", "user-id"},
    {"$.ct", "contentType", "content-type"},
    {"$.ce", "contentEncoding", "content-encoding"},
    {"$.ctime", "creationTimeUtc", "iothub-creation-time-utc"},
    {"$.on", "outputName", "iothub-outputname"},
    {"$.sub", "dt-subject", "dt-subject"},
    {"$.ifid", "interfaceId", "iothub-interface-id"},
    {"", "connectionDeviceId", "iothub-connection-device-id"},
    {"", "connectionModuleId", "iothub-connection-module-id"},
    {"", "connectionAuthMethod", "iothub-connection-auth-method"},
    {"", "connectionDeviceGenerationId", "iothub-connection-auth-generation-id"},
    {"", "enqueuedTime", "iothub-enqueuedtime"},
    {"", "messageSource", "iothub-message-source"},
});

struct SourceName {
  RouteSource source;
  std::string_view name;    // of routes
  std::string_view origin;  // in records
};
constexpr auto kSources = std::to_array<SourceName>({
    {RouteSource::device_messages, "DeviceMessages", ""},
    {RouteSource::twin_changes, "TwinChangeEvents", "twinChangeEvents"},
    {RouteSource::device_lifecycle, "DeviceLifecycleEvents", "deviceLifecycleEvents"},
    {RouteSource::connection_state, "DeviceConnectionStateEvents", "deviceConnectionStateEvents"},
});

std::vector<query::NamedText> borrowed(const Properties& properties) {
  std::vector<query::NamedText> out;
  out.reserve(properties.size());
  for (const auto& [name, value] : properties) out.push_back({name, value});
  return out;
}

json::object object_of(const Properties& properties) {
  json::object out;
  for (const auto& [name, value] : properties) out[name] = value;
  return out;
}

bool is_json(std::string_view text) {
  boost::system::error_code failed;
  json::stream_parser parser;
  parser.write(text.data(), text.size(), failed);
  if (!failed) parser.finish(failed);
  return !failed;
}

bool same_folded(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return low(x) == low(y);
  });
}

}  // namespace

std::optional<Message> Message::of(Record record) {
  RecordOrigin origin = RecordOrigin::parse(record.origin);
  if (origin.source == "Telemetry") origin.source.clear();
  const auto source = std::ranges::find(kSources, origin.source, &SourceName::origin);
  if (source == kSources.end()) return std::nullopt;
  Message out{.offset = record.offset,
              .time_ms = record.time_ms,
              .source = source->source,
              .hub = std::move(record.hub),
              .device = std::move(record.device),
              .module_id = std::move(origin.module_id),
              .body = std::move(record.payload)};
  out.system = {{"iothub-connection-device-id", out.device},
                {"iothub-enqueuedtime", iothub::to_iso8601(out.time_ms)},
                {"iothub-message-source", origin.source.empty() ? "Telemetry" : origin.source}};
  const auto add = [&](std::string_view name, std::string value) {
    if (!value.empty()) out.system.emplace_back(name, std::move(value));
  };
  add("iothub-connection-module-id", out.module_id);
  add("iothub-connection-auth-method", std::move(origin.auth_method));
  add("iothub-connection-auth-generation-id", std::move(origin.generation_id));
  const auto bag = iothub::PropertyBag::parse(record.properties);
  if (!bag) return out;  // was checked when it came in
  for (const iothub::Property& property : bag->all()) {
    if (!property.name.starts_with("$.")) {
      out.application.emplace_back(property.name, property.value);
      continue;
    }
    const auto name = std::ranges::find(kNames, property.name, &SystemName::bag);
    if (name != kNames.end()) out.system.emplace_back(name->shown, property.value);
  }
  return out;
}

std::size_t Message::size_bytes() const {
  std::size_t out = body.size();
  for (const Properties* all : {&system, &application})
    for (const auto& [name, value] : *all) out += name.size() + value.size();
  return out;
}

const std::string* Message::system_value(std::string_view name) const {
  const auto found = std::ranges::find(
      system, name, [](const auto& pair) -> std::string_view { return pair.first; });
  return found == system.end() ? nullptr : &found->second;
}

bool Message::has_json_body() const {
  const std::string* type = system_value("content-type");
  const std::string* encoding = system_value("content-encoding");
  if (type == nullptr || (encoding != nullptr && !same_folded(*encoding, "utf-8"))) return false;
  std::string_view essence = std::string_view(*type).substr(0, type->find(';'));
  while (essence.ends_with(' ')) essence.remove_suffix(1);
  return same_folded(essence, "application/json") && is_json(as_text(body));
}

std::string_view source_name(RouteSource source) {
  const auto found = std::ranges::find(kSources, source, &SourceName::source);
  return found == kSources.end() ? std::string_view() : found->name;
}

std::optional<RouteSource> source_of(std::string_view name) {
  const auto found = std::ranges::find_if(
      kSources, [&](const SourceName& each) { return same_folded(each.name, name); });
  if (found == kSources.end()) return std::nullopt;
  return found->source;
}

std::string_view shown_name(std::string_view name) {
  const auto found = std::ranges::find_if(kNames, [&](const SystemName& each) {
    return same_folded(each.query, name) || same_folded(each.shown, name);
  });
  return found == kNames.end() ? std::string_view() : found->shown;
}

std::vector<query::NamedText> system_of(const Message& message) {
  std::vector<query::NamedText> out = borrowed(message.system);
  for (const auto& [name, value] : message.system) {
    const auto known = std::ranges::find(kNames, name, &SystemName::shown);
    if (known != kNames.end()) out.push_back({known->query, value});
  }
  return out;
}

std::vector<query::NamedText> application_of(const Message& message) {
  return borrowed(message.application);
}

std::string json_batch(std::span<const Message> messages) {
  std::string out = "[";
  for (const Message& message : messages) {
    if (out.size() > 1) out += ',';
    json::array routes;
    for (const std::string& route : message.routes) routes.emplace_back(route);
    const bool is_json_body = message.has_json_body();
    json::object head{{"id", message.id()},
                      {"offset", message.offset},
                      {"enqueuedTime", iothub::to_iso8601(message.time_ms)},
                      {"hub", message.hub},
                      {"routes", std::move(routes)},
                      {"systemProperties", object_of(message.system)},
                      {"properties", object_of(message.application)},
                      {"bodyEncoding", is_json_body ? "json" : "base64"}};
    std::string text = json::serialize(head);
    text.back() = ',';
    out += text;
    // As it was sent: reading and writing it again could change numbers.
    out.append("\"body\":");
    if (is_json_body)
      out += as_text(message.body);
    else
      out.append("\"").append(to_base64(message.body)).append("\"");
    out += '}';
  }
  return out + "]";
}

}  // namespace pavise::hub::routing
