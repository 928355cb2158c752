#include "protocol/tpm/public_area.h"

#include <algorithm>

namespace pavise::tpm {
namespace {

// TCG EK Credential Profile 2.3, B.3.3: PolicySecret(TPM_RH_ENDORSEMENT).
constexpr std::array<unsigned char, 32> kEkPolicyA = {
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
    0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};

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
bool symmetric_is_known(const SymmetricDefinition& symmetric) {
  return symmetric.algorithm == kAlgNull ||
         (symmetric.algorithm == kAlgAes && symmetric.key_bits == 128 && symmetric.mode == kAlgCfb);
}

Status read_ecc(ByteReader& reader, PublicArea& out) {
  out.scheme = read_scheme(reader);
  const auto curve = reader.be<std::uint16_t>();
  out.kdf = read_scheme(reader);
  if (!reader.ok()) return kTruncated;
  if (!scheme_is_known(out.scheme) || curve != kCurveP256 || out.kdf.algorithm != kAlgNull)
    return kUnsupportedKey;
  const auto x = reader.sized<std::uint16_t>(kP256CoordinateBytesMax);
  const auto y = reader.sized<std::uint16_t>(kP256CoordinateBytesMax);
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
  const auto name_algorithm = reader.be<std::uint16_t>();
  out.attributes = reader.be<std::uint32_t>().value_or(0);
  const auto policy = reader.sized<std::uint16_t>(kAuthPolicyBytesMax);
  if (!policy) return kTruncated;
  if (out.type != kAlgEcc && out.type != kAlgRsa) return kUnsupportedKey;
  if (name_algorithm != kAlgSha256) return kUnsupportedNameAlgorithm;
  if ((out.attributes & ~kDefinedAttributes) != 0) return kReservedBits;
  out.auth_policy = to_bytes(*policy);
  out.symmetric = read_symmetric(reader);
  if (!reader.ok()) return kTruncated;
  if (!symmetric_is_known(out.symmetric)) return kUnsupportedKey;
  PAVISE_TRY(out.type == kAlgEcc ? read_ecc(reader, out) : read_rsa(reader, out));
  if (!reader.at_end()) return kTrailingBytes;
  return out;
}

Bytes PublicArea::encode() const {
  ByteWriter writer;
  writer.be(type).be(kAlgSha256).be(attributes).sized<std::uint16_t>(auth_policy);
  writer.be(symmetric.algorithm);
  if (symmetric.algorithm != kAlgNull) writer.be(symmetric.key_bits).be(symmetric.mode);
  write_scheme(writer, scheme);
  if (type == kAlgEcc) {
    writer.be(kCurveP256);
    write_scheme(writer, kdf);
    writer.sized<std::uint16_t>(x).sized<std::uint16_t>(y);
  } else {
    writer.be(static_cast<std::uint16_t>(kRsaModulusBytes * 8)).be(exponent);
    writer.sized<std::uint16_t>(modulus);
  }
  return writer.take();
}

Name PublicArea::name() const {
  return name_of(encode());
}

Result<crypto::P256PublicKey> PublicArea::p256_key() const {
  if (type != kAlgEcc) return kUnsupportedKey;
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
  return key.type == kAlgEcc &&
         key.has(kRestricted | kSign | kFixedTpm | kFixedParent | kSensitiveDataOrigin) &&
         key.has_none(kDecrypt | kEncryptedDuplication | kX509Sign) &&
         key.symmetric.algorithm == kAlgNull &&
         key.scheme == AsymmetricScheme{kAlgEcdsa, kAlgSha256};
}

bool is_resident_signing_key(const PublicArea& key) {
  return key.type == kAlgEcc && key.has(kSign | kFixedTpm | kFixedParent | kSensitiveDataOrigin) &&
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
  out.attributes =
      kFixedTpm | kFixedParent | kSensitiveDataOrigin | kAdminWithPolicy | kRestricted | kDecrypt;
  out.auth_policy = to_bytes(std::as_bytes(std::span(kEkPolicyA)));
  out.symmetric = {kAlgAes, 128, kAlgCfb};
  out.modulus = to_bytes(modulus);
  return out;
}

PublicArea ak_template(ByteView x, ByteView y) {
  return signing_template(x, y, kRestricted);
}
PublicArea tls_key_template(ByteView x, ByteView y) {
  return signing_template(x, y, 0);
}

DeviceId device_id_from_name(const Name& ek_name) {
  auto id = DeviceId::parse(to_hex(crypto::sha256(ek_name)));
  PAVISE_CHECK(id.has_value());
  return *std::move(id);
}

Result<DeviceId> device_id_from_ek_public(ByteView ek_public) {
  PAVISE_TRY_ASSIGN(const PublicArea key, PublicArea::parse(ek_public));
  if (!is_endorsement_key(key)) return kNotEndorsementKey;
  return device_id_from_name(name_of(ek_public));
}

}  // namespace pavise::tpm
