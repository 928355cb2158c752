// The service's certificate for our TLS key: from its message, and on disk.
#pragma once

#include <string>

#include "common/crypto/crypto.h"
#include "device/agent/errors.h"
#include "device/agent/ports.h"
#include "protocol/evidence/exchange.h"

namespace pavise::agent {

// Whose certificate it must be.
struct CertificateOwner {
  DeviceId device;
  crypto::P256PublicKey tls_key;
};

// Reads an `accepted` message. The chain's signatures are for the hub to check; here it matters
// that the leaf is ours. kCertificateUnusable: another name or key, an empty validity, a chain that
// is not of the service's profile. A renewal time outside of the validity becomes two thirds of it.
Result<DeviceCertificate> read_certificate(const evidence::Accepted& accepted, ByteView message,
                                           const CertificateOwner& owner);

// One file, replaced atomically; survives a loss of power at any moment. Blocks on the disk.
class FileCertificateStore final : public CertificateStore {
 public:
  FileCertificateStore(std::string folder, CertificateOwner owner)
      : folder_(std::move(folder)), owner_(std::move(owner)) {}

  Result<std::optional<DeviceCertificate>> load() override;
  Status save(const DeviceCertificate& certificate) override;
  void erase() override;

 private:
  std::string path() const { return folder_ + "/certificate.cbor"; }

  std::string folder_;
  CertificateOwner owner_;
};

}  // namespace pavise::agent
