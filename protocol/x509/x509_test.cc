#include <gtest/gtest.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "common/crypto/crypto.h"
#include "common/crypto/openssl.h"
#include "protocol/x509/certificate.h"
#include "protocol/x509/certificate_request.h"
#include "protocol/x509/certificate_template.h"
#include "protocol/x509/der.h"

namespace pavise::x509 {
namespace {

using crypto::P256PrivateKey;

using RequestPtr = crypto::Owned<X509_REQ, X509_REQ_free>;
using KeyPtr = crypto::Owned<EVP_PKEY, EVP_PKEY_free>;

constexpr Validity kValidity{1'790'000'000, 1'790'086'400};
const std::string kDevice(64, 'd');

Bytes sign(const Bytes& tbs, const P256PrivateKey& key) {
  return assemble_signed(tbs, crypto::ecdsa_to_der(*key.sign_digest(crypto::sha256(tbs))));
}

Serial serial(int n) {
  Serial out{};
  out[0] = std::byte{0x80};
  out[15] = static_cast<std::byte>(n);
  return out;
}

// Root -> issuing -> leaf, as a tenant has it.
class Chain : public testing::Test {
 protected:
  Chain() {
    const Name root_name{.organization = "home", .common_name = "home root"};
    const Name issuing_name{.organization = "home", .common_name = "home issuing"};
    root_issuer_ = {*encode_name(root_name), key_id(root_key_.public_key())};
    issuing_issuer_ = {*encode_name(issuing_name), key_id(issuing_key_.public_key())};
    root_ = sign(*certificate_authority(serial(1), root_issuer_, kValidity, root_name, 1,
                                        root_key_.public_key()),
                 root_key_);
    issuing_ = sign(*certificate_authority(serial(2), root_issuer_, kValidity, issuing_name, 0,
                                           issuing_key_.public_key()),
                    root_key_);
    leaf_ = sign(*device_leaf(serial(3), issuing_issuer_, kValidity, *DeviceId::parse(kDevice),
                              *TenantId::parse("home"), leaf_key_.public_key()),
                 issuing_key_);
  }

  // OpenSSL's verdict on a leaf under this chain.
  int verify(const Bytes& leaf, int purpose) const {
    const crypto::OwnedX509 root = crypto::read_certificate(root_);
    const crypto::OwnedX509 issuing = crypto::read_certificate(issuing_);
    const crypto::OwnedX509 end = crypto::read_certificate(leaf);
    if (!root || !issuing || !end) return -1;
    const crypto::Owned<X509_STORE, X509_STORE_free> store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), root.get());
    STACK_OF(X509)* others = sk_X509_new_null();
    sk_X509_push(others, issuing.get());
    const crypto::Owned<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), end.get(), others);
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(parameters, kValidity.not_before + 60);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_purpose(parameters, purpose);
    X509_verify_cert(context.get());
    const int outcome = X509_STORE_CTX_get_error(context.get());
    sk_X509_free(others);
    return outcome;
  }

  P256PrivateKey root_key_ = *P256PrivateKey::generate();
  P256PrivateKey issuing_key_ = *P256PrivateKey::generate();
  P256PrivateKey leaf_key_ = *P256PrivateKey::generate();
  Issuer root_issuer_, issuing_issuer_;
  Bytes root_, issuing_, leaf_;
};

