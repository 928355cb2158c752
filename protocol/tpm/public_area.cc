#include "protocol/tpm/public_area.h"

#include <algorithm>

namespace pavise::tpm {
namespace {

// TCG EK Credential Profile 2.3, B.3.3: PolicySecret(TPM_RH_ENDORSEMENT).
constexpr std::array<unsigned char, 32> kEkPolicyA = {
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
    0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};

// The same, B.6.5: PolicyB with SHA-384.
constexpr std::array<unsigned char, 48> kEkPolicyB384 = {
    0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82, 0xbc, 0xf5, 0xfd, 0x3a, 0x1a,
    0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4, 0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca,
    0xcb, 0x47, 0xba, 0x09, 0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12};

constexpr std::uint32_t kEkAttributes =
    kFixedTpm | kFixedParent | kSensitiveDataOrigin | kAdminWithPolicy | kRestricted | kDecrypt;

SymmetricDefinition read_symmetric(ByteReader& reader) {
  SymmetricDefinition out;
  out.algorithm = reader.be<std::uint16_t>().value_or(kAlgNull);
  if (out.algorithm == kAlgNull) return out;
  out.key_bits = reader.be<std::uint16_t>().value_or(0);
  out.mode = reader.be<std::uint16_t>().value_or(0);
  return out;
}

AsymmetricScheme read_scheme(ByteReader& reader) {
  AsymmetricScheme out;
  out.algorithm = reader.be<std::uint16_t>().value_or(kAlgNull);
  if (out.algorithm != kAlgNull) out.hash = reader.be<std::uint16_t>().value_or(0);
  return out;
}

// A scheme with other parameters (ECDAA, RSAES) would shift everything after it.
bool scheme_is_known(const AsymmetricScheme& scheme) {
  return scheme.algorithm == kAlgNull ||
         (scheme.algorithm == kAlgEcdsa && scheme.hash == kAlgSha256);
}
bool symmetric_is_known(const SymmetricDefinition& symmetric, std::uint16_t name_algorithm) {
  const std::uint16_t key_bits = name_algorithm == kAlgSha384 ? 256 : 128;
  return symmetric.algorithm == kAlgNull ||
         (symmetric.algorithm == kAlgAes && symmetric.key_bits == key_bits &&
          symmetric.mode == kAlgCfb);
}

std::size_t coordinate_bytes_max(std::uint16_t curve) {
  return curve == kCurveP384 ? kP384CoordinateBytesMax : kP256CoordinateBytesMax;
}

Status read_ecc(ByteReader& reader, PublicArea& out) {
  out.scheme = read_scheme(reader);
  const auto curve = reader.be<std::uint16_t>();
  out.kdf = read_scheme(reader);
  if (!reader.ok()) return kTruncated;
  out.curve = *curve;
  const bool large = out.curve == kCurveP384;
  if (!scheme_is_known(out.scheme) || (out.curve != kCurveP256 && !large) ||
      out.kdf.algorithm != kAlgNull)
    return kUnsupportedKey;
  // One hash for each curve: other pairs are in no template.
  if (!large && out.name_algorithm != kAlgSha256) return kUnsupportedNameAlgorithm;
  if (large && out.name_algorithm != kAlgSha384) return kUnsupportedKey;
  const auto x = reader.sized<std::uint16_t>(coordinate_bytes_max(out.curve));
  const auto y = reader.sized<std::uint16_t>(coordinate_bytes_max(out.curve));
  if (!x || !y) return kTruncated;
  if (x->empty() || y->empty()) return Error(kBadValue, "a coordinate is empty");
  out.x = to_bytes(*x);
  out.y = to_bytes(*y);
  return {};
}

Status read_rsa(ByteReader& reader, PublicArea& out) {
  out.scheme = read_scheme(reader);
  const auto key_bits = reader.be<std::uint16_t>();
  const auto exponent = reader.be<std::uint32_t>();
  if (!reader.ok()) return kTruncated;
  if (out.name_algorithm != kAlgSha256) return kUnsupportedNameAlgorithm;
  if (out.scheme.algorithm != kAlgNull || key_bits != kRsaModulusBytes * 8) return kUnsupportedKey;
  if (exponent != 0U && exponent != kRsaDefaultExponent)
    return Error(kUnsupportedKey, "RSA exponent is not 65537");
  out.exponent = *exponent;
  const auto modulus = reader.sized<std::uint16_t>(kRsaModulusBytes);
  if (!modulus) return kTruncated;
  if (modulus->size() != kRsaModulusBytes || (modulus->front() & std::byte{0x80}) == std::byte{0})
    return Error(kBadValue, "the RSA modulus is not 2048 bits long");
  out.modulus = to_bytes(*modulus);
  return {};
}

void write_scheme(ByteWriter& writer, const AsymmetricScheme& scheme) {
  writer.be(scheme.algorithm);
  if (scheme.algorithm != kAlgNull) writer.be(scheme.hash);
}

Bytes padded_coordinate(ByteView value) {
  PAVISE_CHECK(value.size() <= kP256CoordinateBytesMax);
  Bytes out(kP256CoordinateBytesMax - value.size());
  append(out, value);
  return out;
}

PublicArea signing_template(ByteView x, ByteView y, std::uint32_t attributes) {
  PublicArea out;
  // Without kNoDa every cut of power counts as a wrong password (part 1, 19.8.6), and a chip with
  // few tries locks the device out of its own keys. There is no password that anybody could guess.
  out.attributes =
      kFixedTpm | kFixedParent | kSensitiveDataOrigin | kUserWithAuth | kNoDa | kSign | attributes;
  out.scheme = {kAlgEcdsa, kAlgSha256};
  out.x = padded_coordinate(x);
  out.y = padded_coordinate(y);
  return out;
}

}  // namespace

Result<PublicArea> PublicArea::parse(ByteView tpmt_public) {
  if (tpmt_public.size() > kPublicAreaBytesMax) return Error(kTruncated, "public area too long");
  ByteReader reader(tpmt_public);
  PublicArea out;
  out.type = reader.be<std::uint16_t>().value_or(0);
  out.name_algorithm = reader.be<std::uint16_t>().value_or(0);
  out.attributes = reader.be<std::uint32_t>().value_or(0);
  const auto policy = reader.sized<std::uint16_t>(kAuthPolicyBytesMax);
  if (!policy) return kTruncated;
  if (out.type != kAlgEcc && out.type != kAlgRsa) return kUnsupportedKey;
  if (out.name_algorithm != kAlgSha256 && out.name_algorithm != kAlgSha384)
    return kUnsupportedNameAlgorithm;
  if ((out.attributes & ~kDefinedAttributes) != 0) return kReservedBits;
  out.auth_policy = to_bytes(*policy);
  out.symmetric = read_symmetric(reader);
  if (!reader.ok()) return kTruncated;
  if (!symmetric_is_known(out.symmetric, out.name_algorithm)) return kUnsupportedKey;
  PAVISE_TRY(out.type == kAlgEcc ? read_ecc(reader, out) : read_rsa(reader, out));
  if (!reader.at_end()) return kTrailingBytes;
  return out;
}

Bytes PublicArea::encode() const {
  ByteWriter writer;
  writer.be(type).be(name_algorithm).be(attributes).sized<std::uint16_t>(auth_policy);
  writer.be(symmetric.algorithm);
  if (symmetric.algorithm != kAlgNull) writer.be(symmetric.key_bits).be(symmetric.mode);
  write_scheme(writer, scheme);
  if (type == kAlgEcc) {
    writer.be(curve);
    write_scheme(writer, kdf);
    writer.sized<std::uint16_t>(x).sized<std::uint16_t>(y);
  } else {
    writer.be(static_cast<std::uint16_t>(kRsaModulusBytes * 8)).be(exponent);
    writer.sized<std::uint16_t>(modulus);
  }
  return writer.take();
}

Bytes PublicArea::full_name() const {
  return ByteWriter().be(name_algorithm).raw(crypto::digest(name_hash(), {encode()})).take();
}

Name PublicArea::name() const {
  PAVISE_CHECK(name_algorithm == kAlgSha256);
  return name_of(encode());
}

Result<crypto::P256PublicKey> PublicArea::p256_key() const {
  if (type != kAlgEcc || curve != kCurveP256) return kUnsupportedKey;
  return crypto::P256PublicKey::from_xy(x, y);
}

Name name_of(ByteView tpmt_public) {
  const Digest256 digest = crypto::sha256(tpmt_public);
  Name out{std::byte{kAlgSha256 >> 8U}, std::byte{kAlgSha256 & 0xffU}};
  std::ranges::copy(digest, out.begin() + 2);
  return out;
}

Name qualified_name_of_primary(std::uint32_t hierarchy, const Name& name) {
  return name_of(ByteWriter().be(hierarchy).raw(name).take());
}

Name qualified_name_of_child(const Name& parent, const Name& name) {
  return name_of(ByteWriter().raw(parent).raw(name).take());
}

bool is_attestation_key(const PublicArea& key) {
  return key.type == kAlgEcc && key.curve == kCurveP256 &&
         key.has(kRestricted | kSign | kFixedTpm | kFixedParent | kSensitiveDataOrigin) &&
         key.has_none(kDecrypt | kEncryptedDuplication | kX509Sign) &&
         key.symmetric.algorithm == kAlgNull &&
         key.scheme == AsymmetricScheme{kAlgEcdsa, kAlgSha256};
}

bool is_resident_signing_key(const PublicArea& key) {
  return key.type == kAlgEcc && key.curve == kCurveP256 &&
         key.has(kSign | kFixedTpm | kFixedParent | kSensitiveDataOrigin) &&
         key.has_none(kRestricted | kDecrypt | kEncryptedDuplication | kX509Sign) &&
         key.symmetric.algorithm == kAlgNull;
}

bool is_endorsement_key(const PublicArea& key) {
  return key.has(kRestricted | kDecrypt | kFixedTpm | kFixedParent | kSensitiveDataOrigin) &&
         key.has_none(kSign | kEncryptedDuplication) && key.symmetric.algorithm == kAlgAes &&
         key.scheme.algorithm == kAlgNull;
}

PublicArea ek_template_l1(ByteView modulus) {
  PAVISE_CHECK(modulus.size() == kRsaModulusBytes);
  PublicArea out;
  out.type = kAlgRsa;
  out.attributes = kEkAttributes;
  out.auth_policy = to_bytes(std::as_bytes(std::span(kEkPolicyA)));
  out.symmetric = {kAlgAes, 128, kAlgCfb};
  out.modulus = to_bytes(modulus);
  return out;
}

PublicArea ek_template_l2(ByteView x, ByteView y) {
  PAVISE_CHECK(x.size() == kP256CoordinateBytesMax && y.size() == x.size());
  PublicArea out;
  out.attributes = kEkAttributes;
  out.auth_policy = to_bytes(std::as_bytes(std::span(kEkPolicyA)));
  out.symmetric = {kAlgAes, 128, kAlgCfb};
  out.x = to_bytes(x);
  out.y = to_bytes(y);
  return out;
}

PublicArea ek_template_h3(ByteView x, ByteView y) {
  PAVISE_CHECK((x.size() == kP384CoordinateBytesMax || x.empty()) && y.size() == x.size());
  PublicArea out;
  out.name_algorithm = kAlgSha384;
  out.attributes = kEkAttributes | kUserWithAuth;
  out.auth_policy = to_bytes(std::as_bytes(std::span(kEkPolicyB384)));
  out.symmetric = {kAlgAes, 256, kAlgCfb};
  out.curve = kCurveP384;
  out.x = to_bytes(x);
  out.y = to_bytes(y);
  return out;
}

Result<PublicArea> endorsement_key_of(const crypto::SubjectKey& key) {
  using Kind = crypto::SubjectKey::Kind;
  if (key.kind == Kind::p256) return ek_template_l2(key.x, key.y);
  if (key.kind == Kind::p384) return ek_template_h3(key.x, key.y);
  if (key.modulus.size() != kRsaModulusBytes ||
      (key.modulus.front() & std::byte{0x80}) == std::byte{0} ||
      key.exponent != kRsaDefaultExponent)
    return Error(kUnsupportedKey, "not RSA-2048 with exponent 65537");
  return ek_template_l1(key.modulus);
}

PublicArea ak_template(ByteView x, ByteView y) {
  return signing_template(x, y, kRestricted);
}
PublicArea tls_key_template(ByteView x, ByteView y) {
  return signing_template(x, y, 0);
}

DeviceId device_id_from_name(ByteView ek_name) {
  auto id = DeviceId::parse(to_hex(crypto::sha256(ek_name)));
  PAVISE_CHECK(id.has_value());
  return *std::move(id);
}

Result<DeviceId> device_id_from_ek_public(ByteView ek_public) {
  PAVISE_TRY_ASSIGN(const PublicArea key, PublicArea::parse(ek_public));
  if (!is_endorsement_key(key)) return kNotEndorsementKey;
  return device_id_from_name(key.full_name());
}

}  // namespace pavise::tpm
