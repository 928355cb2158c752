// Why an HTTP connection of the hub ended: PV-HHT-nnn. Framing errors keep their own codes (PV-HTS,
// PV-WSK).
#pragma once

#include "common/base/result.h"

namespace pavise::hub {

inline constexpr ErrorInfo kHttpDone{"PV-HHT-001", Retry::never,
                                     "the client asked to close the connection after its answer",
                                     "Nothing to do."};
inline constexpr ErrorInfo kHttpTooSlow{"PV-HHT-002", Retry::later, "no whole request came in time",
                                        "Check the client's network; it may connect again."};
inline constexpr ErrorInfo kHttpUnauthorised{
    "PV-HHT-003", Retry::never, "a request carried neither Authorization nor a certificate",
    "Send a SharedAccessSignature, or connect with a client certificate."};
inline constexpr ErrorInfo kHttpNoRoom{"PV-HHT-004", Retry::later,
                                       "too many request bodies are on their way",
                                       "Send again in a second."};
inline constexpr ErrorInfo kHttpNoWebSocketHere{"PV-HHT-005", Retry::never,
                                                "WebSockets are not opened under this path",
                                                "Open /$iothub/websocket."};
inline constexpr ErrorInfo kHttpBadAnswer{"PV-HHT-006", Retry::never,
                                          "an answer holds what HTTP cannot carry",
                                          "Report it with the call that was made."};
inline constexpr ErrorInfo kHttpUpgradeWithBody{"PV-HHT-007", Retry::never,
                                                "a request for a WebSocket has a body",
                                                "Open the WebSocket with a GET without a body."};
inline constexpr ErrorInfo kHttpNoLength{
    "PV-HHT-008", Retry::never, "a part of a file came without its length", "Send Content-Length."};
inline constexpr ErrorInfo kHttpPartTooLarge{"PV-HHT-009", Retry::never,
                                             "a request carries more of a file than it may",
                                             "Send the file in blocks of up to 8 MiB."};
inline constexpr ErrorInfo kHttpUrlRefused{"PV-HHT-010", Retry::never,
                                           "the URL of an upload does not allow this",
                                           "Begin a new upload, and use its URL as it is."};

}  // namespace pavise::hub