TEST_F(Chain, OpenSslAcceptsTheLeafAsAClientInStrictMode) {
  EXPECT_EQ(verify(leaf_, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
}

TEST_F(Chain, TheLeafIsNoServer) {
  EXPECT_EQ(verify(leaf_, X509_PURPOSE_SSL_SERVER), X509_V_ERR_INVALID_PURPOSE);
}

TEST_F(Chain, TheLeafIsNoCa) {
  const P256PrivateKey key = *P256PrivateKey::generate();
  const Issuer as_issuer{to_bytes(Certificate::parse(leaf_)->subject_name()),
                         key_id(leaf_key_.public_key())};
  const Bytes below = sign(*device_leaf(serial(4), as_issuer, kValidity, *DeviceId::parse(kDevice),
                                        *TenantId::parse("home"), key.public_key()),
                           leaf_key_);
  EXPECT_NE(verify(below, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
}

TEST_F(Chain, ServerNamesAndAddressesAreFoundByOpenSsl) {
  const P256PrivateKey key = *P256PrivateKey::generate();
  const std::vector<std::string> names{"localhost", "hub.example"};
  const std::vector<Bytes> addresses{*from_hex("7f000001"), Bytes(16)};
  const Bytes der =
      sign(*server(serial(5), issuing_issuer_, kValidity,
                   {.organization = "", .common_name = "hub"}, names, addresses, key.public_key()),
           issuing_key_);
  EXPECT_EQ(verify(der, X509_PURPOSE_SSL_SERVER), X509_V_OK);
  const crypto::OwnedX509 parsed = crypto::read_certificate(der);
  EXPECT_EQ(X509_check_host(parsed.get(), "hub.example", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(parsed.get(), "hub", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(parsed.get(), "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(parsed.get(), "127.0.0.2", 0), 0);
}

TEST_F(Chain, OurReaderSeesWhatWasWritten) {
  const auto parsed = Certificate::parse(leaf_);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_TRUE(equal(parsed->serial(), serial(3)));
  EXPECT_EQ(parsed->subject().common_name, kDevice);
  EXPECT_EQ(parsed->subject().organization, "home");
  EXPECT_EQ(parsed->not_before(), kValidity.not_before);
  EXPECT_EQ(parsed->not_after(), kValidity.not_after);
  EXPECT_TRUE(equal(parsed->issuer_name(), issuing_issuer_.name));
  EXPECT_TRUE(equal(parsed->spki(), leaf_key_.public_key().spki_der()));
  const auto signature = crypto::ecdsa_from_der(parsed->signature_der());
  ASSERT_TRUE(signature);
  EXPECT_TRUE(
      issuing_key_.public_key().verify_digest(crypto::sha256(parsed->to_be_signed()), *signature));
}

TEST_F(Chain, EveryTruncationAndATrailingByteAreRefused) {
  for (std::size_t n = 0; n < leaf_.size(); ++n)
    EXPECT_FALSE(Certificate::parse(ByteView(leaf_).first(n))) << n;
  Bytes longer = leaf_;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(Certificate::parse(longer));
}

TEST_F(Chain, TooLongACertificateIsRefusedUnread) {
  EXPECT_TRUE(
      Certificate::parse(Bytes(kCertificateBytesMax + 1)).error().is(kMalformedCertificate));
}

TEST_F(Chain, NegativeSerialIsRefused) {
  Bytes bad = leaf_;
  // tbs header (30 82 xx xx), version (5), INTEGER header (02 11), sign byte.
  const auto outer = Certificate::parse(leaf_)->to_be_signed().data() - leaf_.data();
  const auto at = static_cast<std::size_t>(outer) + 4 + 5 + 2;
  ASSERT_EQ(bad[at], std::byte{0}) << "the sign byte of a serial that starts with 0x80";
  bad[at] = std::byte{0xff};
  EXPECT_FALSE(Certificate::parse(bad));
}

TEST_F(Chain, TemplatesRefuseNonsense) {
  const auto leaf = [&](const Serial& number, const Validity& validity) {
    return device_leaf(number, issuing_issuer_, validity, *DeviceId::parse(kDevice),
                       *TenantId::parse("home"), leaf_key_.public_key());
  };
  EXPECT_TRUE(leaf(Serial{}, kValidity).error().is(kBadTemplate));
  EXPECT_TRUE(leaf(serial(1), {10, 10}).error().is(kBadTemplate));
  EXPECT_TRUE(leaf(serial(1), {-1, 10}).error().is(kBadTemplate));
  EXPECT_TRUE(encode_name({"", std::string(kNameBytesMax, 'a')}));
  EXPECT_FALSE(encode_name({"", std::string(kNameBytesMax + 1, 'a')}));
  EXPECT_FALSE(encode_name({"", ""}));
  const std::vector<std::string> many(kSubjectAltNamesMax, "a");
  std::vector<std::string> too_many = many;
  too_many.emplace_back("a");
  const auto with = [&](const std::vector<std::string>& names) {
    return server(serial(1), root_issuer_, kValidity, {"", "x"}, names, {}, leaf_key_.public_key());
  };
  EXPECT_TRUE(with(many));
  EXPECT_FALSE(with(too_many));
  EXPECT_FALSE(with({}));
}

Bytes make_request(const P256PrivateKey& key, std::string_view common_name = kDevice) {
  return sign(*certificate_request_info(common_name, key.public_key()), key);
}

TEST(CertificateRequest, OpenSslVerifiesOurs) {
  const P256PrivateKey key = *P256PrivateKey::generate();
  const Bytes der = make_request(key);
  const unsigned char* at = as_uchar(ByteView(der));
  const RequestPtr request(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
  ASSERT_TRUE(request);
  EXPECT_EQ(X509_REQ_verify(request.get(), X509_REQ_get0_pubkey(request.get())), 1);
}

TEST(CertificateRequest, WeReadOneThatOpenSslMade) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const RequestPtr request(X509_REQ_new());
  X509_NAME* name = X509_REQ_get_subject_name(request.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("abc"), 3, -1, 0);
  X509_REQ_set_pubkey(request.get(), key.get());
  ASSERT_GT(X509_REQ_sign(request.get(), key.get(), EVP_sha256()), 0);
  unsigned char* raw = nullptr;
  const int size = i2d_X509_REQ(request.get(), &raw);
  const Bytes der = to_bytes(std::as_bytes(std::span(raw, static_cast<std::size_t>(size))));
  OPENSSL_free(raw);
  const auto parsed = CertificateRequest::parse(der);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->common_name(), "abc");
  EXPECT_TRUE(parsed->verify());
}

TEST(CertificateRequest, AnotherKeysSignatureDoesNotVerify) {
  const P256PrivateKey key = *P256PrivateKey::generate();
  const P256PrivateKey other = *P256PrivateKey::generate();
  const Bytes der = sign(*certificate_request_info(kDevice, key.public_key()), other);
  const auto parsed = CertificateRequest::parse(der);
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->verify().error().is(crypto::kBadSignature));
}

TEST(CertificateRequest, EveryTruncationAndATrailingByteAreRefused) {
  const Bytes good = make_request(*P256PrivateKey::generate());
  for (std::size_t n = 0; n < good.size(); ++n)
    EXPECT_FALSE(CertificateRequest::parse(ByteView(good).first(n))) << n;
  Bytes longer = good;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(CertificateRequest::parse(longer));
  EXPECT_FALSE(CertificateRequest::parse(Bytes(kRequestBytesMax + 1)));
}

TEST(CertificateRequest, EveryFlippedBitIsRefusedOrDoesNotVerify) {
  const Bytes good = make_request(*P256PrivateKey::generate());
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    const auto parsed = CertificateRequest::parse(bad);
    EXPECT_TRUE(!parsed || !parsed->verify()) << bit;
  }
}

TEST(Der, LongFormsMustBeShortest) {
  const auto reads = [](std::string_view hex) {
    const Bytes bytes = *from_hex(hex);
    der::Reader reader(bytes);
    return reader.take(der::Tag::kOctetString).has_value() && reader.at_end();
  };
  EXPECT_TRUE(reads("0401aa"));
  EXPECT_FALSE(reads("048101aa")) << "one length byte was enough";
  EXPECT_FALSE(reads("0480aa0000")) << "indefinite";
  EXPECT_FALSE(reads("0402aa")) << "short";
  EXPECT_FALSE(reads("0484000000aa")) << "four length bytes";
}

TEST(Der, TimesFollowTheYear2050Rule) {
  EXPECT_EQ(as_text(ByteView(der::time(0)).subspan(2)), "700101000000Z");
  EXPECT_EQ(as_text(ByteView(der::time(2524607999)).subspan(2)), "491231235959Z");
  EXPECT_EQ(as_text(ByteView(der::time(2524608000)).subspan(2)), "20500101000000Z");
  for (const UnixSeconds seconds : {0LL, 951782400LL, 2524607999LL, 2524608000LL, 253402300799LL}) {
    const Bytes encoded = der::time(seconds);
    der::Reader reader(encoded);
    EXPECT_EQ(der::take_time(reader), seconds);
  }
}

TEST(Der, BadTimesAreRefused) {
  for (const std::string_view text :
       {"701301000000Z", "700230000000Z", "700101240000Z", "700101006000Z", "700101000060Z",
        "70010100000Z", "7001010000000", "7x0101000000Z"}) {
    const Bytes encoded = der::element(der::Tag::kUtcTime, as_bytes(text));
    der::Reader reader(encoded);
    EXPECT_FALSE(der::take_time(reader)) << text;
  }
}

}  // namespace
}  // namespace pavise::x509
