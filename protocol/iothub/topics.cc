#include "protocol/iothub/topics.h"

#include <algorithm>
#include <charconv>

#include "protocol/iothub/percent.h"

namespace pavise::iothub {
namespace {

constexpr std::string_view kTwinGet = "$iothub/twin/GET/";
constexpr std::string_view kReportedPatch = "$iothub/twin/PATCH/properties/reported/";
constexpr std::string_view kMethodResponse = "$iothub/methods/res/";
constexpr std::string_view kTwinResponse = "$iothub/twin/res/";
constexpr std::string_view kDesiredPatch = "$iothub/twin/PATCH/properties/desired/";
constexpr std::string_view kEvents = "/messages/events";
constexpr std::string_view kMethodRequest = "$iothub/methods/POST/";
constexpr std::string_view kDevices = "devices/";
constexpr std::string_view kModules = "modules/";
constexpr std::string_view kMessages = "messages/devicebound/";
constexpr std::string_view kInputs = "inputs/";

bool strip_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (text.front() == '-' || text.front() == '+') return std::nullopt;
  return value;
}

// First value of a key in "?key=value&...".
std::optional<std::string_view> query_value(std::string_view query, std::string_view key) {
  if (!strip_prefix(query, "?")) return std::nullopt;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    if (strip_prefix(pair, key) && strip_prefix(pair, "=")) return pair;
  }
  return std::nullopt;
}

Result<std::string_view> request_id_of(std::string_view query) {
  const auto id = query_value(query, "$rid");
  if (!id || id->empty() || id->size() > kRequestIdSizeMax) return kBadRequestId;
  // It comes back in a topic name, where wildcards are not allowed.
  if (id->find_first_of("+#") != std::string_view::npos) return kBadRequestId;
  return *id;
}

Result<std::optional<std::uint64_t>> version_of(std::string_view query) {
  const auto text = query_value(query, "$version");
  if (!text) return std::optional<std::uint64_t>{};
  const auto number = whole_number<std::uint64_t>(*text);
  if (!number) return kBadVersion;
  return number;
}

// "{status}/" off the front.
Result<int> status_of(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return kUnknownTopic;
  const auto status = whole_number<int>(rest.substr(0, slash));
  if (!status) return kUnknownTopic;
  rest.remove_prefix(slash + 1);
  return *status;
}

Result<DeviceTopic> parse_telemetry(std::string_view rest) {
  TelemetryTopic out;
  const std::size_t id_end = rest.find('/');
  if (id_end == std::string_view::npos || id_end == 0) return kUnknownTopic;
  out.device = rest.substr(0, id_end);
  rest.remove_prefix(id_end);
  if (strip_prefix(rest, "/modules/")) {
    const std::size_t module_end = rest.find('/');
    if (module_end == std::string_view::npos || module_end == 0) return kUnknownTopic;
    out.module_id = rest.substr(0, module_end);
    rest.remove_prefix(module_end);
  }
  if (!strip_prefix(rest, kEvents)) return kUnknownTopic;
  if (!rest.empty() && !strip_prefix(rest, "/")) return kUnknownTopic;
  out.property_bag = rest;
  return DeviceTopic(out);
}

std::string with_version(std::string topic, std::optional<std::uint64_t> version) {
  if (version) topic.append("&$version=").append(std::to_string(*version));
  return topic;
}

}  // namespace

Result<DeviceTopic> parse_device_topic(std::string_view topic) {
  std::string_view rest = topic;
  if (strip_prefix(rest, kDevices)) return parse_telemetry(rest);
  if (strip_prefix(rest, kTwinGet)) {
    PAVISE_TRY_ASSIGN(const auto id, request_id_of(rest));
    return DeviceTopic(TwinGetTopic{id});
  }
  if (strip_prefix(rest, kReportedPatch)) {
    PAVISE_TRY_ASSIGN(const auto id, request_id_of(rest));
    PAVISE_TRY_ASSIGN(const auto version, version_of(rest));
    return DeviceTopic(ReportedPatchTopic{id, version});
  }
  if (strip_prefix(rest, kMethodResponse)) {
    PAVISE_TRY_ASSIGN(const int status, status_of(rest));
    PAVISE_TRY_ASSIGN(const auto id, request_id_of(rest));
    return DeviceTopic(MethodResponseTopic{id, status});
  }
  return kUnknownTopic;
}

bool names_id(std::string_view segment, std::string_view id) {
  if (segment == id) return true;
  if (!segment.contains('%')) return false;
  const auto decoded = percent_decode(segment);
  return decoded && *decoded == id;
}

std::string telemetry_topic(std::string_view device, std::string_view encoded_bag) {
  std::string out(kDevices);
  return out.append(device).append(kEvents).append("/").append(encoded_bag);
}

std::string module_telemetry_topic(std::string_view device, std::string_view module_id,
                                   std::string_view encoded_bag) {
  std::string out(kDevices);
  out.append(device).append("/").append(kModules).append(module_id);
  return out.append(kEvents).append("/").append(encoded_bag);
}

std::string method_response_topic(int status, std::string_view request_id) {
  std::string out(kMethodResponse);
  return out.append(std::to_string(status)).append("/?$rid=").append(request_id);
}

std::string twin_get_topic(std::string_view request_id) {
  return std::string(kTwinGet).append("?$rid=").append(request_id);
}

std::string reported_patch_topic(std::string_view request_id,
                                 std::optional<std::uint64_t> if_version) {
  return with_version(std::string(kReportedPatch).append("?$rid=").append(request_id), if_version);
}

