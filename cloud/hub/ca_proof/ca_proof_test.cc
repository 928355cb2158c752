#include "cloud/hub/ca_proof/ca_proof.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <set>

namespace pavise::hub {
namespace {

constexpr UnixMillis kNowMs = 1'795'000'000'000;
constexpr std::int64_t kDayS = 86'400;

using Key = std::shared_ptr<EVP_PKEY>;

Key curve_key() {
  return {EVP_EC_gen("P-256"), EVP_PKEY_free};
}
Key rsa_key(unsigned bits) {
  return {EVP_RSA_gen(bits), EVP_PKEY_free};
}

struct Spec {
  std::vector<std::string> common_names{"Plant CA"};
  std::string basic_constraints{"critical,CA:TRUE"};  // empty: none
  std::string key_usage{"keyCertSign"};               // empty: none
  std::int64_t begins_s = -kDayS;                     // from now
  std::int64_t ends_s = kDayS;
};

void add_extension(X509* certificate, int nid, const std::string& value) {
  if (value.empty()) return;
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Bytes certificate(const Key& key, const Key& signer, const Spec& spec = {}) {
  const std::unique_ptr<X509, void (*)(X509*)> out(X509_new(), X509_free);
  X509_set_version(out.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(out.get()), 7);
  ASN1_TIME_set(X509_getm_notBefore(out.get()), kNowMs / 1000 + spec.begins_s);
  ASN1_TIME_set(X509_getm_notAfter(out.get()), kNowMs / 1000 + spec.ends_s);
  for (const std::string& name : spec.common_names)
    X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(out.get(), X509_get_subject_name(out.get()));
  X509_set_pubkey(out.get(), key.get());
  add_extension(out.get(), NID_basic_constraints, spec.basic_constraints);
  add_extension(out.get(), NID_key_usage, spec.key_usage);
  X509_sign(out.get(), signer.get(), EVP_sha256());
  unsigned char* der = nullptr;
  const int size = i2d_X509(out.get(), &der);
  Bytes bytes(reinterpret_cast<std::byte*>(der), reinterpret_cast<std::byte*>(der) + size);
  OPENSSL_free(der);
  return bytes;
}

TEST(ReadCaCertificate, TakesAuthoritiesOnly) {
  const Key key = curve_key();
  const auto facts = read_ca_certificate(certificate(key, key), kNowMs);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->subject, "CN=Plant CA");
  EXPECT_EQ(facts->not_after_ms, kNowMs + kDayS * 1000);
  EXPECT_TRUE(read_ca_certificate(certificate(key, key, {.key_usage = ""}), kNowMs))
      << "without keyUsage it may sign";
  for (const Spec& spec : {Spec{.basic_constraints = ""}, Spec{.basic_constraints = "CA:FALSE"},
                           Spec{.key_usage = "digitalSignature"}})
    EXPECT_TRUE(read_ca_certificate(certificate(key, key, spec), kNowMs).error().is(kNotACa));
}

TEST(ReadCaCertificate, TakesStrongKeysOnly) {
  const Key weak = rsa_key(1024);
  EXPECT_TRUE(read_ca_certificate(certificate(weak, weak), kNowMs).error().is(kCaTooWeak));
  const Key strong = rsa_key(2048);
  EXPECT_TRUE(read_ca_certificate(certificate(strong, strong), kNowMs));
}

TEST(ReadCaCertificate, TakesValidOnesOnly) {
  const Key key = curve_key();
  EXPECT_TRUE(read_ca_certificate(certificate(key, key, {.begins_s = 0, .ends_s = 1}), kNowMs));
  for (const Spec& spec : {Spec{.begins_s = 1}, Spec{.ends_s = 0}})
    EXPECT_TRUE(
        read_ca_certificate(certificate(key, key, spec), kNowMs).error().is(kCaNotValidNow));
}

TEST(ReadCaCertificate, RefusesWhatIsNone) {
  const Key key = curve_key();
  Bytes good = certificate(key, key);
  const auto refused = [](ByteView der) {
    return read_ca_certificate(der, kNowMs).error().is(kNotACertificate);
  };
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused(ByteView(good).first(good.size() - 1)));
  EXPECT_TRUE(refused(as_bytes("-----BEGIN CERTIFICATE-----")));
  good.push_back(std::byte{0});
  EXPECT_TRUE(refused(good)) << "bytes after the end";
  EXPECT_TRUE(refused(Bytes(kCaCertificateSizeMax + 1)));
}

TEST(ReadCaCertificate, BoundsTheSubject) {
  const Key key = curve_key();
  Spec spec{.common_names = {}};
  for (int i = 0; i < 12; ++i) spec.common_names.push_back(std::string(60, 'x') + "\xc3\xa4");
  const auto facts = read_ca_certificate(certificate(key, key, spec), kNowMs);
  ASSERT_TRUE(facts);
  EXPECT_LE(facts->subject.size(), kCaSubjectSizeMax);
  EXPECT_GE(facts->subject.size(), kCaSubjectSizeMax - 1);
}

TEST(VerificationCode, IsRandomAndFitsACommonName) {
  std::set<std::string> seen;
  for (int i = 0; i < 10; ++i) {
    const auto code = new_verification_code();
    ASSERT_TRUE(code);
    EXPECT_EQ(code->size(), 2 * kVerificationCodeBytes);
    EXPECT_LE(code->size(), 64U);
    EXPECT_EQ(code->find_first_not_of("0123456789ABCDEF"), std::string::npos);
    seen.insert(*code);
  }
  EXPECT_EQ(seen.size(), 10U);
}

class Possession : public ::testing::Test {
 protected:
  Status check(const Bytes& proof, std::string_view code = "CODE") const {
    return check_possession(ca_, proof, code, kNowMs);
  }
  Bytes proof(const Spec& spec, const Key& signer) const {
    return certificate(leaf_, signer, spec);
  }

