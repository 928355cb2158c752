#include "device/root_of_trust/fake/fake.h"

#include <algorithm>

#include "protocol/tpm/public_area.h"

namespace pavise::root_of_trust {
namespace {

constexpr std::size_t kTagBytes = 32;
constexpr std::size_t kSaltBytes = 16;
constexpr std::uint64_t kFirmwareVersion = 0x0001000000000000;

Bytes area_of(const crypto::P256PublicKey& key,
              tpm::PublicArea (*template_of)(ByteView x, ByteView y)) {
  const auto point = key.point();
  return template_of(ByteView(point).subspan(1, 32), ByteView(point).subspan(33, 32)).encode();
}

// A stream of kdfa output as a cipher: enough for a fake, and it needs no decryption of its own.
Bytes mask(ByteView key, ByteView salt, ByteView text) {
  const SecretBytes stream = crypto::kdfa_sha256(key, "FAKE", salt, {}, 8 * text.size());
  Bytes out = to_bytes(text);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] ^= stream.view()[i];
  return out;
}

// AES-CFB backwards, from the forward direction: the keystream of a block is the encryption of the
// ciphertext block before it.
Result<Bytes> aes_cfb_decrypt(ByteView key, ByteView cipher) {
  Bytes plain(cipher.size());
  constexpr std::size_t kBlock = 16;
  for (std::size_t at = 0; at < cipher.size(); at += kBlock) {
    const std::size_t size = std::min(kBlock, cipher.size() - at);
    Bytes trial = plain;
    std::fill(trial.begin() + static_cast<std::ptrdiff_t>(at), trial.end(), std::byte{0});
    PAVISE_TRY_ASSIGN(const Bytes encrypted, crypto::aes_cfb_encrypt(key, trial));
    for (std::size_t i = at; i < at + size; ++i) plain[i] = encrypted[i] ^ cipher[i];
  }
  return plain;
}

}  // namespace

FakeRootOfTrust::FakeRootOfTrust(std::shared_ptr<const FakeMaker> maker, std::unique_ptr<FakeEk> ek,
                                 Bytes certificate, SecretBytes storage_seed, Keys keys)
    : maker_(std::move(maker)),
      ek_(std::move(ek)),
      certificate_(std::move(certificate)),
      storage_seed_(std::move(storage_seed)),
      keys_(std::move(keys)) {}

Result<std::unique_ptr<FakeRootOfTrust>> FakeRootOfTrust::create(
    std::shared_ptr<const FakeMaker> maker) {
  PAVISE_TRY_ASSIGN(auto ek, FakeEk::generate());
  PAVISE_TRY_ASSIGN(Bytes certificate, maker->certify(*ek));
  PAVISE_TRY_ASSIGN(auto ak, crypto::P256PrivateKey::generate());
  PAVISE_TRY_ASSIGN(auto tls, crypto::P256PrivateKey::generate());
  SecretBytes seed(32);
  PAVISE_TRY(crypto::random_fill(seed.span()));
  return std::unique_ptr<FakeRootOfTrust>(
      new FakeRootOfTrust(std::move(maker), std::move(ek), std::move(certificate), std::move(seed),
                          Keys{.ak = std::move(ak), .tls = std::move(tls)}));
}

Status FakeRootOfTrust::enter() {
  ++commands_;
  ++clock_.clock_ms;
  if (broken_ != nullptr) return *broken_;
  if (!fault_) return {};
  if (fault_->skip > 0) {
    --fault_->skip;
    return {};
  }
  const ErrorInfo& info = *fault_->info;
  fault_.reset();
  return info;
}

Status FakeRootOfTrust::require_provisioned() const {
  if (!provisioned_) return kNotProvisioned;
  return {};
}

Bytes FakeRootOfTrust::ak_public() const {
  return area_of(keys_.ak.public_key(), tpm::ak_template);
}

Status FakeRootOfTrust::provision() {
  PAVISE_TRY(enter());
  provisioned_ = true;
  if (!counter_) counter_ = Counter{.base = 7, .value = 7};  // any start must do
  return {};
}

