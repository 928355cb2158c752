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
inline constexpr ErrorInfo kUnknownMethod{
    "PV-AGT-020", Retry::never, "the device has no method of this name",
    "Update its image, or see api/methods.cddl for the names."};
inline constexpr ErrorInfo kBadMethodPayload{"PV-AGT-021", Retry::never,
                                             "the payload of the method cannot be used",
                                             "Send what api/methods.cddl says."};
inline constexpr ErrorInfo kNoApps{"PV-AGT-022", Retry::never, "the device has no apps",
                                   "Build its image with signed app packages."};
inline constexpr ErrorInfo kLauncherSilent{"PV-AGT-023", Retry::later,
                                           "the launcher of apps does not answer in time",
                                           "Try again; what was asked for may still happen."};
inline constexpr ErrorInfo kLauncherGone{"PV-AGT-024", Retry::later,
                                         "the launcher of apps has ended",
                                         "Wait; the device starts its programs anew."};
inline constexpr ErrorInfo kLauncherAnswer{"PV-AGT-025", Retry::never,
                                           "the answer of the launcher of apps cannot be read",
                                           "Use agent and launcher of the same release."};
inline constexpr ErrorInfo kMethodsBusy{"PV-AGT-026", Retry::later,
                                        "more methods were called at a time than the device serves",
                                        "Call it again in a moment."};
inline constexpr ErrorInfo kNoAppChannel{
    "PV-AGT-027", Retry::later, "no app of this name speaks with the hub",
    "Look at pavise app list. The app's manifest needs device_authentication; an app that broke "
    "the "
    "rules of its channel has none until it is started again."};
inline constexpr ErrorInfo kAppSilent{"PV-AGT-028", Retry::later,
                                      "the app did not answer the method in time",
                                      "Call it again; see pavise app logs for what it does."};
inline constexpr ErrorInfo kAppGone{"PV-AGT-029", Retry::later,
                                    "the app ended before it answered the method",
                                    "See pavise app logs, and call it again when it runs."};
inline constexpr ErrorInfo kAppAnswer{"PV-AGT-030", Retry::never, "the app's answer is no JSON",
                                      "Mend the app: what it answers has to be JSON, or empty."};
inline constexpr ErrorInfo kAppProperties{
    "PV-AGT-031", Retry::never, "a message of an app has properties that cannot be sent",
    "Mend the app: see docs/formats/app-channels.md for the limits."};
inline constexpr ErrorInfo kAppOutboxFull{
    "PV-AGT-032", Retry::later, "more messages of an app wait for the hub than the device keeps",
    "Send it again when others have their results."};
inline constexpr ErrorInfo kAppResultLost{
    "PV-AGT-040", Retry::later,
    "the agent was started again, and nobody knows whether the hub has the message",
    "Send it again if twice is better than never."};

}  // namespace pavise::agent
