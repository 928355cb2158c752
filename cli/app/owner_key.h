// The owner's signing key: in a file, or in a PKCS#11 token.
#pragma once

#include <filesystem>
#include <string>
#include <variant>

#include "cli/app/errors.h"
#include "cli/pkcs11/token_key.h"
#include "common/crypto/crypto.h"

namespace pavise::cli::app {

// Makes a P-256 key: `path` (PEM, mode 0600, never over another file) and `path`.pub (PEM of the
// public key, 0644). kKeyExists, kFileFailed, kNoEntropy.
Result<crypto::P256PublicKey> create_owner_key(const std::filesystem::path& path);
// kFileFailed, crypto::kBadPrivateKey; kKeyOpenToOthers if anybody but its owner may open it.
Result<crypto::P256PrivateKey> read_owner_key(const std::filesystem::path& path);

// One thread at a time.
class OwnerKey {
 public:
  // A file of create_owner_key(), or the name of a key in a token (pkcs11:...). From here on
  // programs that this one starts do not get PAVISE_PIN. Errors: as read_owner_key(), PV-TOK.
  static Result<OwnerKey> open(const std::string& name);

  const crypto::P256PublicKey& public_key() const { return public_key_; }
  // A token may ask for its PIN here, and blocks as long. PV-TOK, crypto::kCryptoFailed.
  Result<crypto::EcdsaRaw> sign_digest(const Digest256& digest);

 private:
  using Secret = std::variant<crypto::P256PrivateKey, pkcs11::TokenKey>;
  OwnerKey(crypto::P256PublicKey key, Secret secret)
      : public_key_(std::move(key)), secret_(std::move(secret)) {}

  crypto::P256PublicKey public_key_;
  Secret secret_;
};

// A PEM public key. kFileFailed, crypto::kBadPublicKey.
Result<crypto::P256PublicKey> read_public_key(const std::filesystem::path& path);

}  // namespace pavise::cli::app
