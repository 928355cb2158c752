#include "protocol/tpm/public_area.h"

#include <gtest/gtest.h>

#include "protocol/tpm/attest.h"
#include "protocol/tpm/swtpm_vectors.h"

namespace pavise::tpm {
namespace {

using vectors::bytes;

// Offsets into an encoded P-256 signing key without policy.
constexpr std::size_t kTypeAt = 0;
constexpr std::size_t kNameAlgorithmAt = 2;
constexpr std::size_t kAttributesAt = 4;
constexpr std::size_t kPolicySizeAt = 8;
constexpr std::size_t kSymmetricAt = 10;
constexpr std::size_t kSchemeAt = 12;
constexpr std::size_t kSchemeHashAt = 14;
constexpr std::size_t kCurveAt = 16;
constexpr std::size_t kKdfAt = 18;
constexpr std::size_t kXSizeAt = 20;

void set16(Bytes& out, std::size_t at, std::uint16_t value) {
  out.at(at) = static_cast<std::byte>(value >> 8U);
  out.at(at + 1) = static_cast<std::byte>(value);
}

TEST(PublicArea, ReadsWhatSwtpmMade) {
  const Bytes ak = bytes(vectors::kAkPublic);
  const auto parsed = PublicArea::parse(ak);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(to_hex(parsed->name()), vectors::kAkName);
  EXPECT_EQ(parsed->encode(), ak);
  EXPECT_TRUE(is_attestation_key(*parsed));
  EXPECT_FALSE(is_resident_signing_key(*parsed));
  EXPECT_FALSE(is_endorsement_key(*parsed));
  EXPECT_TRUE(parsed->p256_key());
  PublicArea expected = ak_template(parsed->x, parsed->y);
  expected.attributes &= ~kNoDa;  // the vector is older than that attribute in our template
  EXPECT_EQ(parsed->name(), expected.name());
}

TEST(PublicArea, EndorsementKeyFollowsFromItsModulus) {
  const Bytes ek = bytes(vectors::kEkPublic);
  const auto parsed = PublicArea::parse(ek);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_TRUE(is_endorsement_key(*parsed));
  EXPECT_EQ(to_hex(parsed->name()), vectors::kEkName);
  EXPECT_EQ(ek_template_l1(parsed->modulus).encode(), ek);
  EXPECT_FALSE(parsed->p256_key());
}

TEST(PublicArea, DeviceIdIsTheHashOfTheEndorsementKeysName) {
  const auto id = device_id_from_ek_public(bytes(vectors::kEkPublic));
  ASSERT_TRUE(id) << id.error().message();
  EXPECT_EQ(id->text(), to_hex(crypto::sha256(bytes(vectors::kEkName))));
  const auto no_ek = device_id_from_ek_public(bytes(vectors::kAkPublic));
  ASSERT_FALSE(no_ek);
  EXPECT_TRUE(no_ek.error().is(kNotEndorsementKey));
}

TEST(PublicArea, EveryTruncationAndOneMoreByteAreRefused) {
  for (const std::string_view hex : {vectors::kAkPublic, vectors::kEkPublic}) {
    const Bytes whole = bytes(hex);
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_FALSE(PublicArea::parse(ByteView(whole).first(size))) << size;
    Bytes longer = whole;
    longer.push_back(std::byte{0});
    const auto trailing = PublicArea::parse(longer);
    ASSERT_FALSE(trailing);
    EXPECT_TRUE(trailing.error().is(kTrailingBytes));
  }
}

TEST(PublicArea, RefusesOtherKindsOfKeys) {
  struct Row {
    std::string_view what;
    std::size_t at;
    std::uint16_t value;
    const ErrorInfo& error;
  };
  const Row rows[] = {
      {"keyed hash", kTypeAt, 0x0008, kUnsupportedKey},
      {"SHA-1 name", kNameAlgorithmAt, kAlgSha1, kUnsupportedNameAlgorithm},
      {"SHA-384 name", kNameAlgorithmAt, kAlgSha384, kUnsupportedNameAlgorithm},
      {"reserved attribute bit 31", kAttributesAt, 0x8005, kReservedBits},
      {"reserved attribute bit 0", kAttributesAt + 2, 0x0073, kReservedBits},
      {"policy over the key", kPolicySizeAt, 64, kUnsupportedKey},
      {"policy of 65 bytes", kPolicySizeAt, 65, kTruncated},
      {"symmetric XOR", kSymmetricAt, 0x000a, kUnsupportedKey},
      {"ECDAA", kSchemeAt, 0x001a, kUnsupportedKey},
      {"ECDSA with SHA-1", kSchemeHashAt, kAlgSha1, kUnsupportedKey},
      {"P-384", kCurveAt, 0x0004, kUnsupportedKey},
      {"KDF", kKdfAt, 0x0020, kUnsupportedKey},
      {"x of 33 bytes", kXSizeAt, 33, kTruncated},
      {"x of no bytes", kXSizeAt, 0, kTrailingBytes},
  };
  for (const Row& row : rows) {
    Bytes changed = bytes(vectors::kAkPublic);
    set16(changed, row.at, row.value);
    const auto parsed = PublicArea::parse(changed);
    ASSERT_FALSE(parsed) << row.what;
    if (row.what != "x of no bytes")
      EXPECT_TRUE(parsed.error().is(row.error)) << row.what << ": " << parsed.error().message();
  }
}

TEST(PublicArea, EndorsementKeysOnCurvesGoThereAndBack) {
  const PublicArea small = ek_template_l2(Bytes(32, std::byte{1}), Bytes(32, std::byte{2}));
  const PublicArea large = ek_template_h3(Bytes(48, std::byte{1}), Bytes(48, std::byte{2}));
  for (const PublicArea& ek : {small, large}) {
    const auto parsed = PublicArea::parse(ek.encode());
    ASSERT_TRUE(parsed) << parsed.error().message();
    EXPECT_EQ(*parsed, ek);
    EXPECT_TRUE(is_endorsement_key(*parsed));
    EXPECT_FALSE(is_attestation_key(*parsed));
    EXPECT_EQ(*device_id_from_ek_public(ek.encode()), device_id_from_name(ek.full_name()));
  }
  EXPECT_EQ(small.full_name(), to_bytes(small.name()));
  EXPECT_EQ(large.full_name().size(), 2U + 48U);
  EXPECT_FALSE(large.p256_key());
}

// One hash, one width and one cipher for each curve; every other pair is in no template.
TEST(PublicArea, MixedSuitesAreRefused) {
  const PublicArea large = ek_template_h3(Bytes(48, std::byte{1}), Bytes(48, std::byte{2}));
  const auto refused = [](PublicArea key) { return !PublicArea::parse(key.encode()); };
  PublicArea bent = large;
  bent.name_algorithm = kAlgSha256;
  EXPECT_TRUE(refused(bent));
  bent = large;
  bent.symmetric.key_bits = 128;
  EXPECT_TRUE(refused(bent));
  bent = large;
  bent.x.push_back(std::byte{1});
  EXPECT_TRUE(refused(bent));
  bent = ek_template_l2(Bytes(32, std::byte{1}), Bytes(32, std::byte{2}));
  bent.name_algorithm = kAlgSha384;
  EXPECT_TRUE(refused(bent));
  bent = ek_template_l2(Bytes(32, std::byte{1}), Bytes(32, std::byte{2}));
  bent.symmetric.key_bits = 256;
  EXPECT_TRUE(refused(bent));
  bent = ek_template_l1(Bytes(256, std::byte{0xff}));
  bent.name_algorithm = kAlgSha384;
  EXPECT_TRUE(refused(bent));
}

// Neither the AK nor the TLS key is ever on another curve than P-256.
TEST(PublicArea, ASigningKeyOnP384IsOfNoUse) {
  PublicArea key = ak_template(Bytes(32, std::byte{1}), Bytes(32, std::byte{2}));
  key.name_algorithm = kAlgSha384;
  key.curve = kCurveP384;
  key.x.assign(48, std::byte{1});
  key.y.assign(48, std::byte{1});
  ASSERT_TRUE(PublicArea::parse(key.encode()));
  EXPECT_FALSE(is_attestation_key(key));
  key.attributes &= ~kRestricted;
  EXPECT_FALSE(is_resident_signing_key(key));
}

TEST(PublicArea, PolicySizeAtItsLimit) {
  PublicArea key = *PublicArea::parse(bytes(vectors::kAkPublic));
  key.auth_policy.assign(kAuthPolicyBytesMax, std::byte{7});
  EXPECT_TRUE(PublicArea::parse(key.encode()));
  key.auth_policy.push_back(std::byte{7});
  EXPECT_FALSE(PublicArea::parse(key.encode()));
}

TEST(PublicArea, RefusesWeakRsa) {
  PublicArea ek = *PublicArea::parse(bytes(vectors::kEkPublic));
  ek.exponent = 3;
  EXPECT_FALSE(PublicArea::parse(ek.encode()));
  ek.exponent = kRsaDefaultExponent;
  EXPECT_TRUE(PublicArea::parse(ek.encode()));
  ek.modulus.front() = std::byte{0x7f};
  EXPECT_FALSE(PublicArea::parse(ek.encode()));
}

TEST(PublicArea, KindsOfKeysByAttribute) {
  const Bytes x(32, std::byte{1});
  const PublicArea ak = ak_template(x, x);
  const PublicArea tls = tls_key_template(x, x);
  EXPECT_TRUE(ak.has(kNoDa) && tls.has(kNoDa)) << "cut power would lock the TPM";
  EXPECT_TRUE(is_attestation_key(ak));
  EXPECT_TRUE(is_resident_signing_key(tls));
  for (const std::uint32_t bit :
       {kFixedTpm, kFixedParent, kSensitiveDataOrigin, kSign, kRestricted, kDecrypt, kX509Sign}) {
    PublicArea other_ak = ak;
    other_ak.attributes ^= bit;
    EXPECT_FALSE(is_attestation_key(other_ak)) << std::hex << bit;
    PublicArea other_tls = tls;
    other_tls.attributes ^= bit;
    EXPECT_FALSE(is_resident_signing_key(other_tls)) << std::hex << bit;
  }
  PublicArea no_scheme = ak;
  no_scheme.scheme = {};
  EXPECT_FALSE(is_attestation_key(no_scheme));
}

TEST(PublicArea, ShortCoordinatesArePadded) {
  const PublicArea key = ak_template(Bytes(31, std::byte{1}), Bytes(1, std::byte{2}));
  EXPECT_EQ(key.x.size(), 32U);
  EXPECT_EQ(key.x.front(), std::byte{0});
  EXPECT_EQ(key.y.back(), std::byte{2});
}

// tpm2_createak puts its key below the EK, which is a primary key of the endorsement hierarchy.
TEST(QualifiedName, IsWhatSwtpmWroteIntoItsQuote) {
  const Name ek = PublicArea::parse(bytes(vectors::kEkPublic))->name();
  const Name ak = PublicArea::parse(bytes(vectors::kAkPublic))->name();
  const Name expected =
      qualified_name_of_child(qualified_name_of_primary(kEndorsementHierarchy, ek), ak);
  EXPECT_EQ(to_hex(Attest::parse(bytes(vectors::kQuote))->qualified_signer), to_hex(expected));
  EXPECT_NE(expected, qualified_name_of_primary(kEndorsementHierarchy, ak));
}

}  // namespace
}  // namespace pavise::tpm
