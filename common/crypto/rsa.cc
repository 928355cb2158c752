#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "common/crypto/internal.h"

namespace pavise::crypto {
namespace {

using internal::fail;
using Number = Owned<BIGNUM, BN_free>;
using EvpKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using EvpContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using ParamBuilder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Params = Owned<OSSL_PARAM, OSSL_PARAM_free>;

// EKs are RSA-2048 to RSA-4096; smaller ones are not worth encrypting to.
constexpr std::size_t kModulusBytesMin = 256;
constexpr std::size_t kModulusBytesMax = 512;

EvpKey public_key(ByteView modulus, std::uint32_t exponent) {
  const Number n(BN_bin2bn(as_uchar(modulus), static_cast<int>(modulus.size()), nullptr));
  const Number e(BN_new());
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  PAVISE_CHECK(n && e && builder && BN_set_word(e.get(), exponent) == 1);
  PAVISE_CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1);
  PAVISE_CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1);
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const EvpContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return nullptr;
  return EvpKey(key);
}

// The context keeps its own copy of the label, which must come from OPENSSL_malloc.
bool set_label(EVP_PKEY_CTX* context, ByteView label) {
  if (label.empty()) return true;
  void* const copy = OPENSSL_memdup(label.data(), label.size());
  if (copy == nullptr) return false;
  if (EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, static_cast<int>(label.size())) == 1)
    return true;
  OPENSSL_free(copy);
  return false;
}

}  // namespace

Result<Bytes> rsa_oaep_sha256_encrypt(ByteView modulus, std::uint32_t exponent, ByteView label,
                                      ByteView plain) {
  if (modulus.size() < kModulusBytesMin || modulus.size() > kModulusBytesMax ||
      modulus[0] == std::byte{0})
    return Error(kBadPublicKey, "RSA modulus of an unsupported size");
  // An even modulus or exponent is no RSA key, and exponent 1 would send the plain text in clear.
  const bool odd_modulus = (modulus.back() & std::byte{1}) != std::byte{0};
  if (!odd_modulus || exponent < 3 || exponent % 2 == 0)
    return Error(kBadPublicKey, "not an RSA modulus and exponent");
  if (label.size() > 256) return Error(kCryptoFailed, "OAEP label too long");

  const EvpKey key = public_key(modulus, exponent);
  if (!key) return fail(kBadPublicKey, "RSA key");
  const EvpContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  Bytes out(modulus.size());
  std::size_t size = out.size();
  if (!context || EVP_PKEY_encrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) != 1 ||
      !set_label(context.get(), label) ||
      EVP_PKEY_encrypt(context.get(), as_uchar(std::span<std::byte>(out)), &size, as_uchar(plain),
                       plain.size()) != 1 ||
      size != out.size())
    return fail(kCryptoFailed, "RSA-OAEP");
  return out;
}

}  // namespace pavise::crypto
