// Errors of the monitor: PV-MON-nnn. They reach init's console and the agent's log.
#pragma once

#include "common/base/result.h"

namespace pavise::monitor {

inline constexpr ErrorInfo kUsage{"PV-MON-001", Retry::never, "the command line is wrong",
                                  "See device/monitor/README.md for the options."};
inline constexpr ErrorInfo kFile{"PV-MON-002", Retry::needs_operator,
                                 "a file that the monitor needs cannot be read",
                                 "Check the path in the detail and its permissions."};
inline constexpr ErrorInfo kOpenedAlready{"PV-MON-003", Retry::never,
                                          "the data key has been asked for in this boot already",
                                          "Reboot the device."};
inline constexpr ErrorInfo kRolledBack{
    "PV-MON-004", Retry::needs_operator,
    "this release is older than one that the device has run: its security epoch is too low",
    "Install a release with the present security epoch or a higher one."};
inline constexpr ErrorInfo kForeignBlob{"PV-MON-005", Retry::needs_operator,
                                        "the sealed data key is damaged or of another device",
                                        "Use the data partition of this device, or a blank one."};
inline constexpr ErrorInfo kDoorStaysOpen{
    "PV-MON-006", Retry::needs_operator, "the event that closes the data key could not be measured",
    "Power-cycle the device; see the detail."};
inline constexpr ErrorInfo kNoPolicy{"PV-MON-007", Retry::needs_operator,
                                     "there is no valid signed PCR policy for this release",
                                     "Install an image that was built with its policy key."};
inline constexpr ErrorInfo kEpochTooFar{"PV-MON-008", Retry::needs_operator,
                                        "the security epoch is out of range or too far ahead",
                                        "Build the release with the next security epoch."};
inline constexpr ErrorInfo kNotYours{"PV-MON-009", Retry::never,
                                     "the operation does not exist on this socket",
                                     "Ask for an operation of api/monitor.cddl for this client."};
inline constexpr ErrorInfo kBadRequest{"PV-MON-010", Retry::never,
                                       "a request is malformed or over a limit",
                                       "Keep to api/monitor.cddl."};
inline constexpr ErrorInfo kChannelBroken{"PV-MON-012", Retry::later,
                                          "the socket to a client is broken",
                                          "Init starts the monitor and the agent again."};
inline constexpr ErrorInfo kAppsRewritten{
    "PV-MON-013", Retry::never,
    "the list of apps leaves out or changes what was measured before in this boot",
    "Boot the device again; send the whole list of the boot, in order."};
inline constexpr ErrorInfo kAppsUnexplained{
    "PV-MON-014", Retry::never,
    "PCR 13 holds something that no beginning of the list of apps gives",
    "Boot the device again; nothing but the monitor may extend PCR 13."};

}  // namespace pavise::monitor
