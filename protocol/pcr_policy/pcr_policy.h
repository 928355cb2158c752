// The signed PCR policy: in which measured states a device may unseal its data key. Format: README.
// TPM policy arithmetic: TPM 2.0 part 3, 23.7 (PolicyPCR) and 23.16 (PolicyAuthorize),
// revision 1.59.
//
// All functions are pure and thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"

namespace pavise::pcr_policy {

// Errors: PV-PCP-nnn.
inline constexpr ErrorInfo kMalformed{"PV-PCP-001", Retry::never,
                                      "a signed PCR policy is malformed",
                                      "Build the image again with this version's tools."};
inline constexpr ErrorInfo kForeignKey{
    "PV-PCP-002", Retry::needs_operator,
    "a PCR policy is signed by another key than the trusted one",
    "Build the image with the policy key whose public half is in its root file system."};
inline constexpr ErrorInfo kForgedEntry{"PV-PCP-003", Retry::never,
                                        "the signature of a PCR policy entry does not verify",
                                        "Sign the policy again; do not edit the file."};
inline constexpr ErrorInfo kBadSelection{"PV-PCP-004", Retry::never,
                                         "a PCR selection is empty, out of range or given twice",
                                         "Name each PCR from 0 to 23 at most once."};
inline constexpr ErrorInfo kTooManyEntries{"PV-PCP-005", Retry::never,
                                           "a PCR policy has no entry or too many",
                                           "Sign between 1 and 16 states."};

inline constexpr std::size_t kEntriesMax = 16;
inline constexpr unsigned kPcrCount = 24;
inline constexpr std::string_view kMagic = "PVPCRP01";
inline constexpr std::string_view kPolicyReference = "pavise-pcr-policy-v1";
inline constexpr std::size_t kHeaderBytes = 8 + 64 + 1;
inline constexpr std::size_t kEntryBytes = 3 + 32 + 64;
inline constexpr std::size_t kFileBytesMax = kHeaderBytes + kEntriesMax * kEntryBytes;

// Expected values by PCR index; ordered, so the composite is taken in ascending order.
using PcrValues = std::map<unsigned, Digest256>;

// Bit n stands for PCR n of the SHA-256 bank. Never empty, never above PCR 23.
class PcrMask {
 public:
  static Result<PcrMask> from_bits(std::uint32_t bits);          // kBadSelection
  static Result<PcrMask> of(std::span<const unsigned> indices);  // kBadSelection
  std::uint32_t bits() const { return bits_; }
  bool has(unsigned pcr) const { return pcr < kPcrCount && ((bits_ >> pcr) & 1U) != 0; }
  std::vector<unsigned> indices() const;          // ascending
  std::array<std::byte, 3> select_bytes() const;  // TPMS_PCR_SELECTION.pcrSelect
  bool operator==(const PcrMask&) const = default;

 private:
  explicit PcrMask(std::uint32_t bits) : bits_(bits) {}
  std::uint32_t bits_;
};

// SHA-256 over the values in ascending order of their index.
Digest256 composite_digest(const PcrValues& values);
// The policy digest of a session that ran TPM2_PolicyPCR alone.
Digest256 policy_pcr_digest(PcrMask mask, const Digest256& composite);
// What TPM2_PolicyAuthorize wants signed: SHA-256(approved policy ‖ kPolicyReference).
Digest256 authorization_digest(const Digest256& approved_policy);
// TPMT_PUBLIC of the policy key as loaded with TPM2_LoadExternal, and its Name (34 bytes).
Bytes policy_key_public(const crypto::P256PublicKey& key);
Bytes policy_key_name(const crypto::P256PublicKey& key);
// authPolicy of an object that any state signed by `key` may use.
Digest256 authorized_policy(const crypto::P256PublicKey& key);

struct Entry {
  PcrMask mask;
  Digest256 composite;
  crypto::EcdsaRaw signature;

  Digest256 policy_digest() const { return policy_pcr_digest(mask, composite); }
};

// A policy whose every entry was signed by the key that the caller trusts.
class SignedPcrPolicy {
 public:
  // kMalformed, kBadSelection, kTooManyEntries, kForeignKey, kForgedEntry.
  static Result<SignedPcrPolicy> parse(ByteView file, const crypto::P256PublicKey& trusted);
  // Signs the given states. kBadSelection, kTooManyEntries, or a failure of the signature.
  static Result<SignedPcrPolicy> sign(const crypto::P256PrivateKey& key,
                                      std::span<const PcrValues> states);
  Bytes encode() const;  // at most kFileBytesMax

  const crypto::P256PublicKey& key() const { return key_; }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  SignedPcrPolicy(crypto::P256PublicKey key, std::vector<Entry> entries)
      : key_(std::move(key)), entries_(std::move(entries)) {}
  crypto::P256PublicKey key_;
  std::vector<Entry> entries_;
};

}  // namespace pavise::pcr_policy
