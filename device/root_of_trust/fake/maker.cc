#include "device/root_of_trust/fake/maker.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "common/crypto/crypto.h"
#include "common/crypto/openssl.h"

namespace pavise::root_of_trust {
namespace {

constexpr long kLifetimeSeconds = 10L * 365 * 24 * 3600;

using Key = crypto::Owned<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = crypto::Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using Certificate = crypto::Owned<X509, X509_free>;
using Bio = crypto::Owned<BIO, BIO_free_all>;
using Conf = crypto::Owned<CONF, NCONF_free>;

// OpenSSL drops what stands before the first dot of a name's line, hence the "n.".
constexpr const char* kExtensions =
    "[root]\n"
    "basicConstraints=critical,CA:TRUE\n"
    "keyUsage=critical,keyCertSign,cRLSign\n"
    "subjectKeyIdentifier=hash\n"
    "[ek]\n"
    "basicConstraints=critical,CA:FALSE\n"
    "keyUsage=critical,keyEncipherment\n"
    "extendedKeyUsage=2.23.133.8.1\n"
    "authorityKeyIdentifier=keyid\n"
    "subjectAltName=critical,dirName:tpm\n"
    "[tpm]\n"
    "n.2.23.133.2.1=id:50415649\n"
    "n.2.23.133.2.2=fake\n"
    "n.2.23.133.2.3=id:00000001\n";

Status add_extensions(X509* certificate, X509* issuer, const char* section) {
  const Bio text(BIO_new_mem_buf(kExtensions, -1));
  const Conf conf(NCONF_new(nullptr));
  long line = 0;
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  if (NCONF_load_bio(conf.get(), text.get(), &line) != 1)
    return Error(crypto::kCryptoFailed, "extensions");
  X509V3_set_nconf(&context, conf.get());
  if (X509V3_EXT_add_nconf(conf.get(), &context, section, certificate) != 1)
    return Error(crypto::kCryptoFailed, section);
  return {};
}

Result<Certificate> start_certificate(EVP_PKEY* key, long serial) {
  Certificate out(X509_new());
  if (!out || X509_set_version(out.get(), X509_VERSION_3) != 1 ||
      ASN1_INTEGER_set(X509_get_serialNumber(out.get()), serial) != 1 ||
      X509_gmtime_adj(X509_getm_notBefore(out.get()), -3600) == nullptr ||
      X509_gmtime_adj(X509_getm_notAfter(out.get()), kLifetimeSeconds) == nullptr ||
      X509_set_pubkey(out.get(), key) != 1)
    return Error(crypto::kCryptoFailed, "certificate");
  return out;
}

Bytes der_of(const X509* certificate) {
  unsigned char* raw = nullptr;
  const int size = i2d_X509(certificate, &raw);
  PAVISE_CHECK(size > 0);
  Bytes out = to_bytes(std::as_bytes(std::span(raw, static_cast<std::size_t>(size))));
  OPENSSL_free(raw);
  return out;
}

}  // namespace

struct FakeEk::Impl {
  Key key;
};
FakeEk::FakeEk(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FakeEk::~FakeEk() = default;

Result<std::unique_ptr<FakeEk>> FakeEk::generate() {
  auto impl = std::make_unique<Impl>(Key(EVP_RSA_gen(2048)));
  if (!impl->key) return Error(crypto::kCryptoFailed, "RSA key");
  return std::unique_ptr<FakeEk>(new FakeEk(std::move(impl)));
}

Bytes FakeEk::modulus() const {
  BIGNUM* number = nullptr;
  PAVISE_CHECK(EVP_PKEY_get_bn_param(impl_->key.get(), OSSL_PKEY_PARAM_RSA_N, &number) == 1);
  Bytes out(256);
  BN_bn2binpad(number, as_uchar(std::span(out)), static_cast<int>(out.size()));
  BN_free(number);
  return out;
}

Result<SecretBytes> FakeEk::decrypt(ByteView encrypted) const {
  static constexpr char kLabel[] = "IDENTITY";  // with its zero
  const KeyContext context(EVP_PKEY_CTX_new(impl_->key.get(), nullptr));
  void* const label = OPENSSL_memdup(kLabel, sizeof kLabel);
  std::size_t size = 256;
  SecretBytes plain(size);
  if (EVP_PKEY_decrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), label, sizeof kLabel) != 1) {
    OPENSSL_free(label);
    return Error(crypto::kCryptoFailed, "RSA-OAEP");
  }
  if (EVP_PKEY_decrypt(context.get(), as_uchar(plain.span()), &size, as_uchar(encrypted),
                       encrypted.size()) != 1)
    return Error(crypto::kCryptoFailed, "RSA-OAEP");
  return SecretBytes::copy_of(plain.view().first(size));
}

struct FakeMaker::Impl {
  Key key;
  Certificate root;
};
FakeMaker::FakeMaker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FakeMaker::~FakeMaker() = default;

Result<std::shared_ptr<const FakeMaker>> FakeMaker::create() {
  Key key(EVP_EC_gen("P-256"));
  if (!key) return Error(crypto::kCryptoFailed, "CA key");
  PAVISE_TRY_ASSIGN(Certificate root, start_certificate(key.get(), 1));
  X509_NAME* const name = X509_get_subject_name(root.get());
  if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>("Maker of fake TPMs"), -1,
                                 -1, 0) != 1 ||
      X509_set_issuer_name(root.get(), name) != 1)
    return Error(crypto::kCryptoFailed, "name");
  PAVISE_TRY(add_extensions(root.get(), root.get(), "root"));
  if (X509_sign(root.get(), key.get(), EVP_sha256()) == 0)
    return Error(crypto::kCryptoFailed, "signature");
  auto impl = std::make_unique<Impl>(std::move(key), std::move(root));
  return std::shared_ptr<const FakeMaker>(new FakeMaker(std::move(impl)));
}

Bytes FakeMaker::root_certificate() const {
  return der_of(impl_->root.get());
}

std::string FakeMaker::root_certificate_pem() const {
  const Bio out(BIO_new(BIO_s_mem()));
  PAVISE_CHECK(PEM_write_bio_X509(out.get(), impl_->root.get()) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Result<Bytes> FakeMaker::certify(const FakeEk& ek) const {
  PAVISE_TRY_ASSIGN(const Certificate certificate, start_certificate(ek.impl_->key.get(), 2));
  if (X509_set_issuer_name(certificate.get(), X509_get_subject_name(impl_->root.get())) != 1)
    return Error(crypto::kCryptoFailed, "issuer");
  PAVISE_TRY(add_extensions(certificate.get(), impl_->root.get(), "ek"));
  if (X509_sign(certificate.get(), impl_->key.get(), EVP_sha256()) == 0)
    return Error(crypto::kCryptoFailed, "signature");
  return der_of(certificate.get());
}

}  // namespace pavise::root_of_trust