  Key key_ = curve_key();
  Key leaf_ = curve_key();
  Bytes ca_ = certificate(key_, key_);
  Spec good_{.common_names = {"CODE"}, .basic_constraints = "", .key_usage = ""};
};

TEST_F(Possession, IsShownByACertificateWithTheCode) {
  EXPECT_TRUE(check(proof(good_, key_)));
}

TEST_F(Possession, NeedsTheKeyOfTheAuthority) {
  EXPECT_TRUE(check(proof(good_, curve_key())).error().is(kOtherIssuer));
  EXPECT_TRUE(check(proof(good_, leaf_)).error().is(kOtherIssuer)) << "self-signed";
  EXPECT_TRUE(check(proof(good_, rsa_key(2048))).error().is(kOtherIssuer));
}

TEST_F(Possession, NeedsExactlyTheCode) {
  for (const std::vector<std::string>& names : std::vector<std::vector<std::string>>{
           {}, {"code"}, {"CODE "}, {"CODEX"}, {"COD"}, {"CODE", "CODE"}, {"CODE", "other"}}) {
    Spec spec = good_;
    spec.common_names = names;
    EXPECT_TRUE(check(proof(spec, key_)).error().is(kOtherCode));
  }
  EXPECT_TRUE(check(proof(good_, key_), "").error().is(kNoVerificationCode));
  EXPECT_TRUE(check(ca_).error().is(kOtherCode)) << "the CA itself is no proof";
}

TEST_F(Possession, NeedsCertificatesThatAreValidNow) {
  Spec spec = good_;
  spec.ends_s = 0;
  EXPECT_TRUE(check(proof(spec, key_)).error().is(kCaNotValidNow));
  const Bytes old = certificate(key_, key_, {.ends_s = 0});
  EXPECT_TRUE(check_possession(old, proof(good_, key_), "CODE", kNowMs).error().is(kCaNotValidNow));
}

TEST_F(Possession, RefusesWhatIsNoCertificate) {
  EXPECT_TRUE(check(to_bytes(as_bytes("CODE"))).error().is(kNotACertificate));
}

}  // namespace
}  // namespace pavise::hub
