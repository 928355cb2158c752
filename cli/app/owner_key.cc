#include "cli/app/owner_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/app/files.h"
#include "common/base/unique_fd.h"

namespace pavise::cli::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPemBytesMax = 4096;

Status write_new(const fs::path& path, ByteView bytes, mode_t mode) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file && errno == EEXIST) return Error(kKeyExists, path.string());
  if (!file ||
      ::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
      ::fsync(file.get()) != 0)
    return Error(kFileFailed, path.string() + ": " + std::strerror(errno));
  return {};
}

}  // namespace

Result<crypto::P256PublicKey> create_owner_key(const fs::path& path) {
  PAVISE_TRY_ASSIGN(const crypto::P256PrivateKey key, crypto::P256PrivateKey::generate());
  const crypto::P256PublicKey out = key.public_key();
  PAVISE_TRY(write_new(path, key.to_pem().view(), 0600));
  PAVISE_TRY(write_new(path.string() + ".pub", as_bytes(out.pem()), 0644));
  return out;
}

Result<crypto::P256PrivateKey> read_owner_key(const fs::path& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0)
    return Error(kFileFailed, path.string() + ": " + std::strerror(errno));
  if ((info.st_mode & 077U) != 0) return Error(kKeyOpenToOthers, path.string());
  SecretBytes pem(kPemBytesMax);
  const ssize_t got = ::read(file.get(), pem.span().data(), pem.size());
  if (got <= 0) return Error(kFileFailed, path.string() + ": " + std::strerror(errno));
  return crypto::P256PrivateKey::from_pem(pem.view().first(static_cast<std::size_t>(got)));
}

Result<OwnerKey> OwnerKey::open(const std::string& name) {
  (void)pkcs11::process_pins();
  if (pkcs11::is_key_uri(name)) {
    PAVISE_TRY_ASSIGN(pkcs11::KeyUri uri, pkcs11::KeyUri::parse(name));
    PAVISE_TRY_ASSIGN(pkcs11::TokenKey key, pkcs11::TokenKey::open(std::move(uri)));
    crypto::P256PublicKey half = key.public_key();
    return OwnerKey(std::move(half), std::move(key));
  }
  PAVISE_TRY_ASSIGN(crypto::P256PrivateKey key, read_owner_key(name));
  crypto::P256PublicKey half = key.public_key();
  return OwnerKey(std::move(half), std::move(key));
}

Result<crypto::EcdsaRaw> OwnerKey::sign_digest(const Digest256& digest) {
  if (auto* const token = std::get_if<pkcs11::TokenKey>(&secret_))
    return token->sign_digest(digest, pkcs11::process_pins());
  return std::get<crypto::P256PrivateKey>(secret_).sign_digest(digest);
}

Result<crypto::P256PublicKey> read_public_key(const fs::path& path) {
  PAVISE_TRY_ASSIGN(const Bytes pem, read_whole(path, kPemBytesMax));
  return crypto::P256PublicKey::from_pem(as_text(pem));
}

}  // namespace pavise::cli::app
