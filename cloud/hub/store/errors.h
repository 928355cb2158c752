// Errors of the hub's database: PV-HST-nnn, besides PV-TWD of protocol/twin for what a twin change
// does wrong. In brackets: the IoT Hub code that clients are told.
#pragma once

#include "common/base/result.h"

namespace pavise::hub::store {

inline constexpr ErrorInfo kStoreFailed{"PV-HST-001", Retry::needs_operator,
                                        "the hub database cannot be read or written",
                                        "Check the disk and the state folder's rights."};
inline constexpr ErrorInfo kStoreFull{"PV-HST-002", Retry::later,
                                      "the disk of the hub database is full",
                                      "Free space; nothing that was confirmed is lost."};
inline constexpr ErrorInfo kStoreCorrupt{"PV-HST-003", Retry::needs_operator,
                                         "the hub database is damaged",
                                         "Restore it from the newest backup."};
inline constexpr ErrorInfo kStoreLocked{"PV-HST-004", Retry::later,
                                        "the hub database is in use by another process",
                                        "Stop the other process."};
inline constexpr ErrorInfo kStoreTooNew{"PV-HST-005", Retry::needs_operator,
                                        "the hub database was made by a newer version",
                                        "Use the version of Pavise that made it, or newer."};
// [503005]
inline constexpr ErrorInfo kStoreBusy{
    "PV-HST-006", Retry::later, "too many requests wait for the hub database", "Send again later."};

// [401001 or 404]
inline constexpr ErrorInfo kHubNotFound{"PV-HST-010", Retry::never, "there is no such hub",
                                        "Check the name; list the hubs of the tenant."};
inline constexpr ErrorInfo kHubExists{
    "PV-HST-011", Retry::never, "a hub or host alias of that name exists", "Choose another name."};
inline constexpr ErrorInfo kBadSettings{"PV-HST-012", Retry::never,
                                        "a setting of the hub is out of its range",
                                        "Correct the setting that the detail names."};
inline constexpr ErrorInfo kPolicyNotFound{"PV-HST-013", Retry::never,
                                           "there is no such shared access policy",
                                           "List the policies of the hub."};
inline constexpr ErrorInfo kPolicyExists{"PV-HST-014", Retry::never,
                                         "a shared access policy of that name exists",
                                         "Update it, or choose another name."};
inline constexpr ErrorInfo kBadPolicy{"PV-HST-015", Retry::never,
                                      "the shared access policy is not well-formed",
                                      "Correct what the detail names."};
inline constexpr ErrorInfo kTooManyPolicies{"PV-HST-016", Retry::never,
                                            "the hub has its maximum of shared access policies",
                                            "Delete one that is not used."};

inline constexpr ErrorInfo kTooManyHubs{"PV-HST-017", Retry::never,
                                        "the tenant has its maximum of 50 hubs",
                                        "Delete one that is not used."};

// [404001]
inline constexpr ErrorInfo kDeviceNotFound{"PV-HST-020", Retry::never, "there is no such device",
                                           "Create the device, or check the id."};
// [404010]
inline constexpr ErrorInfo kModuleNotFound{"PV-HST-021", Retry::never, "there is no such module",
                                           "Create the module, or check the id."};
// [409001]
inline constexpr ErrorInfo kDeviceExists{"PV-HST-022", Retry::never, "the device exists already",
                                         "Update it with If-Match, or choose another id."};
// [409301]
inline constexpr ErrorInfo kModuleExists{"PV-HST-023", Retry::never, "the module exists already",
                                         "Update it with If-Match, or choose another id."};
// [412001]
inline constexpr ErrorInfo kPreconditionFailed{"PV-HST-024", Retry::never,
                                               "the ETag is not the current one",
                                               "Get the resource again and redo the change."};
// [400004]
inline constexpr ErrorInfo kBadIdentity{"PV-HST-025", Retry::never,
                                        "a field of the device or module is not well-formed",
                                        "Correct the field that the detail names."};
// [413002]
inline constexpr ErrorInfo kTooManyIdentities{
    "PV-HST-026", Retry::never, "the hub has its maximum of 1,000,000 devices and modules",
    "Delete some, or use another hub."};
// [413003]
inline constexpr ErrorInfo kTooManyModules{"PV-HST-027", Retry::never,
                                           "the device has its maximum of 50 modules",
                                           "Delete one that is not used."};

// [403004]
inline constexpr ErrorInfo kQueueFull{"PV-HST-030", Retry::later,
                                      "50 messages wait for the device already",
                                      "Wait until the device has taken some, or purge the queue."};
// [413001]
inline constexpr ErrorInfo kMessageTooLarge{"PV-HST-031", Retry::never,
                                            "the message exceeds 64 KB with its properties",
                                            "Send less, or send a reference to the data."};
// [403009]
inline constexpr ErrorInfo kBadExpiry{"PV-HST-032", Retry::never,
                                      "the message would expire more than 2 days from now",
                                      "Choose an earlier expiry."};
// [412002]
inline constexpr ErrorInfo kLockLost{"PV-HST-033", Retry::never,
                                     "the lock on the message ended or never was",
                                     "Receive the message again."};

// [429001]
inline constexpr ErrorInfo kTooManyEvents{
    "PV-HST-034", Retry::later, "100,000 events of devices wait for the event log",
    "Look why the event log does not take them; the change can be sent again then."};

// [404008]
inline constexpr ErrorInfo kCertificateNotFound{"PV-HST-040", Retry::never,
                                                "there is no such CA certificate",
                                                "List the CA certificates of the hub."};
inline constexpr ErrorInfo kCertificateExists{"PV-HST-041", Retry::never,
                                              "the CA certificate or its name is there already",
                                              "Delete the other one first."};
inline constexpr ErrorInfo kBadCertificate{"PV-HST-042", Retry::never,
                                           "a field of the CA certificate is not well-formed",
                                           "Correct what the detail names."};
inline constexpr ErrorInfo kTooManyCertificates{"PV-HST-043", Retry::never,
                                                "the hub has its maximum of 25 CA certificates",
                                                "Delete one that is not used."};

// [404002]
inline constexpr ErrorInfo kJobNotFound{"PV-HST-050", Retry::never, "there is no such job",
                                        "List the jobs of the hub."};
// [409104]
inline constexpr ErrorInfo kJobExists{"PV-HST-051", Retry::never, "a job of that id exists",
                                      "Choose another id."};
// [400004]
inline constexpr ErrorInfo kBadJob{"PV-HST-052", Retry::never, "the job is not well-formed",
                                   "Correct what the detail names."};
// [404301]
inline constexpr ErrorInfo kConfigurationNotFound{"PV-HST-053", Retry::never,
                                                  "there is no such configuration",
                                                  "List the configurations of the hub."};
// [409401]
inline constexpr ErrorInfo kConfigurationExists{"PV-HST-054", Retry::never,
                                                "a configuration of that id exists",
                                                "Update it with If-Match, or choose another id."};
// [400004]
inline constexpr ErrorInfo kBadConfiguration{"PV-HST-055", Retry::never,
                                             "the configuration is not well-formed",
                                             "Correct what the detail names."};
inline constexpr ErrorInfo kTooManyConfigurations{"PV-HST-056", Retry::never,
                                                  "the hub has its maximum of 100 configurations",
                                                  "Delete one that is not used."};

inline constexpr ErrorInfo kEndpointNotFound{"PV-HST-060", Retry::never,
                                             "there is no such routing endpoint",
                                             "List the routing endpoints of the hub."};
inline constexpr ErrorInfo kEndpointExists{"PV-HST-061", Retry::never,
                                           "a routing endpoint of that name exists",
                                           "Update it, or choose another name."};
inline constexpr ErrorInfo kBadEndpoint{"PV-HST-062", Retry::never,
                                        "the routing endpoint is not well-formed",
                                        "Correct what the detail names; see docs/hub.md."};
inline constexpr ErrorInfo kTooManyEndpoints{
    "PV-HST-063", Retry::never, "there is room for 10 routing endpoints in a hub, 64 in all",
    "Delete one that is not used."};
inline constexpr ErrorInfo kEndpointInUse{"PV-HST-064", Retry::never,
                                          "a route leads to this endpoint",
                                          "Delete the route that the detail names first."};
inline constexpr ErrorInfo kRouteNotFound{"PV-HST-065", Retry::never, "there is no such route",
                                          "List the routes of the hub."};
inline constexpr ErrorInfo kRouteExists{"PV-HST-066", Retry::never, "a route of that name exists",
                                        "Update it, or choose another name."};
inline constexpr ErrorInfo kBadRoute{"PV-HST-067", Retry::never, "the route is not well-formed",
                                     "Correct what the detail names; see docs/hub.md."};
inline constexpr ErrorInfo kTooManyRoutes{"PV-HST-068", Retry::never,
                                          "the hub has its maximum of 100 routes",
                                          "Delete one that is not used."};

}  // namespace pavise::hub::store
