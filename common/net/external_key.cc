#include "common/net/external_key.h"

#include <openssl/ec.h>
#include <openssl/err.h>

#include "common/net/errors.h"

// EC_KEY_METHOD is deprecated in favour of writing a whole OpenSSL provider, which takes some
// thousand lines to offer this one operation. OpenSSL 3.0 to 3.x honour it ("foreign" keys), and
// the handshake tests beside this file would show at once if a later version did not.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

namespace pavise::net {
namespace {

struct Holder {
  DigestSigner sign;
  std::shared_ptr<std::optional<Error>> last_error;
};

void free_holder(void*, void* holder, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Holder*>(holder);
}

int holder_index() {
  static const int index =
      EC_KEY_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_holder);  // process-wide
  return index;
}

int sign_digest(int, const unsigned char* digest, int digest_size, unsigned char* out,
                unsigned int* out_size, const BIGNUM*, const BIGNUM*, EC_KEY* key) {
  auto* holder = static_cast<Holder*>(EC_KEY_get_ex_data(key, holder_index()));
  Digest256 hash{};
  if (holder == nullptr || digest_size != static_cast<int>(hash.size())) return 0;
  std::memcpy(hash.data(), digest, hash.size());
  auto signature = holder->sign(hash);
  if (!signature) {
    *holder->last_error = std::move(signature).error();
    return 0;
  }
  // OpenSSL gave us a buffer of ECDSA_size() bytes.
  if (signature->size() > static_cast<std::size_t>(ECDSA_size(key))) return 0;
  std::memcpy(out, signature->data(), signature->size());
  *out_size = static_cast<unsigned int>(signature->size());
  return 1;
}

EC_KEY_METHOD* make_method() {
  EC_KEY_METHOD* made = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
  if (made != nullptr) EC_KEY_METHOD_set_sign(made, &sign_digest, nullptr, nullptr);
  return made;
}

const EC_KEY_METHOD* method() {
  static const EC_KEY_METHOD* const made = make_method();  // lives as long as the process
  return made;
}

// A type of its own: the free function is deprecated, and here that is allowed.
struct EcKeyFree {
  void operator()(EC_KEY* key) const { EC_KEY_free(key); }
};

}  // namespace

Result<ExternalKey> make_external_key(const X509* certificate, DigestSigner sign) {
  EVP_PKEY* public_key = X509_get0_pubkey(certificate);
  const EC_KEY* point = public_key == nullptr ? nullptr : EVP_PKEY_get0_EC_KEY(public_key);
  if (point == nullptr || EC_GROUP_get_curve_name(EC_KEY_get0_group(point)) != NID_X9_62_prime256v1)
    return Error(kBadOptions, "the client certificate's key is not P-256");
  if (!sign) return Error(kBadOptions, "no signer for the client certificate's key");

  const std::unique_ptr<EC_KEY, EcKeyFree> key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  auto holder =
      std::make_unique<Holder>(Holder{std::move(sign), std::make_shared<std::optional<Error>>()});
  ExternalKey out{.key{EVP_PKEY_new()}, .last_error = holder->last_error};
  // set_method clears what an earlier method attached, so it comes first.
  if (key == nullptr || out.key == nullptr || method() == nullptr ||
      EC_KEY_set_method(key.get(), method()) != 1 ||
      EC_KEY_set_public_key(key.get(), EC_KEY_get0_public_key(point)) != 1 ||
      EC_KEY_set_ex_data(key.get(), holder_index(), holder.get()) != 1) {
    ERR_clear_error();
    return Error(kBadOptions, "the client key cannot be set up");
  }
  [[maybe_unused]] const Holder* owned_by_key = holder.release();
  if (EVP_PKEY_set1_EC_KEY(out.key.get(), key.get()) != 1)
    return Error(kBadOptions, "the client key cannot be set up");
  return out;
}

}  // namespace pavise::net

#pragma clang diagnostic pop
