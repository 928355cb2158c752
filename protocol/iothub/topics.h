// The MQTT topics of the IoT Hub dialect, both ways (reference: iothub-dps-wire A3).
// Parsers borrow the text they are given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/result.h"
#include "protocol/iothub/errors.h"

namespace pavise::iothub {

inline constexpr std::size_t kRequestIdSizeMax = 256;

// --- Topics a device publishes to ------------------------------------------------------------

struct TelemetryTopic {
  std::string_view device;
  std::optional<std::string_view> module_id;
  std::string_view property_bag;  // still encoded; PropertyBag::parse reads it
};
struct TwinGetTopic {
  std::string_view request_id;  // opaque: echoed as received
};
struct ReportedPatchTopic {
  std::string_view request_id;
  std::optional<std::uint64_t> if_version;
};
struct MethodResponseTopic {
  std::string_view request_id;
  int status = 0;
};
using DeviceTopic =
    std::variant<TelemetryTopic, TwinGetTopic, ReportedPatchTopic, MethodResponseTopic>;

// kUnknownTopic, kBadRequestId, kBadVersion. The property bag is not looked into.
Result<DeviceTopic> parse_device_topic(std::string_view topic);

// An id as a topic carries it: as it is, or percent-encoded, as some clients send it.
bool names_id(std::string_view segment, std::string_view id);

std::string telemetry_topic(std::string_view device, std::string_view encoded_bag = {});
// A module's output is a property of its telemetry: "$.on={output}" in the bag.
std::string module_telemetry_topic(std::string_view device, std::string_view module_id,
                                   std::string_view encoded_bag = {});
std::string method_response_topic(int status, std::string_view request_id);
std::string twin_get_topic(std::string_view request_id);
std::string reported_patch_topic(std::string_view request_id,
                                 std::optional<std::uint64_t> if_version = std::nullopt);

// --- Topics the hub publishes to --------------------------------------------------------------

struct TwinResponseTopic {
  int status = 0;
  std::string_view request_id;
  std::optional<std::uint64_t> version;
};
struct DesiredPatchTopic {
  std::uint64_t version = 0;
};
using HubTopic = std::variant<TwinResponseTopic, DesiredPatchTopic>;

// For the device side: kUnknownTopic, kBadRequestId, kBadVersion.
Result<HubTopic> parse_hub_topic(std::string_view topic);

std::string twin_response_topic(int status, std::string_view request_id,
                                std::optional<std::uint64_t> version = std::nullopt);
std::string desired_patch_topic(std::uint64_t version);

// A direct method. Names are 1 to kMethodNameSizeMax bytes, without control characters.
inline constexpr std::size_t kMethodNameSizeMax = 128;
bool is_valid_method_name(std::string_view name);

// "$iothub/methods/POST/{name}/?$rid={rid}": node reads it as a URL, so the slash before the '?' is
// needed. Only what would break a topic or a URL is escaped, since most clients do not decode the
// name ("component*command" stays). Preconditions: a valid name, an id as parse_device_topic takes.
std::string method_topic(std::string_view name, std::string_view request_id);
struct MethodTopic {
  std::string name;  // decoded
  std::string_view request_id;
};
// For the device side: kUnknownTopic, kBadRequestId, kBadEscape.
Result<MethodTopic> parse_method_topic(std::string_view topic);

// A cloud-to-device message, or a message to a module's input. `root` is
// "devices/{id}/[modules/{mid}/]": identity_root(), or SubscriptionMatch::root where the client
// wrote its ids in its own way. The bag is PropertyBag::encode().
std::string identity_root(std::string_view device, std::string_view module_id = {});
std::string message_topic(std::string_view root, std::string_view encoded_bag);
std::string input_topic(std::string_view root, std::string_view input,
                        std::string_view encoded_bag);

// --- Filters a device may subscribe to ----------------------------------------------------------

enum class Subscription : std::uint8_t {
  messages = 1,         // devices/{id}[/modules/{mid}]/messages/devicebound/#
  methods = 2,          // $iothub/methods/POST/#
  twin_responses = 4,   // $iothub/twin/res/#
  desired_patches = 8,  // $iothub/twin/PATCH/properties/desired/#
  inputs = 16,          // devices/{id}/modules/{mid}/inputs/#
};
using Subscriptions = std::uint8_t;  // a set of Subscription
constexpr bool has(Subscriptions set, Subscription one) {
  return (set & static_cast<Subscriptions>(one)) != 0;
}

inline constexpr std::string_view kTwinResponseFilter = "$iothub/twin/res/#";
inline constexpr std::string_view kDesiredPatchFilter = "$iothub/twin/PATCH/properties/desired/#";
inline constexpr std::string_view kMethodFilter = "$iothub/methods/POST/#";
std::string messages_filter(std::string_view device);
std::string inputs_filter(std::string_view device, std::string_view module_id);

// nullopt: not one of the documented filters of this device.
std::optional<Subscription> parse_subscription(std::string_view filter, std::string_view device);

// What a filter of this identity asks for; `module_id` is empty for a device. nullopt: not one of
// the documented filters, or of another identity.
struct SubscriptionMatch {
  Subscriptions kinds = 0;  // c's "devices/{id}/modules/{mid}/#" asks for messages and inputs
  std::string_view root;    // borrowed: "devices/{id}/[modules/{mid}/]"; empty for "$iothub/..."
};
std::optional<SubscriptionMatch> match_subscription(std::string_view filter,
                                                    std::string_view device,
                                                    std::string_view module_id = {});

}  // namespace pavise::iothub