Result<Identity> FakeRootOfTrust::identity() {
  PAVISE_TRY(enter());
  Bytes ek_public = tpm::ek_template_l1(ek_->modulus()).encode();
  PAVISE_TRY_ASSIGN(DeviceId device, tpm::device_id_from_ek_public(ek_public));
  return Identity{.device = std::move(device),
                  .ek_certificate = certificate_,
                  .ek_public = std::move(ek_public)};
}

tpm::Attest FakeRootOfTrust::start_attest(ByteView qualifying) {
  tpm::Attest out;
  const tpm::Name name = tpm::name_of(ak_public());
  out.qualified_signer = to_bytes(tpm::qualified_name_of_primary(tpm::kEndorsementHierarchy, name));
  out.extra_data = to_bytes(qualifying);
  out.clock = clock_;
  out.firmware_version = kFirmwareVersion;
  return out;
}

Result<crypto::EcdsaRaw> FakeRootOfTrust::sign_with_ak(ByteView attest) const {
  return keys_.ak.sign_digest(crypto::sha256(attest));
}

Result<DeviceKeys> FakeRootOfTrust::keys() {
  PAVISE_TRY(enter());
  PAVISE_TRY(require_provisioned());
  if (device_keys_) return *device_keys_;
  DeviceKeys out;
  out.ak_public = ak_public();
  out.ak_name = to_bytes(tpm::name_of(out.ak_public));
  out.tls_public = area_of(keys_.tls.public_key(), tpm::tls_key_template);
  const tpm::Name tls_name = tpm::name_of(out.tls_public);
  tpm::Attest attest = start_attest({});
  attest.info = tpm::CertifyInfo{
      .name = to_bytes(tls_name),
      .qualified_name = ByteWriter().be(tpm::kAlgSha256).raw(crypto::sha256(tls_name)).take()};
  out.tls_certify_attest = attest.encode();
  PAVISE_TRY_ASSIGN(const auto signature, sign_with_ak(out.tls_certify_attest));
  out.tls_certify_signature = tpm::encode_signature(signature);
  device_keys_ = out;
  return out;
}

PcrValues FakeRootOfTrust::values_of(PcrMask pcrs) const {
  PcrValues out;
  for (const unsigned pcr : pcrs.indices()) out[pcr] = pcrs_.at(pcr);
  return out;
}

Result<Quote> FakeRootOfTrust::quote(PcrMask pcrs, ByteView qualifying) {
  PAVISE_TRY(enter());
  if (qualifying.size() > kQualifyingBytesMax) return kBadArgument;
  PAVISE_TRY(require_provisioned());
  Quote out;
  out.pcrs = values_of(pcrs);
  tpm::Attest attest = start_attest(qualifying);
  attest.info = tpm::QuoteInfo{.selections = {{.hash = tpm::kAlgSha256, .mask = pcrs.bits()}},
                               .pcr_digest = to_bytes(pcr_policy::composite_digest(out.pcrs))};
  out.attest = attest.encode();
  PAVISE_TRY_ASSIGN(const auto signature, sign_with_ak(out.attest));
  out.signature = tpm::encode_signature(signature);
  return out;
}

Result<PcrValues> FakeRootOfTrust::read_pcrs(PcrMask pcrs) {
  PAVISE_TRY(enter());
  return values_of(pcrs);
}

Status FakeRootOfTrust::extend(unsigned pcr, const Digest256& digest) {
  PAVISE_TRY(enter());
  if (pcr >= kPcrCount) return kBadArgument;
  pcrs_.at(pcr) = crypto::sha256({pcrs_.at(pcr), digest});
  return {};
}

