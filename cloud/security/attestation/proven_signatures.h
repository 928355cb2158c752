// Signatures that this process has verified before. A device sends the same certification of its
// TLS key and the same certificate request with every attestation (ADR 0003): whether they verify
// depends on key, digest and signature alone, and so needs to be computed once. What they mean is
// judged each time. Argued in docs/adr/0018.
#pragma once

#include <cstddef>
#include <mutex>
#include <unordered_set>

#include "common/base/bytes.h"
#include "common/crypto/crypto.h"

namespace pavise::attestation {

// Two for each device of a fleet; about 60 bytes each.
inline constexpr std::size_t kProvenSignaturesMax = 400'000;

// Names one true statement: "this signature over this digest verifies under this key".
using ProvenName = Digest256;
ProvenName proven_name(const crypto::P256PublicKey& key, const Digest256& digest,
                       const crypto::EcdsaRaw& signature);

// Holds only names that somebody verified; in memory only. Forgets those that were not asked for
// longest, at the latest when there are count_max. Thread-safe; every call is O(1) on average.
class ProvenSignatures {
 public:
  explicit ProvenSignatures(std::size_t count_max = kProvenSignaturesMax)
      : generation_max_(count_max / 2) {}

  bool contains(const ProvenName& name);
  // Only after the signature has been verified.
  void add(const ProvenName& name);
  std::size_t size() const;

 private:
  struct Hash {
    std::size_t operator()(const ProvenName& name) const;
  };
  using Generation = std::unordered_set<ProvenName, Hash>;
  void insert(const ProvenName& name);  // with mutex_ held

  const std::size_t generation_max_;
  mutable std::mutex mutex_;
  Generation young_;  // asked for since old_ was young
  Generation old_;
};

}  // namespace pavise::attestation
