// KeyStore in a directory of its own: `<owner>.<role>.key` (PKCS#8 PEM) and `<owner>.<role>.crt`
// (DER), each mode 0600, written to a temporary name, flushed and renamed.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "cloud/security/signer/keys/key_store.h"

namespace pavise::security::signer {

inline constexpr std::size_t kKeyFileBytesMax = 4096;

class FileKeyStore final : public KeyStore {
 public:
  // Creates the directory (mode 0700) if it is missing, removes what an interrupted write left, and
  // loads all keys into memory. The directory must belong to this user and be closed to all
  // others; no other process may have it open. Errors: kKeyStoreFailed; kAuthorityDamaged when a
  // file cannot be read as a key.
  static Result<std::unique_ptr<FileKeyStore>> open(const std::string& directory);
  ~FileKeyStore() override;

  Result<crypto::P256PublicKey> make_key(const KeyId& id) override;
  Result<crypto::P256PublicKey> public_key(const KeyId& id) override;
  Result<crypto::EcdsaRaw> sign(const KeyId& id, const Digest256& digest) override;
  Status put_certificate(const KeyId& id, ByteView der) override;
  Result<Bytes> certificate(const KeyId& id) override;
  std::vector<KeyId> keys() override;

 private:
  explicit FileKeyStore(int directory_fd) : directory_fd_(directory_fd) {}
  Status load();
  Status load_key(const std::string& name);
  Result<SecretBytes> read_file(const std::string& name) const;
  Status write_file(const std::string& name, ByteView contents) const;

  int directory_fd_;
  std::map<KeyId, crypto::P256PrivateKey> keys_;
};

}  // namespace pavise::security::signer
