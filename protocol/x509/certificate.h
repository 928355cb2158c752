// Reads the certificates that this service issued: device leaves and CAs. It reads our own profile
// and nothing else; it does not check signatures (TLS did, or the caller does with
// key().verify_digest). OpenSSL's d2i_X509 costs 170 µs per certificate.
#pragma once

#include <string_view>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"
#include "protocol/x509/names.h"

namespace pavise::x509 {

inline constexpr std::size_t kCertificateBytesMax = 2048;

// Views into the caller's bytes, which must outlive it. No allocation.
class Certificate {
 public:
  // kMalformedCertificate. Trailing bytes, foreign algorithms, unknown name attributes are refused.
  static Result<Certificate> parse(ByteView der);

  ByteView serial() const { return serial_; }              // big-endian, without sign byte
  ByteView issuer_name() const { return issuer_name_; }    // whole element
  ByteView subject_name() const { return subject_name_; }  // whole element
  const Name& subject() const { return subject_; }  // device leaf: O = tenant, CN = device id
  UnixSeconds not_before() const { return not_before_; }
  UnixSeconds not_after() const { return not_after_; }
  ByteView spki() const { return spki_; }         // 91 bytes
  ByteView to_be_signed() const { return tbs_; }  // whole element
  ByteView signature_der() const { return signature_; }

 private:
  Certificate() = default;
  ByteView serial_, issuer_name_, subject_name_, spki_, tbs_, signature_;
  Name subject_;
  UnixSeconds not_before_ = 0;
  UnixSeconds not_after_ = 0;
};

}  // namespace pavise::x509