Result<HubTopic> parse_hub_topic(std::string_view topic) {
  std::string_view rest = topic;
  if (strip_prefix(rest, kTwinResponse)) {
    PAVISE_TRY_ASSIGN(const int status, status_of(rest));
    PAVISE_TRY_ASSIGN(const auto id, request_id_of(rest));
    PAVISE_TRY_ASSIGN(const auto version, version_of(rest));
    return HubTopic(TwinResponseTopic{status, id, version});
  }
  if (strip_prefix(rest, kDesiredPatch)) {
    PAVISE_TRY_ASSIGN(const auto version, version_of(rest));
    if (!version) return kBadVersion;
    return HubTopic(DesiredPatchTopic{*version});
  }
  return kUnknownTopic;
}

std::string twin_response_topic(int status, std::string_view request_id,
                                std::optional<std::uint64_t> version) {
  std::string out(kTwinResponse);
  out.append(std::to_string(status)).append("/?$rid=").append(request_id);
  return with_version(std::move(out), version);
}

std::string desired_patch_topic(std::uint64_t version) {
  return std::string(kDesiredPatch).append("?$version=").append(std::to_string(version));
}

bool is_valid_method_name(std::string_view name) {
  return !name.empty() && name.size() <= kMethodNameSizeMax &&
         std::ranges::none_of(
             name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string method_topic(std::string_view name, std::string_view request_id) {
  constexpr std::string_view kEscaped = " %/?#+&\"<>\\^`{|}";
  PAVISE_CHECK(is_valid_method_name(name));
  std::string out(kMethodRequest);
  for (const char c : name) {
    if (static_cast<unsigned char>(c) >= 0x80 || kEscaped.contains(c))
      out.append(percent_encode({&c, 1}));
    else
      out.push_back(c);
  }
  return out.append("/?$rid=").append(request_id);
}

Result<MethodTopic> parse_method_topic(std::string_view topic) {
  if (!strip_prefix(topic, kMethodRequest)) return kUnknownTopic;
  const std::size_t end = topic.find('/');
  if (end == std::string_view::npos) return kUnknownTopic;
  MethodTopic out;
  PAVISE_TRY_ASSIGN(out.name, percent_decode(topic.substr(0, end)));
  if (!is_valid_method_name(out.name)) return kUnknownTopic;
  PAVISE_TRY_ASSIGN(out.request_id, request_id_of(topic.substr(end + 1)));
  return out;
}

std::string identity_root(std::string_view device, std::string_view module_id) {
  std::string out(kDevices);
  const auto add = [&](std::string_view id) {
    for (const char c : id) {
      // Wildcards are legal in ids; a PUBLISH must not have them ([MQTT-3.3.2-2]).
      if (c == '+' || c == '#')
        out.append(percent_encode({&c, 1}));
      else
        out.push_back(c);
    }
    out.append("/");
  };
  add(device);
  if (module_id.empty()) return out;
  out.append(kModules);
  add(module_id);
  return out;
}

std::string message_topic(std::string_view root, std::string_view encoded_bag) {
  return std::string(root).append(kMessages).append(encoded_bag);
}

std::string input_topic(std::string_view root, std::string_view input,
                        std::string_view encoded_bag) {
  std::string out(root);
  return out.append(kInputs).append(percent_encode(input)).append("/").append(encoded_bag);
}

std::string messages_filter(std::string_view device) {
  return message_topic(identity_root(device), "#");
}

std::string inputs_filter(std::string_view device, std::string_view module_id) {
  return identity_root(device, module_id).append(kInputs).append("#");
}

std::optional<SubscriptionMatch> match_subscription(std::string_view filter,
                                                    std::string_view device,
                                                    std::string_view module_id) {
  constexpr auto kBit = [](Subscription one) { return static_cast<Subscriptions>(one); };
  if (filter == kTwinResponseFilter)
    return SubscriptionMatch{kBit(Subscription::twin_responses), {}};
  if (filter == kDesiredPatchFilter)
    return SubscriptionMatch{kBit(Subscription::desired_patches), {}};
  if (filter == kMethodFilter) return SubscriptionMatch{kBit(Subscription::methods), {}};

  std::string_view rest = filter;
  const auto strip_id = [&](std::string_view id) {
    const std::size_t end = rest.find('/');
    if (end == std::string_view::npos || !names_id(rest.substr(0, end), id)) return false;
    rest.remove_prefix(end + 1);
    return true;
  };
  if (!strip_prefix(rest, kDevices) || !strip_id(device)) return std::nullopt;
  if (!module_id.empty() && (!strip_prefix(rest, kModules) || !strip_id(module_id)))
    return std::nullopt;
  const std::string_view root = filter.substr(0, filter.size() - rest.size());
  if (rest == "messages/devicebound/#")
    return SubscriptionMatch{kBit(Subscription::messages), root};
  if (module_id.empty()) return std::nullopt;
  if (rest == "inputs/#") return SubscriptionMatch{kBit(Subscription::inputs), root};
  if (rest == "#")
    return SubscriptionMatch{
        static_cast<Subscriptions>(kBit(Subscription::inputs) | kBit(Subscription::messages)),
        root};
  return std::nullopt;
}

std::optional<Subscription> parse_subscription(std::string_view filter, std::string_view device) {
  if (filter == kTwinResponseFilter) return Subscription::twin_responses;
  if (filter == kDesiredPatchFilter) return Subscription::desired_patches;
  if (filter == kMethodFilter) return Subscription::methods;
  if (filter == messages_filter(device)) return Subscription::messages;
  return std::nullopt;
}

}  // namespace pavise::iothub
