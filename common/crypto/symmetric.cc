#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <climits>

#include "common/crypto/internal.h"

// SHA256_Init and its siblings are deprecated in OpenSSL 3.0. SHA256() and the EVP calls reach the
// same assembly after a lookup that costs up to four times the hashing of a short message, and the
// verifier replays event logs of many short messages.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

namespace pavise::crypto {
namespace {

using internal::fail;
using CipherContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

constexpr std::size_t kBlockBytes = 64;  // of SHA-256

// A running hash whose state is wiped, since it may have absorbed a key.
class Sha256 {
 public:
  Sha256() { PAVISE_CHECK(SHA256_Init(&state_) == 1); }
  Sha256(const Sha256&) = default;
  Sha256& operator=(const Sha256&) = delete;
  ~Sha256() { OPENSSL_cleanse(&state_, sizeof state_); }

  Sha256& add(ByteView data) {
    PAVISE_CHECK(SHA256_Update(&state_, data.data(), data.size()) == 1);
    return *this;
  }
  Digest256 finish() {
    Digest256 out{};
    PAVISE_CHECK(SHA256_Final(as_uchar(std::span<std::byte>(out)), &state_) == 1);
    return out;
  }

 private:
  SHA256_CTX state_;
};

// HMAC of RFC 2104 with the key absorbed once, so that KDFa can run it several times.
class HmacSha256 {
 public:
  explicit HmacSha256(ByteView key) {
    std::array<std::byte, kBlockBytes> block{};
    if (key.size() > kBlockBytes) {
      Digest256 hashed = Sha256().add(key).finish();
      std::ranges::copy(hashed, block.begin());
      wipe(hashed);
    } else {
      std::ranges::copy(key, block.begin());
    }
    for (std::byte& b : block) b ^= std::byte{0x36};
    inner_.add(block);
    for (std::byte& b : block) b ^= std::byte{0x36} ^ std::byte{0x5c};
    outer_.add(block);
    wipe(block);
  }
  Digest256 mac(std::initializer_list<ByteView> parts) const {
    Sha256 inner = inner_;
    for (const ByteView part : parts) inner.add(part);
    Sha256 outer = outer_;
    return outer.add(inner.finish()).finish();
  }

 private:
  Sha256 inner_;
  Sha256 outer_;
};

const EVP_CIPHER* cfb_cipher(std::size_t key_bytes) {
  // Fetched once: a fetch takes a lock and a search through the providers.
  static const EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-CFB", nullptr);
  static const EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-CFB", nullptr);
  if (key_bytes == 16) return aes128;
  if (key_bytes == 32) return aes256;
  return nullptr;
}

}  // namespace

Digest256 sha256(ByteView data) {
  return Sha256().add(data).finish();
}

Digest256 sha256(std::initializer_list<ByteView> parts) {
  Sha256 hash;
  for (const ByteView part : parts) hash.add(part);
  return hash.finish();
}

Digest256 hmac_sha256(ByteView key, ByteView data) {
  return HmacSha256(key).mac({data});
}

Digest160 sha1(ByteView data) {
  Digest160 out;
  SHA1(as_uchar(data), data.size(), as_uchar(std::span<std::byte>(out)));
  return out;
}

Digest128 md5(ByteView data) {
  Digest128 out;
  PAVISE_CHECK(EVP_Digest(data.data(), data.size(), as_uchar(std::span<std::byte>(out)), nullptr,
                          EVP_md5(), nullptr) == 1);
  return out;
}

bool constant_time_equal(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Status random_fill(std::span<std::byte> out) {
  if (out.size() > INT_MAX) return Error(kNoEntropy, "too many bytes at once");
  if (RAND_bytes(as_uchar(out), static_cast<int>(out.size())) != 1) return fail(kNoEntropy);
  return {};
}

SecretBytes kdfa_sha256(ByteView key, std::string_view label, ByteView context_u,
                        ByteView context_v, std::size_t bits) {
  // The whole key is asked for in bytes everywhere in TPM use; a partial byte would need masking.
  PAVISE_CHECK(bits > 0 && bits % 8 == 0 && bits <= 65536);
  const HmacSha256 hmac(key);
  const Bytes size_field = ByteWriter().be(static_cast<std::uint32_t>(bits)).take();
  const std::byte zero[1] = {};
  SecretBytes out(bits / 8);
  std::uint32_t counter = 0;
  for (std::size_t at = 0; at < out.size();) {
    const Bytes count_field = ByteWriter().be(++counter).take();
    Digest256 block =
        hmac.mac({count_field, as_bytes(label), zero, context_u, context_v, size_field});
    const std::size_t n = std::min(block.size(), out.size() - at);
    std::copy_n(block.begin(), n, out.span().begin() + static_cast<std::ptrdiff_t>(at));
    wipe(block);
    at += n;
  }
  return out;
}

Result<Bytes> aes_cfb_encrypt(ByteView key, ByteView plain) {
  const EVP_CIPHER* const cipher = cfb_cipher(key.size());
  if (cipher == nullptr) return Error(kCryptoFailed, "AES key of a wrong size");
  if (plain.size() > INT_MAX) return Error(kCryptoFailed, "AES input too long");
  constexpr unsigned char kZeroIv[16] = {};
  const CipherContext context(EVP_CIPHER_CTX_new());
  PAVISE_CHECK(context);
  Bytes out(plain.size());
  int written = 0;
  if (EVP_EncryptInit_ex2(context.get(), cipher, as_uchar(key), kZeroIv, nullptr) != 1 ||
      EVP_EncryptUpdate(context.get(), as_uchar(std::span<std::byte>(out)), &written,
                        as_uchar(plain), static_cast<int>(plain.size())) != 1 ||
      written != static_cast<int>(plain.size()))
    return fail(kCryptoFailed, "AES-CFB");
  return out;
}

}  // namespace pavise::crypto

#pragma clang diagnostic pop
