#include "device/agent/certificate.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/unique_fd.h"
#include "device/agent/system_info.h"
#include "protocol/x509/certificate.h"

namespace pavise::agent {
namespace {

Error store_error(const std::string& what) {
  return {kStoreFailed, what + ": " + std::strerror(errno)};
}

Status write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno != EINTR) return store_error("write");
    if (put > 0) bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

}  // namespace

Result<DeviceCertificate> read_certificate(const evidence::Accepted& accepted, ByteView message,
                                           const CertificateOwner& owner) {
  const auto leaf = x509::Certificate::parse(accepted.leaf);
  if (!leaf) return Error(kCertificateUnusable, "leaf: " + std::string(leaf.error().code()));
  if (leaf->subject().common_name != owner.device.text())
    return Error(kCertificateUnusable, "it names another device");
  if (!equal(leaf->spki(), owner.tls_key.spki_der()))
    return Error(kCertificateUnusable, "it is for another key");
  if (leaf->not_before() >= leaf->not_after())
    return Error(kCertificateUnusable, "it is never valid");
  DeviceCertificate out;
  out.chain_der.push_back(accepted.leaf);
  for (const Bytes& issuer : accepted.chain) {
    if (const auto read = x509::Certificate::parse(issuer); !read)
      return Error(kCertificateUnusable, "chain: " + std::string(read.error().code()));
    out.chain_der.push_back(issuer);
  }
  out.not_before = leaf->not_before();
  out.not_after = leaf->not_after();
  out.issued_after = out.not_before;
  const bool sensible = accepted.renew_by > out.not_before && accepted.renew_by <= out.not_after;
  out.renew_at =
      sensible ? accepted.renew_by : out.not_after - (out.not_after - out.not_before) / 3;
  out.hub_host = accepted.hub_host;
  out.hub_port = accepted.hub_port;
  out.tenant = accepted.tenant.text();
  out.message = to_bytes(message);
  return out;
}

Result<std::optional<DeviceCertificate>> FileCertificateStore::load() {
  // One byte more than allowed, so that a longer file is seen to be longer.
  const auto text = read_file(path().c_str(), evidence::kResponseBytesMax + 1);
  if (!text) {
    if (errno == ENOENT) return std::optional<DeviceCertificate>{};
    return store_error("read");
  }
  // A file that is damaged or of other keys is no reason to stop: we attest and replace it.
  const auto response = evidence::parse_response(as_bytes(*text));
  const auto* accepted = response ? std::get_if<evidence::Accepted>(&*response) : nullptr;
  if (accepted == nullptr) return std::optional<DeviceCertificate>{};
  auto certificate = read_certificate(*accepted, as_bytes(*text), owner_);
  if (!certificate) return std::optional<DeviceCertificate>{};
  return std::optional<DeviceCertificate>(*std::move(certificate));
}

Status FileCertificateStore::save(const DeviceCertificate& certificate) {
  const std::string temporary = path() + ".new";
  {
    const UniqueFd file(
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return store_error("open");
    PAVISE_TRY(write_all(file.get(), certificate.message));
    if (fsync(file.get()) != 0) return store_error("fsync");
  }
  if (rename(temporary.c_str(), path().c_str()) != 0) return store_error("rename");
  const UniqueFd folder(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || fsync(folder.get()) != 0) return store_error("fsync of the folder");
  return {};
}

void FileCertificateStore::erase() {
  unlink(path().c_str());
}

}  // namespace pavise::agent
