// Where CA keys live. A key is made in the store and used in the store; its private half never
// comes out of this interface, so a PKCS#11 token can stand behind it.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"

namespace pavise::security::signer {

enum class KeyRole { root, issuing };

// The authority of a tenant, or of the service itself (which signs server certificates).
class KeyId {
 public:
  static KeyId of_tenant(const TenantId& tenant, KeyRole role) { return {tenant.text(), role}; }
  static KeyId of_service() { return {std::string(kService), KeyRole::root}; }
  // The inverse of text(); nothing when it is not well-formed.
  static std::optional<KeyId> parse(std::string_view text);

  std::string text() const { return owner_ + (role_ == KeyRole::root ? ".root" : ".issuing"); }
  // Nothing for the service's own key.
  std::optional<TenantId> tenant() const { return TenantId::parse(owner_); }
  KeyRole role() const { return role_; }
  auto operator<=>(const KeyId&) const = default;

 private:
  static constexpr std::string_view kService = "_service";  // no tenant can have this name

  KeyId(std::string owner, KeyRole role) : owner_(std::move(owner)), role_(role) {}
  std::string owner_;
  KeyRole role_;
};

// Every call is one durable step: after success it survives power loss, after an error or a kill it
// has happened wholly or not at all. Not thread-safe. Errors: kKeyStoreFailed with the cause.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  // Makes a P-256 key, or returns the existing one.
  virtual Result<crypto::P256PublicKey> make_key(const KeyId& id) = 0;
  virtual Result<crypto::P256PublicKey> public_key(const KeyId& id) = 0;  // kNoSuchAuthority
  virtual Result<crypto::EcdsaRaw> sign(const KeyId& id, const Digest256& digest) = 0;
  // Certificates are public; kept beside their key. Replaces an earlier one.
  virtual Status put_certificate(const KeyId& id, ByteView der) = 0;
  virtual Result<Bytes> certificate(const KeyId& id) = 0;  // kNoSuchAuthority
  virtual std::vector<KeyId> keys() = 0;                   // ascending
};

}  // namespace pavise::security::signer