Result<SecretBytes> FakeRootOfTrust::activate(ByteView id_object, ByteView encrypted_secret) {
  PAVISE_TRY(enter());
  if (id_object.size() > kCredentialBytesMax || encrypted_secret.size() > kCredentialBytesMax)
    return kBadArgument;
  PAVISE_TRY(require_provisioned());
  const auto seed = ek_->decrypt(encrypted_secret);
  if (!seed) return Error(kCredentialRefused, "encrypted secret");

  ByteReader in(id_object);
  const auto integrity = in.sized<std::uint16_t>(32);
  if (!integrity) return Error(kCredentialRefused, "id object");
  const ByteView encrypted = in.rest();
  const tpm::Name ak_name = tpm::name_of(ak_public());
  const SecretBytes integrity_key = crypto::kdfa_sha256(seed->view(), "INTEGRITY", {}, {}, 256);
  Bytes authenticated = to_bytes(encrypted);
  append(authenticated, ak_name);
  const Digest256 expected = crypto::hmac_sha256(integrity_key.view(), authenticated);
  if (!crypto::constant_time_equal(expected, *integrity))
    return Error(kCredentialRefused, "integrity");

  const SecretBytes storage_key = crypto::kdfa_sha256(seed->view(), "STORAGE", ak_name, {}, 128);
  PAVISE_TRY_ASSIGN(Bytes plain, aes_cfb_decrypt(storage_key.view(), encrypted));
  const SecretBytes owned(std::move(plain));
  ByteReader secret(owned.view());
  const auto content = secret.sized<std::uint16_t>(32);
  if (!secret.at_end()) return Error(kCredentialRefused, "content");
  return SecretBytes::copy_of(*content);
}

Result<crypto::EcdsaRaw> FakeRootOfTrust::sign_tls(const Digest256& digest) {
  PAVISE_TRY(enter());
  PAVISE_TRY(require_provisioned());
  return keys_.tls.sign_digest(digest);
}

// Blob: tag (32), policy digest (32), salt (16), masked secret.
Result<Bytes> FakeRootOfTrust::seal(ByteView secret, const crypto::P256PublicKey& policy_key) {
  PAVISE_TRY(enter());
  if (secret.empty() || secret.size() > kSealedSecretBytesMax) return kBadArgument;
  Bytes salt(kSaltBytes);
  PAVISE_TRY(crypto::random_fill(salt));
  Bytes body = to_bytes(pcr_policy::authorized_policy(policy_key));
  append(body, salt);
  append(body, mask(storage_seed_.view(), salt, secret));
  Bytes blob = to_bytes(crypto::hmac_sha256(storage_seed_.view(), body));
  append(blob, body);
  return blob;
}

bool FakeRootOfTrust::entry_fits(const pcr_policy::Entry& entry) const {
  return pcr_policy::composite_digest(values_of(entry.mask)) == entry.composite;
}

Result<SecretBytes> FakeRootOfTrust::unseal(ByteView blob,
                                            const pcr_policy::SignedPcrPolicy& policy) {
  PAVISE_TRY(enter());
  constexpr std::size_t kOverhead = kTagBytes + 32 + kSaltBytes;
  if (blob.size() <= kOverhead || blob.size() > kSealedBlobBytesMax)
    return Error(kBadSealedBlob, "size");
  if (std::ranges::none_of(policy.entries(), [&](const auto& entry) { return entry_fits(entry); }))
    return kStateNotAllowed;
  const ByteView body = blob.subspan(kTagBytes);
  const Digest256 tag = crypto::hmac_sha256(storage_seed_.view(), body);
  if (!crypto::constant_time_equal(tag, blob.first(kTagBytes))) return Error(kBadSealedBlob, "tag");
  if (!equal(body.first(32), pcr_policy::authorized_policy(policy.key())))
    return Error(kBadSealedBlob, "policy key");
  return SecretBytes(
      mask(storage_seed_.view(), body.subspan(32, kSaltBytes), blob.subspan(kOverhead)));
}

Result<Counter> FakeRootOfTrust::read_counter() {
  PAVISE_TRY(enter());
  if (!counter_) return kNotProvisioned;
  return *counter_;
}

Result<Counter> FakeRootOfTrust::increment_counter() {
  PAVISE_TRY(enter());
  if (!counter_) return kNotProvisioned;
  ++counter_->value;
  return *counter_;
}

void FakeRootOfTrust::power_cycle() {
  pcrs_ = {};
  ++clock_.reset_count;
}

}  // namespace pavise::root_of_trust
