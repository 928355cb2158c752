#include "cloud/security/testing/soft_vendor.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "common/base/result.h"

namespace pavise::security::testing {
namespace {

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

constexpr long kDayS = 24L * 3600;

Bytes hmac(ByteView key, ByteView message) {
  Bytes out(32);
  unsigned size = 0;
  PAVISE_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), as_uchar(message),
                    message.size(), as_uchar(std::span(out)), &size) != nullptr);
  return out;
}

// TPM 2.0 part 1, 11.4.10.2; one block is enough.
Bytes kdfa(ByteView key, std::string_view label, ByteView context, std::size_t size) {
  ByteWriter message;
  message.be(std::uint32_t{1}).raw(as_bytes(label)).be(std::uint8_t{0}).raw(context);
  message.be(static_cast<std::uint32_t>(8 * size));
  Bytes out = hmac(key, message.bytes());
  out.resize(size);
  return out;
}

std::optional<Bytes> decrypt_seed(EVP_PKEY* key, ByteView encrypted) {
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new(key, nullptr), EVP_PKEY_CTX_free);
  constexpr std::size_t kLabelBytes = 9;  // its zero is part of the label
  PAVISE_CHECK(EVP_PKEY_decrypt_init(context.get()) == 1);
  EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING);
  EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256());
  EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256());
  EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), OPENSSL_memdup("IDENTITY", kLabelBytes),
                                   kLabelBytes);
  Bytes out(tpm::kRsaModulusBytes);
  std::size_t size = out.size();
  if (EVP_PKEY_decrypt(context.get(), as_uchar(std::span(out)), &size, as_uchar(encrypted),
                       encrypted.size()) != 1)
    return std::nullopt;
  out.resize(size);
  return out;
}

Bytes decrypt_cfb(ByteView key, ByteView encrypted) {
  const Bytes iv(16);
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher(EVP_CIPHER_CTX_new(),
                                                                               EVP_CIPHER_CTX_free);
  PAVISE_CHECK(EVP_DecryptInit_ex(cipher.get(), EVP_aes_128_cfb128(), nullptr, as_uchar(key),
                                  as_uchar(ByteView(iv))) == 1);
  Bytes plain(encrypted.size());
  int size = 0;
  PAVISE_CHECK(EVP_DecryptUpdate(cipher.get(), as_uchar(std::span(plain)), &size,
                                 as_uchar(encrypted), static_cast<int>(plain.size())) == 1);
  return plain;
}

Bytes der_of(X509* certificate) {
  unsigned char* data = nullptr;
  const int size = i2d_X509(certificate, &data);
  PAVISE_CHECK(size > 0);
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  Bytes out(bytes, bytes + size);
  OPENSSL_free(data);
  return out;
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  PAVISE_CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

void set_name(X509_NAME* name, const std::string& text) {
  PAVISE_CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                          reinterpret_cast<const unsigned char*>(text.data()),
                                          static_cast<int>(text.size()), -1, 0) == 1);
}

// Subject to `subject`, key `key`; neither signed nor with extensions.
Certificate blank(const std::string& issuer, const std::string& subject, EVP_PKEY* key,
                  UnixSeconds now_s, long serial) {
  Certificate out(X509_new(), X509_free);
  X509_set_version(out.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(out.get()), serial);
  ASN1_TIME_set(X509_getm_notBefore(out.get()), now_s - kDayS);
  ASN1_TIME_set(X509_getm_notAfter(out.get()), now_s + kDayS);
  set_name(X509_get_issuer_name(out.get()), issuer);
  if (!subject.empty()) set_name(X509_get_subject_name(out.get()), subject);
  PAVISE_CHECK(X509_set_pubkey(out.get(), key) == 1);
  return out;
}

}  // namespace

struct OpensslKey {
  explicit OpensslKey(EVP_PKEY* made) : key(made, EVP_PKEY_free) { PAVISE_CHECK(made != nullptr); }
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key;
};

SoftEk::SoftEk() : key_(std::make_shared<OpensslKey>(EVP_RSA_gen(8 * tpm::kRsaModulusBytes))) {
  BIGNUM* n = nullptr;
  PAVISE_CHECK(EVP_PKEY_get_bn_param(key_->key.get(), OSSL_PKEY_PARAM_RSA_N, &n) == 1);
  Bytes modulus(tpm::kRsaModulusBytes);
  BN_bn2binpad(n, as_uchar(std::span(modulus)), static_cast<int>(modulus.size()));
  BN_free(n);
  area_ = tpm::ek_template_l1(modulus);
}

std::optional<Bytes> SoftEk::activate(const tpm::Name& name, ByteView id_object,
                                      ByteView encrypted_secret) const {
  const auto seed = decrypt_seed(key_->key.get(), encrypted_secret);
  ByteReader reader(id_object);
  const auto integrity = reader.sized<std::uint16_t>(32);
  if (!seed || !integrity) return std::nullopt;
  Bytes authenticated = to_bytes(reader.rest());
  append(authenticated, name);
  if (!equal(hmac(kdfa(*seed, "INTEGRITY", {}, 32), authenticated), *integrity))
    return std::nullopt;
  const Bytes plain = decrypt_cfb(kdfa(*seed, "STORAGE", name, 16), reader.rest());
  ByteReader content(plain);
  const auto secret = content.sized<std::uint16_t>(32);
  if (!secret) return std::nullopt;
  return to_bytes(*secret);
}

SoftVendor::SoftVendor(std::string name, UnixSeconds now_s)
    : name_(std::move(name)),
      now_s_(now_s),
      key_(std::make_shared<OpensslKey>(EVP_EC_gen("P-256"))) {
  const Certificate root = blank(name_, name_, key_->key.get(), now_s_, 1);
  add_extension(root.get(), root.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(root.get(), root.get(), NID_key_usage, "critical,keyCertSign");
  PAVISE_CHECK(X509_sign(root.get(), key_->key.get(), EVP_sha256()) > 0);
  root_ = der_of(root.get());
}

std::string SoftVendor::root_pem() const {
  const std::string base64 = to_base64(root_);
  std::string out = "-----BEGIN CERTIFICATE-----\n";
  constexpr std::size_t kLine = 64;
  for (std::size_t at = 0; at < base64.size(); at += kLine) out += base64.substr(at, kLine) + "\n";
  return out + "-----END CERTIFICATE-----\n";
}

Bytes SoftVendor::certify(const SoftEk& ek) const {
  const Certificate certificate = blank(name_, "", ek.key().key.get(), now_s_, 2);
  add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate.get(), certificate.get(), NID_key_usage, "critical,keyEncipherment");
  add_extension(certificate.get(), certificate.get(), NID_ext_key_usage, "2.23.133.8.1");
  PAVISE_CHECK(X509_sign(certificate.get(), key_->key.get(), EVP_sha256()) > 0);
  return der_of(certificate.get());
}

}  // namespace pavise::security::testing
