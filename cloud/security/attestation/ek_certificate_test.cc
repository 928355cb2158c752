// Certificates are made here with OpenSSL, shaped like those of swtpm_setup 0.7.1 and of vendors.
#include "cloud/security/attestation/ek_certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <functional>
#include <memory>

#include "common/crypto/crypto.h"

namespace pavise::attestation {
namespace {

constexpr UnixSeconds kNow = 1'800'000'000;
constexpr UnixSeconds kDay = 86400;

using Key = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

Key new_ec_key() {
  return {EVP_EC_gen("P-256"), EVP_PKEY_free};
}
// Making an RSA key takes a tenth of a second, so the tests share one.
const Key& ek_key() {
  static const Key key{EVP_RSA_gen(2048), EVP_PKEY_free};
  return key;
}

struct Extension {
  int nid;
  std::string value;
};
struct Shape {
  Key subject_key;
  Key issuer_key;
  X509* issuer = nullptr;  // null: self-signed
  std::string name;
  std::vector<Extension> extensions;
  bool tpm_names = false;  // critical subject alternative name of the EK profile
  std::string unknown_critical;
  UnixSeconds not_before = kNow - kDay;
  UnixSeconds not_after = kNow + kDay;
  const EVP_MD* digest = EVP_sha256();
};

void add_tpm_names(X509* certificate) {
  X509_NAME* directory = X509_NAME_new();
  for (const auto& [oid, text] :
       {std::pair{"2.23.133.2.1", "id:00001014"}, std::pair{"2.23.133.2.2", "swtpm"},
        std::pair{"2.23.133.2.3", "id:20191023"}}) {
    ASN1_OBJECT* object = OBJ_txt2obj(oid, 1);
    X509_NAME_add_entry_by_OBJ(directory, object, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(text), -1, -1, 0);
    ASN1_OBJECT_free(object);
  }
  GENERAL_NAME* name = GENERAL_NAME_new();
  GENERAL_NAME_set0_value(name, GEN_DIRNAME, directory);
  GENERAL_NAMES* names = GENERAL_NAMES_new();
  sk_GENERAL_NAME_push(names, name);
  X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 1, 0);
  GENERAL_NAMES_free(names);
}

Certificate make(const Shape& shape) {
  Certificate out(X509_new(), X509_free);
  X509_set_version(out.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(out.get()), 2);
  X509_NAME_add_entry_by_NID(X509_get_subject_name(out.get()), NID_commonName, MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(shape.name.c_str()), -1, -1, 0);
  X509* issuer = shape.issuer != nullptr ? shape.issuer : out.get();
  X509_set_issuer_name(out.get(), X509_get_subject_name(issuer));
  ASN1_TIME_set(X509_getm_notBefore(out.get()), shape.not_before);
  ASN1_TIME_set(X509_getm_notAfter(out.get()), shape.not_after);
  X509_set_pubkey(out.get(), shape.subject_key.get());
  for (const Extension& extension : shape.extensions) {
    X509_EXTENSION* made =
        X509V3_EXT_conf_nid(nullptr, nullptr, extension.nid, extension.value.c_str());
    X509_add_ext(out.get(), made, -1);
    X509_EXTENSION_free(made);
  }
  if (shape.tpm_names) add_tpm_names(out.get());
  if (!shape.unknown_critical.empty()) {
    ASN1_OBJECT* object = OBJ_txt2obj(shape.unknown_critical.c_str(), 1);
    ASN1_OCTET_STRING* data = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(data, reinterpret_cast<const unsigned char*>("\5\0"), 2);
    X509_EXTENSION* made = X509_EXTENSION_create_by_OBJ(nullptr, object, 1, data);
    X509_add_ext(out.get(), made, -1);
    X509_EXTENSION_free(made);
    ASN1_OCTET_STRING_free(data);
    ASN1_OBJECT_free(object);
  }
  X509_sign(out.get(), shape.issuer_key.get(), shape.digest);
  return out;
}

Bytes der(const Certificate& certificate) {
  unsigned char* raw = nullptr;
  const int size = i2d_X509(certificate.get(), &raw);
  Bytes out = to_bytes(std::as_bytes(std::span(raw, static_cast<std::size_t>(size))));
  OPENSSL_free(raw);
  return out;
}
std::string pem(const Certificate& certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(bio.get(), certificate.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

const std::vector<Extension> kCaExtensions{{NID_basic_constraints, "critical,CA:TRUE"},
                                           {NID_key_usage, "critical,keyCertSign"}};
const std::vector<Extension> kEkExtensions{{NID_basic_constraints, "critical,CA:FALSE"},
                                           {NID_key_usage, "critical,keyEncipherment"},
                                           {NID_ext_key_usage, "2.23.133.8.1"}};

class EkCertificateTest : public ::testing::Test {
 protected:
  EkCertificateTest() {
    root_key = new_ec_key();
    ca_key = new_ec_key();
    root = make({.subject_key = root_key,
                 .issuer_key = root_key,
                 .name = "vendor root",
                 .extensions = kCaExtensions,
                 .unknown_critical = {}});
    ca = make({.subject_key = ca_key,
               .issuer_key = root_key,
               .issuer = root.get(),
               .name = "vendor CA",
               .extensions = kCaExtensions,
               .unknown_critical = {}});
    good = {.subject_key = ek_key(),
            .issuer_key = ca_key,
            .issuer = ca.get(),
            .name = "unknown",
            .extensions = kEkExtensions,
            .tpm_names = true,
            .unknown_critical = {}};
    intermediates = {der(ca)};
  }
  Result<EkCertificate> check(const Shape& shape) const { return check_der(der(make(shape))); }
  Result<EkCertificate> check_der(ByteView bytes) const {
    return verify_ek_certificate(bytes, intermediates, *VendorRoots::parse_pem(as_bytes(pem(root))),
                                 kNow);
  }
  // Error code of the good certificate after `bend`, or "".
  std::string code(const std::function<void(Shape&)>& bend) const {
    Shape shape = good;
    bend(shape);
    const auto result = check(shape);
    return result ? "" : std::string(result.error().code());
  }

  Key root_key, ca_key;
  Certificate root, ca;
  Shape good;
  std::vector<Bytes> intermediates;
};

TEST_F(EkCertificateTest, YieldsTheEndorsementKeyAndItsDeviceId) {
  const Certificate certificate = make(good);
  const auto result = check_der(der(certificate));
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_TRUE(tpm::is_endorsement_key(result->ek));
  EXPECT_EQ(result->ek_name, result->ek.full_name());
  EXPECT_EQ(result->device, *tpm::device_id_from_ek_public(result->ek.encode()));
  EXPECT_EQ(result->issuer, "CN=vendor CA");
  EXPECT_EQ(result->manufacturer, "id:00001014");
  EXPECT_EQ(result->model, "swtpm");
  EXPECT_EQ(result->version, "id:20191023");
  EXPECT_EQ(result->fingerprint, crypto::sha256(der(certificate)));

  BIGNUM* modulus = nullptr;
  EVP_PKEY_get_bn_param(ek_key().get(), OSSL_PKEY_PARAM_RSA_N, &modulus);
  Bytes raw(256);
  BN_bn2binpad(modulus, reinterpret_cast<unsigned char*>(raw.data()), 256);
  BN_free(modulus);
  EXPECT_EQ(result->ek.modulus, raw);
}

TEST_F(EkCertificateTest, AnIntermediateAloneCanBeTheAnchor) {
  intermediates.clear();
  EXPECT_FALSE(check(good));
  const auto roots = VendorRoots::parse_pem(as_bytes(pem(ca)));
  ASSERT_TRUE(roots);
  EXPECT_TRUE(verify_ek_certificate(der(make(good)), {}, *roots, kNow));
}

TEST_F(EkCertificateTest, RefusesUntrustedChains) {
  const Key stranger = new_ec_key();
  EXPECT_EQ(code([&](Shape& s) { s.issuer_key = stranger; }), "PV-ATT-021");
  EXPECT_EQ(code([&](Shape& s) {
              s.issuer = nullptr;
              s.issuer_key = stranger;
            }),
            "PV-ATT-021");
  EXPECT_EQ(code([](Shape& s) { s.not_after = kNow - 1; }), "PV-ATT-021");
  EXPECT_EQ(code([](Shape& s) { s.not_before = kNow + 1; }), "PV-ATT-021");
  const Certificate expired_ca = make({.subject_key = ca_key,
                                       .issuer_key = root_key,
                                       .issuer = root.get(),
                                       .name = "vendor CA",
                                       .extensions = kCaExtensions,
                                       .unknown_critical = {},
                                       .not_after = kNow - 1});
  intermediates = {der(expired_ca)};
  EXPECT_EQ(code([](Shape&) {}), "PV-ATT-021");
  // An end entity of the vendor's is no CA.
  const Certificate no_ca = make({.subject_key = ca_key,
                                  .issuer_key = root_key,
                                  .issuer = root.get(),
                                  .name = "vendor CA",
                                  .extensions = {{NID_basic_constraints, "critical,CA:FALSE"}},
                                  .unknown_critical = {}});
  intermediates = {der(no_ca)};
  EXPECT_EQ(code([](Shape&) {}), "PV-ATT-021");
}

// SHA-1 collisions with chosen prefixes cost some ten thousand dollars; a 1024-bit modulus not much
// more. OpenSSL's verification takes both unless it is told a level.
TEST_F(EkCertificateTest, RefusesWeakSignaturesAndKeys) {
  EXPECT_EQ(code([](Shape& s) { s.digest = EVP_sha1(); }), "PV-ATT-021");
  EXPECT_EQ(code([](Shape& s) { s.digest = EVP_sha384(); }), "");
  const auto ca_with = [this](const Key& key, const EVP_MD* digest) {
    return make({.subject_key = key,
                 .issuer_key = root_key,
                 .issuer = root.get(),
                 .name = "vendor CA",
                 .extensions = kCaExtensions,
                 .unknown_critical = {},
                 .digest = digest});
  };
  intermediates = {der(ca_with(ca_key, EVP_sha1()))};
  EXPECT_EQ(code([](Shape&) {}), "PV-ATT-021");
  const Key short_key{EVP_RSA_gen(1024), EVP_PKEY_free};
  intermediates = {der(ca_with(short_key, EVP_sha256()))};
  EXPECT_EQ(code([&](Shape& s) { s.issuer_key = short_key; }), "PV-ATT-021");
}

// What OpenSSL would take for a CA by its key usage alone.
TEST_F(EkCertificateTest, AnIssuerWithoutBasicConstraintsIsNoCa) {
  const Certificate no_constraints = make({.subject_key = ca_key,
                                           .issuer_key = root_key,
                                           .issuer = root.get(),
                                           .name = "vendor CA",
                                           .extensions = {{NID_key_usage, "critical,keyCertSign"}},
                                           .unknown_critical = {}});
  intermediates = {der(no_constraints)};
  EXPECT_EQ(code([](Shape&) {}), "PV-ATT-021");
}

TEST_F(EkCertificateTest, PathLengthAndNameConstraintsOfAnIssuerHold) {
  const Key below_key = new_ec_key();
  const auto chain_below = [&](std::vector<Extension> of_ca) {
    const Certificate limited = make({.subject_key = ca_key,
                                      .issuer_key = root_key,
                                      .issuer = root.get(),
                                      .name = "vendor CA",
                                      .extensions = std::move(of_ca),
                                      .unknown_critical = {}});
    const Certificate below = make({.subject_key = below_key,
                                    .issuer_key = ca_key,
                                    .issuer = limited.get(),
                                    .name = "below",
                                    .extensions = kCaExtensions,
                                    .unknown_critical = {}});
    intermediates = {der(limited), der(below)};
    return code([&](Shape& s) {
      s.issuer_key = below_key;
      s.issuer = below.get();
    });
  };
  EXPECT_EQ(chain_below({{NID_basic_constraints, "critical,CA:TRUE,pathlen:1"}}), "");
  EXPECT_EQ(chain_below({{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"}}), "PV-ATT-021");
  EXPECT_EQ(chain_below({{NID_basic_constraints, "critical,CA:TRUE"},
                         {NID_name_constraints, "critical,permitted;DNS:elsewhere"}}),
            "");
  const Certificate unknown = make({.subject_key = ca_key,
                                    .issuer_key = root_key,
                                    .issuer = root.get(),
                                    .name = "vendor CA",
                                    .extensions = kCaExtensions,
                                    .unknown_critical = "1.2.3.4.5"});
  intermediates = {der(unknown)};
  EXPECT_EQ(code([](Shape&) {}), "PV-ATT-021");
}

TEST_F(EkCertificateTest, Purpose) {
  const auto with = [this](std::vector<Extension> extensions) {
    return code([&](Shape& s) { s.extensions = std::move(extensions); });
  };
  EXPECT_EQ(with({{NID_key_usage, "keyEncipherment"}}), "");
  EXPECT_EQ(with({{NID_ext_key_usage, "2.23.133.8.1,clientAuth"}}), "");
  EXPECT_EQ(with({}), "PV-ATT-022");
  EXPECT_EQ(code([](Shape& s) {
              s.extensions = {{NID_key_usage, "keyEncipherment"}};
              s.tpm_names = false;
            }),
            "PV-ATT-022")
      << "a TLS server's certificate by the vendor's CA";
  EXPECT_EQ(with({{NID_ext_key_usage, "2.23.133.8.1"}, {NID_key_usage, "digitalSignature"}}),
            "PV-ATT-022")
      << "a key usage that is there must fit";
  EXPECT_EQ(with({{NID_key_usage, "digitalSignature"}}), "PV-ATT-022");
  EXPECT_EQ(with({{NID_ext_key_usage, "clientAuth"}, {NID_key_usage, "keyEncipherment"}}),
            "PV-ATT-022");
  EXPECT_EQ(with({{NID_ext_key_usage, "2.23.133.8.3"}}), "PV-ATT-022") << "an AK certificate";
  EXPECT_EQ(
      with({{NID_basic_constraints, "critical,CA:TRUE"}, {NID_ext_key_usage, "2.23.133.8.1"}}),
      "PV-ATT-022");
}

TEST_F(EkCertificateTest, UnknownCriticalExtensionsAreRefused) {
  EXPECT_EQ(code([](Shape& s) { s.unknown_critical = "1.2.3.4.5"; }), "PV-ATT-020");
  EXPECT_EQ(code([](Shape& s) {
              s.extensions.push_back({NID_name_constraints, "critical,permitted;DNS:x"});
            }),
            "PV-ATT-020");
}

TEST_F(EkCertificateTest, KeysOnCurves) {
  const auto on = [this](const char* curve, const char* usage) {
    Shape shape = good;
    shape.subject_key = {EVP_EC_gen(curve), EVP_PKEY_free};
    shape.extensions[1].value = usage;
    return check(shape);
  };
  const auto small = on("P-256", "critical,keyAgreement");
  ASSERT_TRUE(small) << small.error().message();
  EXPECT_EQ(small->ek, tpm::ek_template_l2(small->ek.x, small->ek.y));
  EXPECT_EQ(small->device, *tpm::device_id_from_ek_public(small->ek.encode()));
  const auto large = on("P-384", "critical,keyAgreement");
  ASSERT_TRUE(large) << large.error().message();
  EXPECT_EQ(large->ek, tpm::ek_template_h3(large->ek.x, large->ek.y));
  EXPECT_EQ(large->ek_name, large->ek.full_name());
  EXPECT_EQ(large->device, *tpm::device_id_from_ek_public(large->ek.encode()));
  EXPECT_TRUE(on("P-256", "critical,keyEncipherment").error().is(kEkCertificatePurpose));
  EXPECT_TRUE(on("P-521", "critical,keyAgreement").error().is(kEkCertificateKey));
  EXPECT_FALSE(on("secp256k1", "critical,keyAgreement"));
}

TEST_F(EkCertificateTest, NoOtherRsaThan2048) {
  EXPECT_EQ(code([](Shape& s) { s.subject_key = {EVP_RSA_gen(3072), EVP_PKEY_free}; }),
            "PV-ATT-023");
}

TEST_F(EkCertificateTest, MalformedBytes) {
  const Bytes whole = der(make(good));
  for (std::size_t size = 0; size < whole.size(); size += 7)
    EXPECT_FALSE(check_der(ByteView(whole).first(size))) << size;
  Bytes longer = whole;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(check_der(longer));
  for (std::size_t at = 0; at < whole.size(); at += 3) {
    Bytes changed = whole;
    changed[at] ^= std::byte{0x01};
    EXPECT_FALSE(check_der(changed)) << at;
  }
  EXPECT_TRUE(check_der(Bytes(kEkCertificateBytesMax + 1)).error().is(kEkCertificateMalformed));
  intermediates.push_back(Bytes(10));
  EXPECT_FALSE(check_der(whole));
}

TEST_F(EkCertificateTest, VendorRootsFile) {
  const auto two = VendorRoots::parse_pem(as_bytes(pem(root) + pem(ca)));
  ASSERT_TRUE(two) << two.error().message();
  EXPECT_EQ(two->size(), 2U);
  EXPECT_THAT(two->subjects(), ::testing::ElementsAre("CN=vendor root", "CN=vendor CA"));
  for (const std::string& bad : {std::string(), std::string("no PEM"), pem(make(good)),
                                 pem(root).substr(0, 100), pem(root) + pem(ca).substr(0, 200)})
    EXPECT_FALSE(VendorRoots::parse_pem(as_bytes(bad))) << bad;
}

TEST_F(EkCertificateTest, VendorRootsAtTheirLimitAndOneMore) {
  std::string many;
  for (std::size_t i = 0; i < kVendorRootsMax; ++i) many += pem(root);
  EXPECT_TRUE(VendorRoots::parse_pem(as_bytes(many)));
  EXPECT_FALSE(VendorRoots::parse_pem(as_bytes(many + pem(root))));
}

}  // namespace
}  // namespace pavise::attestation
