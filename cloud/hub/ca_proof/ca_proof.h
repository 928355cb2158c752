// CA certificates that a hub's owner registers, and the proof that the owner holds their key.
#pragma once

#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/result.h"

namespace pavise::hub {

inline constexpr std::size_t kCaCertificateSizeMax = 16UL * 1024;
inline constexpr std::size_t kCaSubjectSizeMax = 512;
// Of a verification code: random bytes, written in upper-case hex. It has to fit a common name,
// which X.520 bounds at 64 characters.
inline constexpr std::size_t kVerificationCodeBytes = 24;

// Errors: PV-CAP-nnn.
inline constexpr ErrorInfo kNotACertificate{"PV-CAP-001", Retry::never,
                                            "the certificate cannot be read",
                                            "Send one X.509 certificate as PEM or base64 of DER."};
inline constexpr ErrorInfo kNotACa{
    "PV-CAP-002", Retry::never, "the certificate is not one of a certificate authority",
    "Send a certificate with basicConstraints CA:TRUE and, if it has keyUsage, keyCertSign."};
inline constexpr ErrorInfo kCaTooWeak{
    "PV-CAP-003", Retry::never, "the key of the certificate authority has less than 112 bits",
    "Use RSA of at least 2048 bits, or an elliptic curve such as P-256."};
inline constexpr ErrorInfo kCaNotValidNow{"PV-CAP-004", Retry::never,
                                          "the certificate is expired or not valid yet",
                                          "Renew it, or set the clock."};
inline constexpr ErrorInfo kNoVerificationCode{"PV-CAP-005", Retry::never,
                                               "no verification code waits for an answer",
                                               "Get one first; each code counts for one proof."};
inline constexpr ErrorInfo kOtherCode{
    "PV-CAP-006", Retry::never, "the certificate's common name is not the verification code",
    "Issue a certificate whose CN is the newest code, by the key of the certificate authority."};
inline constexpr ErrorInfo kOtherIssuer{
    "PV-CAP-007", Retry::never,
    "the certificate with the code was not signed by the key of this certificate authority",
    "Issue it by the certificate authority that is registered under this name."};

struct CaFacts {
  std::string subject;  // for people: "CN=Plant CA,O=Acme", at most kCaSubjectSizeMax bytes
  UnixMillis not_after_ms = 0;
};

// A CA certificate that may vouch for devices: readable, of a CA, strong enough, valid now.
// kNotACertificate, kNotACa, kCaTooWeak, kCaNotValidNow.
Result<CaFacts> read_ca_certificate(ByteView der, UnixMillis now_ms);

// Errors of the random source.
Result<std::string> new_verification_code();

// Whether `proof_der` is a certificate with exactly this common name that the CA's key signed, and
// both are valid now. kNotACertificate, kNoVerificationCode (an empty code), kOtherCode,
// kOtherIssuer, kCaNotValidNow.
Status check_possession(ByteView ca_der, ByteView proof_der, std::string_view code,
                        UnixMillis now_ms);

}  // namespace pavise::hub
