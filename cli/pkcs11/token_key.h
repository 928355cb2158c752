// A P-256 key whose private half stays in a PKCS#11 token.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/pkcs11/modules.h"
#include "cli/pkcs11/pins.h"
#include "common/crypto/crypto.h"

namespace pavise::cli::pkcs11 {

inline constexpr std::size_t kModulesMax = 64;
inline constexpr std::size_t kSlotsMax = 256;            // of one module
inline constexpr std::size_t kKeysMax = 16;              // that are looked at
inline constexpr std::size_t kAttributeBytesMax = 1024;  // of one

// One thread at a time. What a token or its module says is checked as input: sizes before
// allocation, points on the curve, signatures before they are given away.
class TokenKey {
 public:
  // Loads modules, finds the token and the public half of the key; no PIN is needed for that.
  // kNoModule, kNoToken, kSeveralTokens, kNoKey, kSeveralKeys, kOtherKind, kTokenFailed,
  // kTokenGone, crypto::kBadPublicKey.
  static Result<TokenKey> open(KeyUri uri);
  // The same over modules that the caller keeps loaded for as long as the key lives.
  static Result<TokenKey> open(KeyUri uri, const std::vector<CK_FUNCTION_LIST*>& modules);
  TokenKey(TokenKey&&) noexcept;
  TokenKey& operator=(TokenKey&&) = delete;
  ~TokenKey();  // logs out

  const crypto::P256PublicKey& public_key() const { return public_key_; }
  // Logs in, once (a token with a keypad of its own asks there), signs by CKM_ECDSA, and verifies
  // what came by the public half. Blocks on people and on the token. Beside the above: kNoPin,
  // kPinOpenToOthers, kWrongPin, kPinLocked, kLastTry, kNotItsPair.
  Result<crypto::EcdsaRaw> sign_digest(const Digest256& digest, Pins& pins);

 private:
  struct Impl;
  TokenKey(std::unique_ptr<Impl> impl, crypto::P256PublicKey key);
  std::unique_ptr<Impl> impl_;
  crypto::P256PublicKey public_key_;
};

}  // namespace pavise::cli::pkcs11
