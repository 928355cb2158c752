// Errors of shared access signatures and connection strings: PV-SAS-nnn.
#pragma once

#include "common/base/result.h"

namespace pavise::sas {

inline constexpr ErrorInfo kBadToken{
    "PV-SAS-001", Retry::never, "the shared access signature is not of the documented form",
    "Send SharedAccessSignature sr={audience}&sig={signature}&se={expiry}[&skn={policy}]."};
inline constexpr ErrorInfo kRepeatedField{"PV-SAS-002", Retry::never,
                                          "a field of a shared access signature comes twice",
                                          "Send each of sr, sig, se and skn once."};
inline constexpr ErrorInfo kExpired{"PV-SAS-003", Retry::later,
                                    "the shared access signature has expired",
                                    "Make a new token; compare the clocks of both sides."};
inline constexpr ErrorInfo kWrongSignature{
    "PV-SAS-004", Retry::never, "the shared access signature was not made with this key",
    "Use the primary or secondary key of the identity or policy that the token names."};
inline constexpr ErrorInfo kWrongAudience{
    "PV-SAS-005", Retry::never, "the shared access signature is for another resource",
    "Sign {hub host}/devices/{id}, or a whole leading part of it, as sr."};
inline constexpr ErrorInfo kBadKey{"PV-SAS-006", Retry::never,
                                   "a symmetric key is not base64 of 16 to 64 bytes",
                                   "Copy the key whole, with its trailing = characters."};
inline constexpr ErrorInfo kBadConnectionString{
    "PV-SAS-007", Retry::never, "the connection string cannot be used",
    "Copy it whole from hub connection-string show; the detail names the part."};

}  // namespace pavise::sas
