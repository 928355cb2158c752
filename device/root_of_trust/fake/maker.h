// The maker of fake TPMs: a self-signed root that signs EK certificates.
#pragma once

#include <memory>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::root_of_trust {

// An RSA-2048 key that can only decrypt: the EK.
class FakeEk {
 public:
  static Result<std::unique_ptr<FakeEk>> generate();  // takes some 100 ms
  ~FakeEk();
  FakeEk(const FakeEk&) = delete;
  FakeEk& operator=(const FakeEk&) = delete;
  Bytes modulus() const;  // 256 bytes
  // RSA-OAEP with SHA-256 and the label "IDENTITY\0"; crypto::kCryptoFailed.
  Result<SecretBytes> decrypt(ByteView encrypted) const;

 private:
  friend class FakeMaker;
  struct Impl;
  explicit FakeEk(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class FakeMaker {
 public:
  static Result<std::shared_ptr<const FakeMaker>> create();
  ~FakeMaker();
  FakeMaker(const FakeMaker&) = delete;
  FakeMaker& operator=(const FakeMaker&) = delete;
  // Self-signed X.509 CA certificate, DER and PEM: what a verifier is told to trust.
  Bytes root_certificate() const;
  std::string root_certificate_pem() const;
  // An EK certificate after TCG EK Credential Profile 2.3: no subject, manufacturer, model and
  // version in a critical subjectAltName, EKU 2.23.133.8.1, key usage keyEncipherment.
  Result<Bytes> certify(const FakeEk& ek) const;

 private:
  struct Impl;
  explicit FakeMaker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pavise::root_of_trust
