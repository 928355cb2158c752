// Keys of certificates and the two curves and hashes that endorsement keys use. Once per device, so
// the plain EVP interface is fast enough.
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include <algorithm>

#include "common/crypto/internal.h"

namespace pavise::crypto {
namespace {

using internal::fail;
using Number = Owned<BIGNUM, BN_clear_free>;
using EvpKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using EvpContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using MdContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using ParamBuilder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Params = Owned<OSSL_PARAM, OSSL_PARAM_free>;

constexpr std::size_t kSpkiBytesMax = 2048;

struct Curve {
  const char* name;
  std::size_t coordinate_bytes;
};
Curve curve_of(SubjectKey::Kind kind) {
  PAVISE_CHECK(kind != SubjectKey::Kind::rsa);
  return kind == SubjectKey::Kind::p256 ? Curve{SN_X9_62_prime256v1, 32} : Curve{SN_secp384r1, 48};
}

const EVP_MD* md_of(Hash hash) {
  return hash == Hash::sha256 ? EVP_sha256() : EVP_sha384();
}

// A parameter of the key as big-endian bytes; of the width given, or of its own.
std::optional<Bytes> number_of(const EVP_PKEY* key, const char* name, std::size_t width = 0) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return std::nullopt;
  const Number number(raw);
  Bytes out(width != 0 ? width : static_cast<std::size_t>(BN_num_bytes(raw)));
  if (BN_bn2binpad(raw, as_uchar(std::span(out)), static_cast<int>(out.size())) < 0)
    return std::nullopt;
  return out;
}

Result<SubjectKey> rsa_key(const EVP_PKEY* key) {
  SubjectKey out;
  auto modulus = number_of(key, OSSL_PKEY_PARAM_RSA_N);
  const auto exponent = number_of(key, OSSL_PKEY_PARAM_RSA_E, sizeof out.exponent);
  if (!modulus || !exponent) return fail(kBadPublicKey, "RSA key");
  out.modulus = *std::move(modulus);
  out.exponent = ByteReader(*exponent).be<std::uint32_t>().value_or(0);
  return out;
}

Result<SubjectKey> curve_key(EVP_PKEY* key) {
  std::array<char, 64> name{};
  std::size_t size = 0;
  SubjectKey out;
  if (EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) != 1)
    return fail(kBadPublicKey, "a curve without a name");
  const std::string_view curve(name.data(), size);
  if (curve == SN_X9_62_prime256v1)
    out.kind = SubjectKey::Kind::p256;
  else if (curve == SN_secp384r1)
    out.kind = SubjectKey::Kind::p384;
  else
    return fail(kBadPublicKey, "neither P-256 nor P-384");
  const EvpContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (!context || EVP_PKEY_public_check(context.get()) != 1)
    return fail(kBadPublicKey, "the point is not on the curve");
  const std::size_t width = curve_of(out.kind).coordinate_bytes;
  auto x = number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, width);
  auto y = number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, width);
  if (!x || !y) return fail(kBadPublicKey, "the point has no coordinates");
  out.x = *std::move(x);
  out.y = *std::move(y);
  return out;
}

EvpKey peer_key(const SubjectKey& peer, const Curve& curve) {
  if (peer.x.size() != curve.coordinate_bytes || peer.y.size() != curve.coordinate_bytes)
    return nullptr;
  Bytes point{std::byte{0x04}};
  append(point, peer.x);
  append(point, peer.y);
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  PAVISE_CHECK(builder && OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                                          curve.name, 0) == 1);
  PAVISE_CHECK(OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                                point.data(), point.size()) == 1);
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const EvpContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return nullptr;
  EvpKey out(key);
  const EvpContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (!check || EVP_PKEY_public_check(check.get()) != 1) return nullptr;
  return out;
}

}  // namespace

Result<SubjectKey> parse_subject_key(ByteView spki_der) {
  if (spki_der.empty() || spki_der.size() > kSpkiBytesMax) return Error(kBadPublicKey, "size");
  const unsigned char* at = as_uchar(spki_der);
  const EvpKey key(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki_der.size())));
  if (!key || at != as_uchar(spki_der) + spki_der.size())
    return fail(kBadPublicKey, "not a SubjectPublicKeyInfo");
  switch (EVP_PKEY_get_base_id(key.get())) {
    case EVP_PKEY_RSA:
      return rsa_key(key.get());
    case EVP_PKEY_EC:
      return curve_key(key.get());
    default:
      return Error(kBadPublicKey, "neither RSA nor on a curve");
  }
}

std::size_t size_bytes(Hash hash) {
  return hash == Hash::sha256 ? 32 : 48;
}

Bytes digest(Hash hash, std::initializer_list<ByteView> parts) {
  const MdContext context(EVP_MD_CTX_new());
  PAVISE_CHECK(context && EVP_DigestInit_ex2(context.get(), md_of(hash), nullptr) == 1);
  for (const ByteView part : parts)
    PAVISE_CHECK(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
  Bytes out(size_bytes(hash));
  PAVISE_CHECK(EVP_DigestFinal_ex(context.get(), as_uchar(std::span(out)), nullptr) == 1);
  return out;
}

Bytes hmac(Hash hash, ByteView key, ByteView data) {
  Bytes out(size_bytes(hash));
  unsigned size = 0;
  PAVISE_CHECK(HMAC(md_of(hash), key.data(), static_cast<int>(key.size()), as_uchar(data),
                    data.size(), as_uchar(std::span(out)), &size) != nullptr);
  return out;
}

SecretBytes kdfa(Hash hash, ByteView key, std::string_view label, ByteView context_u,
                 ByteView context_v, std::size_t bits) {
  PAVISE_CHECK(bits > 0 && bits % 8 == 0 && bits <= 65536);
  SecretBytes out(bits / 8);
  std::uint32_t counter = 0;
  for (std::size_t at = 0; at < out.size();) {
    const Bytes message = ByteWriter()
                              .be(++counter)
                              .raw(as_bytes(label))
                              .be(std::uint8_t{0})
                              .raw(context_u)
                              .raw(context_v)
                              .be(static_cast<std::uint32_t>(bits))
                              .take();
    Bytes block = hmac(hash, key, message);
    const std::size_t n = std::min(block.size(), out.size() - at);
    std::copy_n(block.begin(), n, out.span().begin() + static_cast<std::ptrdiff_t>(at));
    wipe(block);
    at += n;
  }
  return out;
}

Result<Agreement> agree_once(const SubjectKey& peer) {
  if (peer.kind == SubjectKey::Kind::rsa) return Error(kBadPublicKey, "not on a curve");
  const Curve curve = curve_of(peer.kind);
  const EvpKey theirs = peer_key(peer, curve);
  if (!theirs) return fail(kBadPublicKey, "the point is not on the curve");
  const EvpKey own(EVP_EC_gen(curve.name));
  if (!own) return fail(kNoEntropy);
  auto x = number_of(own.get(), OSSL_PKEY_PARAM_EC_PUB_X, curve.coordinate_bytes);
  auto y = number_of(own.get(), OSSL_PKEY_PARAM_EC_PUB_Y, curve.coordinate_bytes);
  const EvpContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, own.get(), nullptr));
  SecretBytes z(curve.coordinate_bytes);
  std::size_t size = z.size();
  if (!x || !y || !context || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), theirs.get()) != 1 ||
      EVP_PKEY_derive(context.get(), as_uchar(z.span()), &size) != 1 || size != z.size())
    return fail(kCryptoFailed, "ECDH");
  return Agreement{std::move(z), *std::move(x), *std::move(y)};
}

}  // namespace pavise::crypto
