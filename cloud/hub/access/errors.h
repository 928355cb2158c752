// Why somebody may not speak: PV-HAC-nnn. Clients only hear that they are not authorised.
#pragma once

#include "common/base/result.h"

namespace pavise::hub {

inline constexpr ErrorInfo kUnknownHost{"PV-HAC-001", Retry::never,
                                        "no hub here has this host name",
                                        "Use the host name of the hub's connection string."};
inline constexpr ErrorInfo kNoProof{"PV-HAC-002", Retry::never,
                                    "the client sent neither a token nor a certificate",
                                    "Give the client its connection string or certificate."};
inline constexpr ErrorInfo kUnknownIdentity{"PV-HAC-003", Retry::needs_operator,
                                            "the hub knows no such device or module",
                                            "Create it: pavise hub device-identity create."};
inline constexpr ErrorInfo kIdentityDisabled{
    "PV-HAC-004", Retry::needs_operator, "the device or module is disabled",
    "Enable it: pavise hub device-identity update --status enabled."};
inline constexpr ErrorInfo kOtherAuthentication{
    "PV-HAC-005", Retry::needs_operator,
    "the device or module is registered with another kind of authentication",
    "Connect it with that kind, or change its entry."};
inline constexpr ErrorInfo kSasDisabled{"PV-HAC-006", Retry::needs_operator,
                                        "this hub accepts no tokens of devices or modules",
                                        "Connect with a certificate, or change the setting."};
inline constexpr ErrorInfo kUnknownPolicy{"PV-HAC-007", Retry::never,
                                          "the token names a policy that the hub does not have",
                                          "Use a current connection string."};
inline constexpr ErrorInfo kPolicyTooWeak{"PV-HAC-008", Retry::never,
                                          "the policy has not the right that is needed",
                                          "Use a policy with that right."};
inline constexpr ErrorInfo kOtherThumbprint{"PV-HAC-009", Retry::never,
                                            "the certificate has not the registered thumbprint",
                                            "Register the thumbprint of the new certificate."};
inline constexpr ErrorInfo kUntrustedCertificate{
    "PV-HAC-010", Retry::never,
    "the certificate is not of a CA that the hub's owner has proved to hold",
    "Register the CA and prove possession of its key."};
inline constexpr ErrorInfo kOtherCommonName{
    "PV-HAC-011", Retry::never, "the certificate's common name is not the id of the client",
    "Issue a certificate whose CN is the device id, or {device}/{module}."};
inline constexpr ErrorInfo kCertificateNotValidNow{"PV-HAC-012", Retry::never,
                                                   "the certificate is expired or not valid yet",
                                                   "Renew it, or set the clock."};
inline constexpr ErrorInfo kOtherTenantsHub{"PV-HAC-013", Retry::never,
                                            "the hub belongs to another tenant than the device",
                                            "Use a hub of the device's owner."};
inline constexpr ErrorInfo kUnreadableCertificate{"PV-HAC-014", Retry::never,
                                                  "the client's certificate cannot be read",
                                                  "Send a DER-encoded X.509 certificate."};
inline constexpr ErrorInfo kNotThisDevice{"PV-HAC-015", Retry::never,
                                          "the certificate is of another device",
                                          "Connect with the id that the certificate names."};

}  // namespace pavise::hub
