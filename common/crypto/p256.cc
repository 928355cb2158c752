#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdh.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>

#include <algorithm>

#include "common/crypto/internal.h"

// The EC_KEY interface is deprecated in OpenSSL 3.0. Its successor makes an EVP_PKEY from a point
// in ten times the time (20 us against 2 us, bench/crypto) and the verifier makes one per evidence.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

namespace pavise::crypto {
namespace {

using internal::fail;
// Named here because the template that calls it lies outside the pragma's reach.
void free_key(EC_KEY* key) {
  EC_KEY_free(key);
}
using EcKey = Owned<EC_KEY, free_key>;
using EcPoint = Owned<EC_POINT, EC_POINT_free>;
using EcdsaSig = Owned<ECDSA_SIG, ECDSA_SIG_free>;
using EvpKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using Bio = Owned<BIO, BIO_free_all>;

constexpr std::size_t kPointBytes = 65;
constexpr std::byte kUncompressed{0x04};
constexpr std::size_t kPemBytesMax = 4096;

// SubjectPublicKeyInfo of RFC 5480 up to the point: id-ecPublicKey, prime256v1, BIT STRING.
constexpr std::array<unsigned char, 26> kSpkiPrefix = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
constexpr std::string_view kPublicPemHead = "-----BEGIN PUBLIC KEY-----";
constexpr std::string_view kPublicPemTail = "-----END PUBLIC KEY-----";
constexpr std::string_view kPrivatePemHead = "-----BEGIN PRIVATE KEY-----";
constexpr std::size_t kPemLineChars = 64;

// Building the group by name costs 9 us, copying it into a key below 1 us; so one is kept for ever.
const EC_GROUP* group() {
  static const EC_GROUP* const shared = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  PAVISE_CHECK(shared != nullptr);
  return shared;
}

EcKey empty_key() {
  EcKey key(EC_KEY_new());
  PAVISE_CHECK(key && EC_KEY_set_group(key.get(), group()) == 1);
  return key;
}

// An EC_KEY copies the group, which costs more than checking a point. So a public key is a point,
// and each thread keeps the one EC_KEY that OpenSSL wants to see for a verification.
EC_KEY* verifying_key(const EC_POINT* point) {
  thread_local const EcKey key = empty_key();
  PAVISE_CHECK(EC_KEY_set_public_key(key.get(), point) == 1);
  return key.get();
}

std::array<std::byte, kPointBytes> point_of(const EC_KEY* key) {
  std::array<std::byte, kPointBytes> out{};
  const std::size_t size =
      EC_POINT_point2oct(group(), EC_KEY_get0_public_key(key), POINT_CONVERSION_UNCOMPRESSED,
                         as_uchar(std::span<std::byte>(out)), out.size(), nullptr);
  PAVISE_CHECK(size == kPointBytes);
  return out;
}

}  // namespace

struct P256PublicKey::Impl {
  EcPoint point;
  std::array<std::byte, kPointBytes> encoded;
};

struct P256PrivateKey::Impl {
  EcKey key;
};

Result<P256PublicKey> P256PublicKey::from_xy(ByteView x, ByteView y) {
  std::array<std::byte, kPointBytes> point{};
  point[0] = kUncompressed;
  if (x.empty() || x.size() > 32 || y.empty() || y.size() > 32) return kBadPublicKey;
  if (!internal::pad_to_32(x, std::span(point).subspan<1, 32>()) ||
      !internal::pad_to_32(y, std::span(point).subspan<33, 32>()))
    return kBadPublicKey;
  return from_point(point);
}

Result<P256PublicKey> P256PublicKey::from_point(ByteView uncompressed_65) {
  if (uncompressed_65.size() != kPointBytes || uncompressed_65[0] != kUncompressed)
    return kBadPublicKey;
  EcPoint point(EC_POINT_new(group()));
  PAVISE_CHECK(point);
  // Refuses coordinates not below p and points off the curve. The group's cofactor is 1 and this
  // form cannot say "infinity", so that is the whole validation (SEC 1, 3.2.2.1).
  if (EC_POINT_oct2point(group(), point.get(), as_uchar(uncompressed_65), kPointBytes, nullptr) !=
      1)
    return fail(kBadPublicKey, "the point is not on the curve");
  auto impl = std::make_shared<Impl>();
  impl->point = std::move(point);
  std::ranges::copy(uncompressed_65, impl->encoded.begin());
  return P256PublicKey(std::move(impl));
}

Result<P256PublicKey> P256PublicKey::from_spki_der(ByteView spki) {
  if (spki.size() != kSpkiPrefix.size() + kPointBytes ||
      std::memcmp(spki.data(), kSpkiPrefix.data(), kSpkiPrefix.size()) != 0)
    return Error(kBadPublicKey, "not a P-256 SubjectPublicKeyInfo");
  return from_point(spki.subspan(kSpkiPrefix.size()));
}

Result<P256PublicKey> P256PublicKey::from_pem(std::string_view pem) {
  if (pem.size() > kPemBytesMax) return Error(kBadPublicKey, "the PEM text is too long");
  const auto head = pem.find(kPublicPemHead);
  if (head == std::string_view::npos) return Error(kBadPublicKey, "no PUBLIC KEY block");
  const auto from = head + kPublicPemHead.size();
  const auto tail = pem.find(kPublicPemTail, from);
  if (tail == std::string_view::npos) return Error(kBadPublicKey, "the PEM block has no end");
  std::string text(pem.substr(from, tail - from));
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r'; });
  const auto der = from_base64(text);
  if (!der) return Error(kBadPublicKey, "the PEM block is not base64");
  return from_spki_der(*der);
}

Status P256PublicKey::verify_digest(const Digest256& digest, const EcdsaRaw& signature) const {
  const ByteView r = ByteView(signature).first<32>();
  const ByteView s = ByteView(signature).last<32>();
  if (!internal::in_scalar_range(r) || !internal::in_scalar_range(s)) return kBadSignature;
  const EcdsaSig sig(ECDSA_SIG_new());
  BIGNUM* const r_number = BN_bin2bn(as_uchar(r), 32, nullptr);
  BIGNUM* const s_number = BN_bin2bn(as_uchar(s), 32, nullptr);
  PAVISE_CHECK(sig && r_number != nullptr && s_number != nullptr);
  PAVISE_CHECK(ECDSA_SIG_set0(sig.get(), r_number, s_number) == 1);  // takes both numbers over
  const int outcome = ECDSA_do_verify(as_uchar(digest), static_cast<int>(digest.size()), sig.get(),
                                      verifying_key(impl_->point.get()));
  if (outcome != 1) return fail(kBadSignature);
  return {};
}

std::array<std::byte, 65> P256PublicKey::point() const {
  return impl_->encoded;
}

Bytes P256PublicKey::spki_der() const {
  Bytes out;
  out.reserve(kSpkiPrefix.size() + kPointBytes);
  append(out, std::as_bytes(std::span(kSpkiPrefix)));
  append(out, impl_->encoded);
  return out;
}

std::string P256PublicKey::pem() const {
  const std::string text = to_base64(spki_der());
  std::string out(kPublicPemHead);
  for (std::size_t at = 0; at < text.size(); at += kPemLineChars)
    out.append("\n").append(text, at, kPemLineChars);
  return out.append("\n").append(kPublicPemTail).append("\n");
}

bool P256PublicKey::operator==(const P256PublicKey& other) const {
  return impl_->encoded == other.impl_->encoded;
}

Result<P256PrivateKey> P256PrivateKey::generate() {
  EcKey key = empty_key();
  if (EC_KEY_generate_key(key.get()) != 1) return fail(kNoEntropy);
  auto impl = std::make_shared<Impl>();
  impl->key = std::move(key);
  return P256PrivateKey(std::move(impl));
}

Result<P256PrivateKey> P256PrivateKey::from_pem(ByteView pem) {
  if (pem.size() > kPemBytesMax) return Error(kBadPrivateKey, "the PEM text is too long");
  // Looked for by hand because the PEM reader would also take SEC 1, encrypted and traditional
  // keys.
  if (as_text(pem).find(kPrivatePemHead) == std::string_view::npos)
    return Error(kBadPrivateKey, "no unencrypted PKCS#8 block");
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  PAVISE_CHECK(bio);
  // Never ask a person for a password on the terminal, which is what a null callback does.
  const auto refuse_password = [](char*, int, int, void*) { return -1; };
  const EvpKey evp(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_password, nullptr));
  if (!evp) return fail(kBadPrivateKey, "not a PKCS#8 key");
  const EcKey read(EVP_PKEY_get1_EC_KEY(evp.get()));
  if (!read || EC_GROUP_get_curve_name(EC_KEY_get0_group(read.get())) != NID_X9_62_prime256v1)
    return fail(kBadPrivateKey, "not a P-256 key");
  // Rechecks that public and private half belong together: a file is outside input.
  if (EC_KEY_check_key(read.get()) != 1) return fail(kBadPrivateKey, "the key is inconsistent");

