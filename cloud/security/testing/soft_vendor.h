// A silicon vendor and its TPMs' endorsement keys in software: RSA keys, certificates, and what
// TPM2_ActivateCredential does. For tests and benchmarks only; made on OpenSSL alone, so that it
// checks our own code independently.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "protocol/tpm/public_area.h"

namespace pavise::security::testing {

struct OpensslKey;  // complete only in soft_vendor.cc

// An endorsement key (RSA-2048, template L-1). Making one takes about a tenth of a second.
class SoftEk {
 public:
  SoftEk();
  const tpm::PublicArea& area() const { return area_; }
  // The secret, if the credential was made for this EK and for an object of this Name.
  std::optional<Bytes> activate(const tpm::Name& name, ByteView id_object,
                                ByteView encrypted_secret) const;
  const OpensslKey& key() const { return *key_; }

 private:
  std::shared_ptr<const OpensslKey> key_;
  tpm::PublicArea area_;
};

// A root CA that certifies endorsement keys.
class SoftVendor {
 public:
  // Certificates are valid for a day around `now_s`.
  SoftVendor(std::string name, UnixSeconds now_s);
  const Bytes& root_der() const { return root_; }
  std::string root_pem() const;
  Bytes certify(const SoftEk& ek) const;  // DER

 private:
  std::string name_;
  UnixSeconds now_s_;
  std::shared_ptr<const OpensslKey> key_;
  Bytes root_;
};

}  // namespace pavise::security::testing
