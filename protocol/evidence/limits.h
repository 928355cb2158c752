// Limits of api/evidence.cddl. All sizes in bytes.
#pragma once

#include <cstddef>

#include "common/base/result.h"

namespace pavise::evidence {

inline constexpr std::size_t kSessionBytes = 16;
inline constexpr std::size_t kPcrsMax = 24;
inline constexpr unsigned kPcrHighest = 23;
inline constexpr std::size_t kPublicAreaBytesMax = 512;  // TPMT_PUBLIC
inline constexpr std::size_t kActivationBytesMax = 512;  // id object; encrypted secret
inline constexpr std::size_t kAttestBytesMax = 1024;     // TPMS_ATTEST
inline constexpr std::size_t kSignatureBytesMax = 128;   // TPMT_SIGNATURE
inline constexpr std::size_t kEventLogBytesMax = 65536;
inline constexpr std::size_t kRuntimeEventsMax = 64;
inline constexpr std::size_t kRuntimeEventTextBytesMax = 256;
inline constexpr std::size_t kCsrBytesMax = 1024;
inline constexpr std::size_t kClaimsMax = 32;
inline constexpr std::size_t kClaimKeyBytesMax = 64;
inline constexpr std::size_t kClaimValueBytesMax = 1024;
inline constexpr std::size_t kCertificateBytesMax = 4096;
inline constexpr std::size_t kChainLengthMax = 4;
inline constexpr std::size_t kHostNameBytesMax = 253;  // RFC 1035, 2.3.4 without the root dot
inline constexpr std::size_t kCodeBytesMax = 32;
inline constexpr std::size_t kReasonBytesMax = 1024;
inline constexpr std::size_t kVoucherSerialBytes = 16;

// Caps for whoever reads a body from the network, checked by the parsers as well.
inline constexpr std::size_t kChallengeRequestBytesMax = 1024;
inline constexpr std::size_t kChallengeBytesMax = 2048;
inline constexpr std::size_t kEvidenceBytesMax = std::size_t{128} * 1024;
inline constexpr std::size_t kResponseBytesMax = std::size_t{32} * 1024;
inline constexpr std::size_t kVoucherBytesMax = 2048;

inline constexpr ErrorInfo kMessageTooLong{"PV-EVD-001", Retry::never, "the message is too long",
                                           "Keep to the limits of api/evidence.cddl."};

}  // namespace pavise::evidence
