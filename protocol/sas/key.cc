#include "protocol/sas/key.h"

#include "common/crypto/crypto.h"

namespace pavise::sas {

Result<SecretBytes> parse_key(std::string_view base64) {
  constexpr std::size_t kTextMax = (kKeySizeMax + 2) / 3 * 4;
  if (base64.size() > kTextMax) return Error(kBadKey, "too long");
  auto bytes = from_base64(base64);
  if (!bytes) return Error(kBadKey, "not base64");
  SecretBytes key(*std::move(bytes));
  if (key.size() < kKeySizeMin || key.size() > kKeySizeMax)
    return Error(kBadKey, std::to_string(key.size()) + " bytes");
  return key;
}

SecretBytes derive_device_key(ByteView group_key, std::string_view registration_id) {
  Digest256 digest = crypto::hmac_sha256(group_key, as_bytes(registration_id));
  SecretBytes key = SecretBytes::copy_of(digest);
  wipe(digest);
  return key;
}

}  // namespace pavise::sas
