// TPMS_ATTEST (TPM 2.0 part 2, 10.12.12) of TPM2_Quote and TPM2_Certify, and TPMT_SIGNATURE
// (11.3.4).
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"
#include "protocol/tpm/errors.h"
#include "protocol/tpm/public_area.h"

namespace pavise::tpm {

inline constexpr std::uint32_t kGeneratedValue = 0xff544347;  // 0xff, "TCG"
inline constexpr std::uint16_t kAttestCertify = 0x8017;
inline constexpr std::uint16_t kAttestQuote = 0x8018;

inline constexpr std::size_t kAttestBytesMax = 1024;
inline constexpr std::size_t kSignatureBytesMax = 128;
inline constexpr std::size_t kNameBytesMax = 66;       // 2 + SHA-512
inline constexpr std::size_t kExtraDataBytesMax = 66;  // TPM2B_DATA: size of TPMT_HA
inline constexpr std::size_t kDigestBytesMax = 64;
inline constexpr std::size_t kPcrSelectionsMax = 16;  // HASH_COUNT of the largest TPM
inline constexpr std::size_t kPcrSelectBytesMax = 4;  // 32 PCRs
inline constexpr unsigned kPcrCount = 24;             // PC Client platforms

// One bank of a selection. Bit n of `mask` is PCR n.
struct PcrSelection {
  std::uint16_t hash = kAlgSha256;
  std::uint32_t mask = 0;
  bool operator==(const PcrSelection&) const = default;
};

struct ClockInfo {
  std::uint64_t clock_ms = 0;
  std::uint32_t reset_count = 0;
  std::uint32_t restart_count = 0;
  bool safe = true;
  bool operator==(const ClockInfo&) const = default;
};

struct QuoteInfo {
  std::vector<PcrSelection> selections;
  Bytes pcr_digest;
  bool operator==(const QuoteInfo&) const = default;
};
struct CertifyInfo {
  Bytes name;
  Bytes qualified_name;
  bool operator==(const CertifyInfo&) const = default;
};

// What a TPM says. Has a right magic and a known type by construction, because parse() refuses all
// else; everything further (whose key, which nonce, which PCRs) is for the verifier.
struct Attest {
  Bytes qualified_signer;
  Bytes extra_data;
  ClockInfo clock;
  std::uint64_t firmware_version = 0;
  std::variant<QuoteInfo, CertifyInfo> info;

  // Strict: nothing may follow. Errors: kWrongMagic, kWrongAttestType, kTruncated, kTrailingBytes,
  // kBadValue. Allocates at most kAttestBytesMax bytes plus kPcrSelectionsMax selections.
  static Result<Attest> parse(ByteView tpms_attest);
  // For the fake TPM and for tests.
  Bytes encode() const;

  const QuoteInfo* quote() const { return std::get_if<QuoteInfo>(&info); }
  const CertifyInfo* certify() const { return std::get_if<CertifyInfo>(&info); }
  bool operator==(const Attest&) const = default;
};

// TPMT_SIGNATURE, ECDSA with SHA-256 only. Errors: kUnsupportedSignature, kTruncated,
// kTrailingBytes, kBadValue.
Result<crypto::EcdsaRaw> parse_signature(ByteView tpmt_signature);
Bytes encode_signature(const crypto::EcdsaRaw& signature);

}  // namespace pavise::tpm
