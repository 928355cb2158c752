// Error table of cloud/security/attestation: PV-ATT-nnn. 001 to 012 are the twelve checks of a
// quote, in their order; 013 to 016 what else a certificate needs; from 017 on the rest.
#pragma once

#include "common/base/result.h"

namespace pavise::attestation {

inline constexpr ErrorInfo kQuoteMagic{"PV-ATT-001", Retry::never,
                                       "the quote was not made inside a TPM (wrong magic)",
                                       "Treat the device as forged: only a TPM can make a quote."};
inline constexpr ErrorInfo kQuoteType{"PV-ATT-002", Retry::never,
                                      "the statement is not a quote of PCRs",
                                      "Make the statement with TPM2_Quote."};
inline constexpr ErrorInfo kQuoteSignature{
    "PV-ATT-003", Retry::never,
    "the quote is not signed by the attestation key (ECDSA P-256, SHA-256)",
    "Check that the quote comes from this device's own TPM."};
inline constexpr ErrorInfo kAttestationKey{
    "PV-ATT-004", Retry::needs_operator,
    "the attestation key is not the restricted TPM key that is bound to this device",
    "If the device's TPM was replaced, register it as a new device."};
inline constexpr ErrorInfo kNotFresh{
    "PV-ATT-005", Retry::later, "the quote answers another challenge, connection or request",
    "Ask for a new challenge and quote again on the same connection."};
inline constexpr ErrorInfo kPcrSelection{"PV-ATT-006", Retry::never,
                                         "the quote does not cover exactly the PCRs asked for",
                                         "Quote the PCRs that the challenge lists."};
inline constexpr ErrorInfo kPcrDigest{"PV-ATT-007", Retry::later,
                                      "the PCR values sent are not the quoted ones",
                                      "Read the PCRs again and quote again."};
inline constexpr ErrorInfo kPcrBank{"PV-ATT-008", Retry::needs_operator,
                                    "the quote is not over the SHA-256 bank alone",
                                    "Enable the SHA-256 bank and quote only that."};
inline constexpr ErrorInfo kClock{
    "PV-ATT-009", Retry::needs_operator, "the TPM's clock or boot counters went back",
    "Find out whether the TPM's state was restored or copied; if it was cleared on purpose, bind "
    "the device's new attestation key."};
inline constexpr ErrorInfo kFirmwareDenied{"PV-ATT-010", Retry::needs_operator,
                                           "the TPM's firmware version is on the deny-list",
                                           "Update the TPM's firmware."};
inline constexpr ErrorInfo kLogReplay{
    "PV-ATT-011", Retry::later, "the event log does not lead to the quoted PCRs",
    "Send the whole log and every runtime event, and quote again."};
inline constexpr ErrorInfo kLogPolicy{"PV-ATT-012", Retry::needs_operator,
                                      "the event log shows a boot that is not allowed",
                                      "See the detail; turn Secure Boot on and boot again."};
inline constexpr ErrorInfo kTlsKey{
    "PV-ATT-013", Retry::never,
    "the TLS key is not certified as a key that cannot leave this device's TPM",
    "Create the TLS key in the TPM and certify it with the attestation key."};
inline constexpr ErrorInfo kCertificateRequest{
    "PV-ATT-014", Retry::never, "the certificate request is not for this device and its TLS key",
    "Sign the request with the TLS key, with the device id as common name."};
inline constexpr ErrorInfo kStateNotReleased{"PV-ATT-015", Retry::needs_operator,
                                             "the device does not run a released version",
                                             "Install a released version, or release this one."};
inline constexpr ErrorInfo kPlatformUnknown{
    "PV-ATT-016", Retry::needs_operator, "the device's firmware is not in the release's profiles",
    "Add a platform profile for it to the release, or allow unknown firmware."};
inline constexpr ErrorInfo kMalformed{"PV-ATT-017", Retry::never,
                                      "a part of the evidence cannot be read",
                                      "See the detail; update the device's software."};
inline constexpr ErrorInfo kNoRelease{"PV-ATT-018", Retry::needs_operator,
                                      "the service knows no released version",
                                      "Add one: pavise release add FILE."};
inline constexpr ErrorInfo kNothingAsked{"PV-ATT-019", Retry::needs_operator,
                                         "the challenge asked for no PCRs",
                                         "Set the attestation policy's PCRs."};

// Endorsement key certificates.
inline constexpr ErrorInfo kEkCertificateMalformed{
    "PV-ATT-020", Retry::never, "an endorsement key certificate cannot be read",
    "Send the certificate in DER, as it is in the TPM's NV memory."};
inline constexpr ErrorInfo kEkCertificateUntrusted{
    "PV-ATT-021", Retry::needs_operator,
    "an endorsement key certificate does not lead to a trusted vendor root",
    "If you trust the vendor, add its root: pavise vendor add FILE."};
inline constexpr ErrorInfo kEkCertificatePurpose{
    "PV-ATT-022", Retry::never, "a certificate is not for an endorsement key",
    "Send the EK certificate (usage 2.23.133.8.1 or key encipherment)."};
inline constexpr ErrorInfo kEkCertificateKey{
    "PV-ATT-023", Retry::never, "an endorsement key is neither RSA-2048 nor on P-256 or P-384",
    "Register the certificate of another of the TPM's endorsement keys."};
inline constexpr ErrorInfo kVendorRoots{"PV-ATT-024", Retry::needs_operator,
                                        "a file of vendor roots cannot be read",
                                        "Give a PEM file with 1 to 64 CA certificates."};

}  // namespace pavise::attestation
