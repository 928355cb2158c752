// Failures of the agent's own. PV-AGT-002 stands in device_config.h; PV-AGT-001 became PV-JSV-001.
#pragma once

#include "common/base/result.h"

namespace pavise::agent {

inline constexpr ErrorInfo kHubNotAuthorized{"PV-AGT-010", Retry::after_reattest,
                                             "the hub does not admit this device",
                                             "Attest again; see the hub's log for the reason."};
inline constexpr ErrorInfo kHubUnavailable{"PV-AGT-011", Retry::later, "the hub is not available",
                                           "Wait; the agent connects again by itself."};
inline constexpr ErrorInfo kHubRefusedConnect{"PV-AGT-012", Retry::needs_operator,
                                              "the hub refused the MQTT connection",
                                              "Check that hub and agent are of matching versions."};
inline constexpr ErrorInfo kHubProtocol{"PV-AGT-013", Retry::later,
                                        "the hub sent what MQTT 3.1.1 does not allow here",
                                        "Check that the port belongs to a Pavise hub."};
inline constexpr ErrorInfo kHubSilent{"PV-AGT-014", Retry::later, "the hub does not answer",
                                      "Wait; the agent connects again by itself."};
inline constexpr ErrorInfo kCertificateUnusable{
    "PV-AGT-015", Retry::later, "the certificate that the service issued cannot be used",
    "Compare the versions of service and agent; the detail says what is wrong."};
inline constexpr ErrorInfo kStoreFailed{"PV-AGT-016", Retry::later,
                                        "the data directory cannot be read or written",
                                        "Check that it exists, is ours and is not full."};
inline constexpr ErrorInfo kServiceAnswer{
    "PV-AGT-017", Retry::later, "the service's answer is not an answer to this request",
    "Check service_host and service_port; see the log of the service."};
inline constexpr ErrorInfo kMonitorAnswer{"PV-AGT-018", Retry::later,
                                          "the monitor did not answer as expected",
                                          "See the console for messages of pavise-monitor."};
inline constexpr ErrorInfo kUsage{"PV-AGT-019", Retry::never, "the command line cannot be used",
                                  "Call pavise-agent --help."};

}  // namespace pavise::agent
