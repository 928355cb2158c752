// Error table of protocol/tpm: PV-TPM-nnn.
#pragma once

#include "common/base/result.h"

namespace pavise::tpm {

inline constexpr ErrorInfo kTruncated{
    "PV-TPM-001", Retry::never, "a TPM structure ends too early or has a field over its limit",
    "Send the structure exactly as the TPM returned it."};
inline constexpr ErrorInfo kTrailingBytes{"PV-TPM-002", Retry::never,
                                          "a TPM structure is followed by other bytes",
                                          "Send the structure exactly as the TPM returned it."};
inline constexpr ErrorInfo kUnsupportedKey{
    "PV-TPM-003", Retry::never, "a TPM key has a type, curve or parameter that Pavise does not use",
    "Use P-256 signing keys, and an endorsement key on RSA-2048, P-256 or P-384."};
inline constexpr ErrorInfo kUnsupportedNameAlgorithm{
    "PV-TPM-004", Retry::never, "a TPM key has the wrong name algorithm",
    "Create the key with nameAlg SHA-256 (P-384: SHA-384)."};
inline constexpr ErrorInfo kReservedBits{"PV-TPM-005", Retry::never,
                                         "a TPM key has reserved attribute bits set",
                                         "Send the public area exactly as the TPM returned it."};
inline constexpr ErrorInfo kWrongMagic{"PV-TPM-006", Retry::never,
                                       "a statement does not start with TPM_GENERATED_VALUE",
                                       "Only a statement made inside a TPM is accepted."};
inline constexpr ErrorInfo kWrongAttestType{"PV-TPM-007", Retry::never,
                                            "a TPM statement is neither a quote nor a certify",
                                            "Use TPM2_Quote and TPM2_Certify."};
inline constexpr ErrorInfo kBadValue{"PV-TPM-008", Retry::never,
                                     "a TPM structure has a field with a value that is not allowed",
                                     "Send the structure exactly as the TPM returned it."};
inline constexpr ErrorInfo kUnsupportedSignature{"PV-TPM-009", Retry::never,
                                                 "a TPM signature is not ECDSA with SHA-256",
                                                 "Use a P-256 key with scheme ECDSA/SHA-256."};
inline constexpr ErrorInfo kNotEndorsementKey{
    "PV-TPM-010", Retry::never, "a key cannot carry a credential: it is no endorsement key",
    "Send the public area of an endorsement key (restricted decryption, AES-128-CFB)."};
inline constexpr ErrorInfo kSecretSize{"PV-TPM-011", Retry::never,
                                       "a credential secret is not 1 to 32 bytes long",
                                       "Use a secret of 32 bytes."};

}  // namespace pavise::tpm
