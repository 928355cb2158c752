// What can go wrong between us and a peer, in words. Area PV-NET.
#pragma once

#include "common/base/result.h"

namespace pavise::net {

inline constexpr ErrorInfo kNameUnresolved{
    "PV-NET-001", Retry::later, "the host name cannot be resolved",
    "Check the name for typing errors, and the DNS servers of this machine."};
inline constexpr ErrorInfo kRefused{
    "PV-NET-002", Retry::later, "the connection was refused",
    "Check that the service runs and listens on this address and port."};
inline constexpr ErrorInfo kTimedOut{
    "PV-NET-003", Retry::later, "the peer did not answer in time",
    "Check the network, firewalls in between, and the load of the service."};
inline constexpr ErrorInfo kUnreachable{"PV-NET-004", Retry::later, "the network failed",
                                        "Check the cable, the routes and the address."};
inline constexpr ErrorInfo kNotTrusted{
    "PV-NET-005", Retry::needs_operator, "the server's certificate is not trusted",
    "Check that the address is right and that the CA file belongs to this service."};
inline constexpr ErrorInfo kClockOrValidity{
    "PV-NET-006", Retry::later, "the server's certificate is outside its time of validity",
    "Check the clock of this machine first, then the certificate of the service."};
inline constexpr ErrorInfo kNameMismatch{
    "PV-NET-007", Retry::needs_operator, "the server's certificate is for another name",
    "Use the name in the certificate, or let the service present one for this name."};
inline constexpr ErrorInfo kHandshakeFailed{
    "PV-NET-008", Retry::later, "the TLS handshake failed",
    "Check that the port speaks TLS 1.3; see the log of the service."};
inline constexpr ErrorInfo kClosed{"PV-NET-009", Retry::later, "the peer closed the connection",
                                   "Connect again; see the log of the service if it repeats."};
inline constexpr ErrorInfo kBroken{"PV-NET-010", Retry::later, "the connection broke",
                                   "Connect again; check the network if it repeats."};
inline constexpr ErrorInfo kBadOptions{"PV-NET-011", Retry::needs_operator,
                                       "the TLS settings cannot be used",
                                       "Correct the certificate or CA file named in the detail."};
inline constexpr ErrorInfo kSignerFailed{
    "PV-NET-012", Retry::later, "the key of the client certificate could not sign",
    "See the detail; check the root of trust (TPM) and the process that owns it."};
inline constexpr ErrorInfo kClientRejected{
    "PV-NET-013", Retry::after_reattest, "the server does not accept our certificate",
    "Attest again for a fresh certificate; see the log of the service for the reason."};
inline constexpr ErrorInfo kBadResponse{
    "PV-NET-014", Retry::later, "the answer is not well-formed HTTP/1.1",
    "Check that the port belongs to a Pavise service and no proxy stands in between."};
inline constexpr ErrorInfo kResponseTooLarge{"PV-NET-015", Retry::never,
                                             "the answer is larger than the limit",
                                             "Ask for less at once, for example with a page size."};
inline constexpr ErrorInfo kBadRequest{"PV-NET-016", Retry::never,
                                       "the request cannot be sent as HTTP/1.1",
                                       "Remove control characters from the path or header."};

}  // namespace pavise::net
