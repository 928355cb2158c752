// Certificates for tests, by OpenSSL.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sdk_testing {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* what) const {
    Free(what);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free>>;

struct Request {
  std::vector<std::pair<std::string, std::string>> subject = {{"CN", "plant"}};
  std::string not_before = "20200101000000Z";
  std::string not_after = "20491231235959Z";
  bool is_ca = false;
};

struct Issued {
  Key key;
  Certificate certificate;

  std::string der() const {
    std::string out(static_cast<std::size_t>(i2d_X509(certificate.get(), nullptr)), '\0');
    auto* at = reinterpret_cast<unsigned char*>(out.data());
    i2d_X509(certificate.get(), &at);
    return out;
  }
  std::string pem() const {
    return text([&](BIO* to) { return PEM_write_bio_X509(to, certificate.get()); });
  }
  std::string key_pem() const {
    return text([&](BIO* to) {
      return PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }

 private:
  template <class Write>
  static std::string text(const Write& write) {
    const Memory memory(BIO_new(BIO_s_mem()));
    EXPECT_EQ(write(memory.get()), 1);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
  }
};

// By itself, or by `issuer`.
inline Issued issue(const Request& request, const Issued* issuer = nullptr) {
  Issued out{Key(EVP_EC_gen("P-256")), Certificate(X509_new())};
  X509* const made = out.certificate.get();
  X509_set_version(made, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made), 7);
  X509_NAME* const name = X509_get_subject_name(made);
  for (const auto& [field, value] : request.subject)
    EXPECT_EQ(X509_NAME_add_entry_by_txt(name, field.c_str(), MBSTRING_UTF8,
                                         reinterpret_cast<const unsigned char*>(value.data()),
                                         static_cast<int>(value.size()), -1, 0),
              1);
  X509* const by = issuer == nullptr ? made : issuer->certificate.get();
  X509_set_issuer_name(made, X509_get_subject_name(by));
  EXPECT_EQ(ASN1_TIME_set_string_X509(X509_getm_notBefore(made), request.not_before.c_str()), 1);
  EXPECT_EQ(ASN1_TIME_set_string_X509(X509_getm_notAfter(made), request.not_after.c_str()), 1);
  X509_set_pubkey(made, out.key.get());
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(
      nullptr, nullptr, NID_basic_constraints, request.is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  X509_add_ext(made, extension, -1);
  X509_EXTENSION_free(extension);
  EXPECT_GT(X509_sign(made, (issuer == nullptr ? out : *issuer).key.get(), EVP_sha256()), 0);
  return out;
}

}  // namespace sdk_testing
