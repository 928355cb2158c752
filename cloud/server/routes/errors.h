// What the management API refuses by itself, and how every error becomes an HTTP status.
#pragma once

#include "common/base/result.h"

namespace pavise::server {

// Errors: PV-API-nnn.
inline constexpr ErrorInfo kTokenNeeded{"PV-API-001", Retry::needs_operator,
                                        "the call carries no token",
                                        "Send: Authorization: Bearer TOKEN."};
inline constexpr ErrorInfo kTokenRefused{"PV-API-002", Retry::needs_operator,
                                         "the token is unknown or has ended",
                                         "Use a token of this server; an administrator makes one."};
inline constexpr ErrorInfo kRoleRefused{"PV-API-003", Retry::needs_operator,
                                        "the token's role does not allow this",
                                        "Use a token with the needed role."};
inline constexpr ErrorInfo kTenantRefused{
    "PV-API-004", Retry::needs_operator, "the token is bound to a tenant, and this is outside it",
    "Use a token of that tenant, or one that is bound to none."};
inline constexpr ErrorInfo kNoSuchPath{"PV-API-005", Retry::never, "there is no such path",
                                       "See the paths in api/openapi.yaml."};
inline constexpr ErrorInfo kNoSuchMethod{"PV-API-006", Retry::never,
                                         "this path does not know the method",
                                         "See the Allow header of this answer."};
inline constexpr ErrorInfo kTooManyFailures{
    "PV-API-007", Retry::later, "too many failed authentications came from this address",
    "Check the token; failures are counted again after a minute."};
inline constexpr ErrorInfo kBadQuery{"PV-API-010", Retry::never, "the query is not understood",
                                     "See the operation in api/openapi.yaml."};
inline constexpr ErrorInfo kUnexpectedBody{
    "PV-API-011", Retry::never, "this operation takes no body", "Send the request without one."};
inline constexpr ErrorInfo kNotJsonType{"PV-API-012", Retry::never, "the body is not declared JSON",
                                        "Send: Content-Type: application/json."};
inline constexpr ErrorInfo kBadValue{"PV-API-013", Retry::never, "a value is not well-formed",
                                     "See its description in api/openapi.yaml."};
inline constexpr ErrorInfo kOwnToken{"PV-API-014", Retry::never, "a token cannot remove itself",
                                     "Remove it with another administrator's token."};
inline constexpr ErrorInfo kTwinChanged{"PV-API-015", Retry::later,
                                        "the twin has changed since it was read",
                                        "Read it again and repeat the change."};
inline constexpr ErrorInfo kNoEvidence{"PV-API-016", Retry::later,
                                       "the device has not sent evidence yet",
                                       "Boot it; it attests as soon as it has a network."};

inline constexpr ErrorInfo kHubNameReserved{
    "PV-API-017", Retry::never, "hubs of people cannot have this name",
    "Choose 3 to 50 of a-z, 0-9 and '-'; not beginning with tenant-, and not the server's own."};
inline constexpr ErrorInfo kHubOfTenant{
    "PV-API-018", Retry::never, "this hub is that of the tenant's attested devices",
    "It stays as long as its tenant; make hubs of your own for other purposes."};
inline constexpr ErrorInfo kPolicyHasNoKey{"PV-API-019", Retry::needs_operator,
                                           "the shared access policy has no usable key",
                                           "Use another policy of the hub."};

// 400 to 507. What is not listed in errors.cc follows from the retry class.
int http_status(const Error& error);

}  // namespace pavise::server
