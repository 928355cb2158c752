#include "cloud/security/signer/keys/file_key_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cloud/security/signer/api/signer.h"

namespace pavise::security::signer {
namespace {

constexpr std::string_view kKeySuffix = ".key";
constexpr std::string_view kCertificateSuffix = ".crt";
constexpr std::string_view kPartialSuffix = ".partial";

Error failed(std::string_view what) {
  return Error(kKeyStoreFailed, std::string(what) + ": " + std::strerror(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Result<std::vector<std::string>> names_in(int directory_fd) {
  // fdopendir() takes the descriptor over, so it gets one of its own.
  const int fd = ::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed("listing the key directory");
  DIR* directory = ::fdopendir(fd);
  if (directory == nullptr) {
    ::close(fd);
    return failed("listing the key directory");
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory)) names.emplace_back(entry->d_name);
  ::closedir(directory);
  return names;
}

Status write_all(int fd, ByteView contents) {
  while (!contents.empty()) {
    const ssize_t n = ::write(fd, contents.data(), contents.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed("writing a key file");
    contents = contents.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

std::optional<KeyId> KeyId::parse(std::string_view text) {
  const auto dot = text.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view owner = text.substr(0, dot);
  const std::string_view role = text.substr(dot + 1);
  if (role != "root" && role != "issuing") return std::nullopt;
  if (owner == kService) {
    if (role != "root") return std::nullopt;
  } else if (!TenantId::parse(owner)) {
    return std::nullopt;
  }
  return KeyId(std::string(owner), role == "root" ? KeyRole::root : KeyRole::issuing);
}

Result<std::unique_ptr<FileKeyStore>> FileKeyStore::open(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return failed(directory);
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return failed(directory);
  std::unique_ptr<FileKeyStore> store(new FileKeyStore(fd));
  struct stat info{};
  if (::fstat(fd, &info) != 0) return failed(directory);
  if (info.st_uid != ::geteuid())
    return Error(kKeyStoreFailed, directory + " belongs to another user");
  if ((info.st_mode & 0077U) != 0)
    return Error(kKeyStoreFailed, directory + " is open to others; it needs mode 0700");
  // Two writers would each believe in their own half-made authorities.
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0)
    return Error(kKeyStoreFailed, directory + " is used by another signer");
  PAVISE_TRY(store->load());
  return store;
}

FileKeyStore::~FileKeyStore() {
  ::close(directory_fd_);
}

Status FileKeyStore::load() {
  PAVISE_TRY_ASSIGN(const auto names, names_in(directory_fd_));
  for (const std::string& name : names) {
    if (name.ends_with(kPartialSuffix)) {
      if (::unlinkat(directory_fd_, name.c_str(), 0) != 0) return failed(name);
    } else if (name.ends_with(kKeySuffix)) {
      PAVISE_TRY(load_key(name));
    }
  }
  return {};
}

Status FileKeyStore::load_key(const std::string& name) {
  const auto id = KeyId::parse(std::string_view(name).substr(0, name.size() - kKeySuffix.size()));
  if (!id) return Error(kAuthorityDamaged, "unexpected file " + name);
  PAVISE_TRY_ASSIGN(const SecretBytes pem, read_file(name));
  auto key = crypto::P256PrivateKey::from_pem(pem.view());
  if (!key) return Error(kAuthorityDamaged, name + " is not a P-256 key");
  keys_.insert_or_assign(*id, *std::move(key));
  return {};
}

Result<SecretBytes> FileKeyStore::read_file(const std::string& name) const {
  const Descriptor file(
      ::openat(directory_fd_, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY));
  if (file.get() < 0 && errno == ENOENT) return Error(kNoSuchAuthority, name);
  if (file.get() < 0) return failed(name);
  SecretBytes contents(kKeyFileBytesMax + 1);
  std::size_t size = 0;
  while (size < contents.size()) {
    const auto rest = contents.span().subspan(size);
    const ssize_t n = ::read(file.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(name);
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size > kKeyFileBytesMax) return Error(kAuthorityDamaged, name + " is too large");
  return SecretBytes::copy_of(contents.view().first(size));
}

Status FileKeyStore::write_file(const std::string& name, ByteView contents) const {
  const std::string partial = name + std::string(kPartialSuffix);
  {
    const Descriptor file(::openat(directory_fd_, partial.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.get() < 0) return failed(name);
    auto written = write_all(file.get(), contents);
    if (written && ::fsync(file.get()) != 0) written = failed(name);
    if (!written) {
      ::unlinkat(directory_fd_, partial.c_str(), 0);
      return written;
    }
  }
  if (::renameat(directory_fd_, partial.c_str(), directory_fd_, name.c_str()) != 0)
    return failed(name);
  if (::fsync(directory_fd_) != 0) return failed(name);
  return {};
}

Result<crypto::P256PublicKey> FileKeyStore::make_key(const KeyId& id) {
  if (const auto found = keys_.find(id); found != keys_.end()) return found->second.public_key();
  PAVISE_TRY_ASSIGN(auto key, crypto::P256PrivateKey::generate());
  const SecretBytes pem = key.to_pem();
  PAVISE_TRY(write_file(id.text() + std::string(kKeySuffix), pem.view()));
  auto public_key = key.public_key();
  keys_.insert_or_assign(id, std::move(key));
  return public_key;
}

Result<crypto::P256PublicKey> FileKeyStore::public_key(const KeyId& id) {
  const auto found = keys_.find(id);
  if (found == keys_.end()) return Error(kNoSuchAuthority, id.text());
  return found->second.public_key();
}

Result<crypto::EcdsaRaw> FileKeyStore::sign(const KeyId& id, const Digest256& digest) {
  const auto found = keys_.find(id);
  if (found == keys_.end()) return Error(kNoSuchAuthority, id.text());
  return found->second.sign_digest(digest);
}

Status FileKeyStore::put_certificate(const KeyId& id, ByteView der) {
  return write_file(id.text() + std::string(kCertificateSuffix), der);
}

Result<Bytes> FileKeyStore::certificate(const KeyId& id) {
  PAVISE_TRY_ASSIGN(const SecretBytes contents,
                    read_file(id.text() + std::string(kCertificateSuffix)));
  return to_bytes(contents.view());
}

std::vector<KeyId> FileKeyStore::keys() {
  std::vector<KeyId> out;
  for (const auto& [id, key] : keys_) out.push_back(id);
  return out;
}

}  // namespace pavise::security::signer