  EcKey key = empty_key();
  PAVISE_CHECK(EC_KEY_set_private_key(key.get(), EC_KEY_get0_private_key(read.get())) == 1);
  PAVISE_CHECK(EC_KEY_set_public_key(key.get(), EC_KEY_get0_public_key(read.get())) == 1);
  auto impl = std::make_shared<Impl>();
  impl->key = std::move(key);
  return P256PrivateKey(std::move(impl));
}

SecretBytes P256PrivateKey::to_pem() const {
  const EvpKey evp(EVP_PKEY_new());
  PAVISE_CHECK(evp && EVP_PKEY_set1_EC_KEY(evp.get(), impl_->key.get()) == 1);
  const Bio bio(BIO_new(BIO_s_secmem()));
  PAVISE_CHECK(bio);
  PAVISE_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), evp.get(), nullptr, nullptr, 0, nullptr,
                                             nullptr) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  PAVISE_CHECK(size > 0);
  return SecretBytes::copy_of(as_bytes({data, static_cast<std::size_t>(size)}));
}

P256PublicKey P256PrivateKey::public_key() const {
  auto key = P256PublicKey::from_point(point_of(impl_->key.get()));
  return *std::move(key);
}

Result<EcdsaRaw> P256PrivateKey::sign_digest(const Digest256& digest) const {
  const EcdsaSig sig(
      ECDSA_do_sign(as_uchar(digest), static_cast<int>(digest.size()), impl_->key.get()));
  if (!sig) return fail(kCryptoFailed, "ECDSA signing");
  EcdsaRaw raw{};
  const auto out = as_uchar(std::span<std::byte>(raw));
  PAVISE_CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(sig.get()), out, 32) == 32);
  PAVISE_CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(sig.get()), out + 32, 32) == 32);
  return raw;
}

Result<SecretBytes> P256PrivateKey::ecdh_x(const P256PublicKey& peer) const {
  SecretBytes shared(32);
  if (ECDH_compute_key(shared.span().data(), shared.size(), peer.impl_->point.get(),
                       impl_->key.get(), nullptr) != 32)
    return fail(kCryptoFailed, "ECDH");
  return shared;
}

}  // namespace pavise::crypto

#pragma clang diagnostic pop
