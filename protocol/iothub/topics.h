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
#include "protocol/iothub/identity.h"

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

std::string telemetry_topic(std::string_view device, std::string_view encoded_bag = {});
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

// `name` is percent-encoded here; the official clients read the topic as a URL.
std::string method_request_topic(std::string_view name, std::string_view request_id);
// `encoded_bag` as PropertyBag::encode() writes it.
std::string device_message_topic(const Identity& receiver, std::string_view encoded_bag);
std::string twin_response_topic(int status, std::string_view request_id,
                                std::optional<std::uint64_t> version = std::nullopt);
std::string desired_patch_topic(std::uint64_t version);

// --- Filters a device may subscribe to ----------------------------------------------------------

enum class Subscription : std::uint8_t {
  messages = 1,         // devices/{id}/messages/devicebound/#
  methods = 2,          // $iothub/methods/POST/#
  twin_responses = 4,   // $iothub/twin/res/#
  desired_patches = 8,  // $iothub/twin/PATCH/properties/desired/#
};

inline constexpr std::string_view kTwinResponseFilter = "$iothub/twin/res/#";
inline constexpr std::string_view kDesiredPatchFilter = "$iothub/twin/PATCH/properties/desired/#";
inline constexpr std::string_view kMethodFilter = "$iothub/methods/POST/#";
std::string messages_filter(std::string_view device);

// nullopt: not one of the documented filters of this device or module. A module's inputs
// ("…/inputs/#", c: "…/{module}/#") count as its messages.
std::optional<Subscription> parse_subscription(std::string_view filter, const Identity& identity);

}  // namespace pavise::iothub
