#include "cloud/hub/transport/testing/pki.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "common/base/result.h"

namespace pavise::hub::testing {
namespace {

template <class Writer>
std::string to_pem(Writer write) {
  BIO* bio = BIO_new(BIO_s_mem());
  PAVISE_CHECK(write(bio) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

Identity identity_of(X509* certificate, EVP_PKEY* key) {
  Identity out;
  out.certificate_pem = to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
  out.key_pem = to_pem([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  PAVISE_CHECK(size > 0);
  out.certificate_der = to_bytes(std::as_bytes(std::span(der, static_cast<std::size_t>(size))));
  OPENSSL_free(der);
  return out;
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  PAVISE_CHECK(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* make(const std::string& name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key,
           long valid_s) {
  X509* out = X509_new();
  X509_set_version(out, X509_VERSION_3);
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(out), serial >> 1U);
  X509_gmtime_adj(X509_getm_notBefore(out), -3600);
  X509_gmtime_adj(X509_getm_notAfter(out), valid_s);
  X509_set_pubkey(out, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(out), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509* const from = issuer == nullptr ? out : issuer;
  X509_set_issuer_name(out, X509_get_subject_name(from));
  if (issuer == nullptr) {
    add_extension(out, from, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(out, from, NID_key_usage, "critical,keyCertSign");
  } else {
    add_extension(out, from, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(out, from, NID_key_usage, "critical,digitalSignature");
    add_extension(out, from, NID_ext_key_usage, "clientAuth,serverAuth");
    add_extension(out, from, NID_subject_alt_name, "DNS:hub.test,IP:127.0.0.1");
  }
  PAVISE_CHECK(X509_sign(out, issuer_key, EVP_sha256()) > 0);
  return out;
}

}  // namespace

TestCa::TestCa(const std::string& name) : key_(EVP_EC_gen("P-256")) {
  PAVISE_CHECK(key_ != nullptr);
  certificate_ = make(name, key_, nullptr, key_, 10L * 86'400);
  self_ = identity_of(certificate_, key_);
}

TestCa::~TestCa() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

Identity TestCa::issue(const std::string& common_name, long valid_s) const {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  PAVISE_CHECK(key != nullptr);
  X509* certificate = make(common_name, key, certificate_, key_, valid_s);
  Identity out = identity_of(certificate, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return out;
}

Identity TestCa::issue_with_wrong_private_key(const std::string& common_name) const {
  EVP_PKEY* right = EVP_EC_gen("P-256");
  EVP_PKEY* wrong = EVP_EC_gen("P-256");
  unsigned char* point = nullptr;
  const std::size_t point_size = EVP_PKEY_get1_encoded_public_key(right, &point);
  BIGNUM* secret = nullptr;
  PAVISE_CHECK(EVP_PKEY_get_bn_param(wrong, OSSL_PKEY_PARAM_PRIV_KEY, &secret) == 1);
  OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, point_size);
  OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, secret);
  OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX* maker = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  EVP_PKEY* mixed = nullptr;
  PAVISE_CHECK(EVP_PKEY_fromdata_init(maker) == 1 &&
               EVP_PKEY_fromdata(maker, &mixed, EVP_PKEY_KEYPAIR, parameters) == 1);
  X509* certificate = make(common_name, right, certificate_, key_, 86'400);
  Identity out = identity_of(certificate, mixed);
  X509_free(certificate);
  EVP_PKEY_CTX_free(maker);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(builder);
  BN_free(secret);
  OPENSSL_free(point);
  for (EVP_PKEY* key : {right, wrong, mixed}) EVP_PKEY_free(key);
  return out;
}

}  // namespace pavise::hub::testing
