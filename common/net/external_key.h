// A private key that lives elsewhere (TPM, signer process) in the form that OpenSSL's handshake
// wants.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <functional>
#include <memory>
#include <optional>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/openssl.h"

namespace pavise::net {

// ECDSA P-256 over a SHA-256 digest; answers the signature in DER. Called on the thread that does
// the handshake, may block; the handshake's deadline does not interrupt it.
using DigestSigner = std::function<Result<Bytes>(const Digest256&)>;

// Keeps the signer's own error, which OpenSSL cannot carry.
struct ExternalKey {
  crypto::Owned<EVP_PKEY, EVP_PKEY_free> key;
  std::shared_ptr<std::optional<Error>> last_error;
};

// A key pair whose public half is the certificate's and whose private half is `sign`.
// kBadOptions: the certificate's key is not P-256, or there is no signer.
Result<ExternalKey> make_external_key(const X509* certificate, DigestSigner sign);

}  // namespace pavise::net
