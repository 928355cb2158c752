#include "cloud/security/attestation/proven_signatures.h"

#include <cstring>
#include <utility>

namespace pavise::attestation {

ProvenName proven_name(const crypto::P256PublicKey& key, const Digest256& digest,
                       const crypto::EcdsaRaw& signature) {
  return crypto::sha256({key.point(), digest, signature});  // each of a fixed length
}

// A name is a hash already.
std::size_t ProvenSignatures::Hash::operator()(const ProvenName& name) const {
  std::size_t out = 0;
  std::memcpy(&out, name.data(), sizeof(out));
  return out;
}

bool ProvenSignatures::contains(const ProvenName& name) {
  const std::lock_guard lock(mutex_);
  if (young_.contains(name)) return true;
  if (old_.erase(name) == 0) return false;
  insert(name);
  return true;
}

void ProvenSignatures::add(const ProvenName& name) {
  const std::lock_guard lock(mutex_);
  old_.erase(name);
  insert(name);
}

void ProvenSignatures::insert(const ProvenName& name) {
  if (generation_max_ == 0) return;
  if (young_.size() >= generation_max_ && !young_.contains(name)) {
    old_ = std::exchange(young_, {});
  }
  young_.insert(name);
}

std::size_t ProvenSignatures::size() const {
  const std::lock_guard lock(mutex_);
  return young_.size() + old_.size();
}

}  // namespace pavise::attestation
