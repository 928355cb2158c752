// Errors of the IoT Hub dialect: PV-IOT-nnn.
#pragma once

#include "common/base/result.h"

namespace pavise::iothub {

inline constexpr ErrorInfo kBadUsername{
    "PV-IOT-001", Retry::never, "the MQTT user name is not of the IoT Hub form",
    "Send {host}/{client id}/?api-version={version} as the user name."};
inline constexpr ErrorInfo kNoApiVersion{"PV-IOT-002", Retry::never,
                                         "the MQTT user name names no api-version",
                                         "Add ?api-version=2021-04-12 to the user name."};
inline constexpr ErrorInfo kBadEscape{"PV-IOT-003", Retry::never,
                                      "a percent escape is cut short or not hexadecimal",
                                      "Encode reserved characters as % and two hex digits."};
inline constexpr ErrorInfo kTooManyProperties{"PV-IOT-004", Retry::never,
                                              "a message has more properties than the limit",
                                              "Put the data into the message body."};
inline constexpr ErrorInfo kPropertiesTooLarge{"PV-IOT-005", Retry::never,
                                               "the properties of a message exceed their limit",
                                               "Put the data into the message body."};
inline constexpr ErrorInfo kBadPropertyKey{"PV-IOT-006", Retry::never,
                                           "a property has an empty name",
                                           "Write properties as name=value&name=value."};
inline constexpr ErrorInfo kUnknownTopic{"PV-IOT-007", Retry::never,
                                         "the topic is not one that a device may publish to",
                                         "See the topic table in docs/hub.md."};
inline constexpr ErrorInfo kBadRequestId{"PV-IOT-008", Retry::never,
                                         "a request topic carries no usable $rid",
                                         "End the topic with /?$rid={id}, 1 to 256 characters."};
inline constexpr ErrorInfo kBadVersion{"PV-IOT-009", Retry::never,
                                       "$version in a topic is not a decimal number",
                                       "Send the number from the last answer, or leave it out."};

}  // namespace pavise::iothub
