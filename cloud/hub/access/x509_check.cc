#include "cloud/hub/access/x509_check.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>

#include "cloud/hub/access/errors.h"

namespace pavise::hub {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using ContextPtr = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;

void free_stack(STACK_OF(X509) * stack) {
  sk_X509_pop_free(stack, X509_free);
}
using StackPtr = std::unique_ptr<STACK_OF(X509), Deleter<free_stack>>;

X509Ptr parse(ByteView der) {
  const unsigned char* at = as_uchar(der);
  X509Ptr out(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (out == nullptr || at != as_uchar(der) + der.size()) {
    ERR_clear_error();
    return nullptr;
  }
  return out;
}

std::optional<UnixMillis> unix_ms(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return UnixMillis{timegm(&parts)} * 1000;
}

}  // namespace

Result<LeafFacts> leaf_facts(ByteView leaf_der) {
  const X509Ptr leaf = parse(leaf_der);
  if (leaf == nullptr) return kUnreadableCertificate;
  LeafFacts out;
  const auto not_before = unix_ms(X509_get0_notBefore(leaf.get()));
  const auto not_after = unix_ms(X509_get0_notAfter(leaf.get()));
  if (!not_before || !not_after) return kUnreadableCertificate;
  out.not_before_ms = *not_before;
  out.not_after_ms = *not_after;
  const X509_NAME* subject = X509_get_subject_name(leaf.get());
  int last = -1;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) last = at;
  if (last < 0) return out;
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
  if (size < 0) return kUnreadableCertificate;
  out.common_name.assign(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return out;
}

Status check_chain(std::span<const Bytes> chain_der, std::span<const Bytes> trusted_der,
                   UnixMillis now_ms) {
  if (chain_der.empty()) return kUnreadableCertificate;
  const X509Ptr leaf = parse(chain_der.front());
  if (leaf == nullptr) return kUnreadableCertificate;
  const StackPtr between(sk_X509_new_null());
  for (const Bytes& der : chain_der.subspan(1)) {
    X509Ptr further = parse(der);
    if (further == nullptr) return kUnreadableCertificate;
    if (sk_X509_push(between.get(), further.get()) <= 0) return kUnreadableCertificate;
    [[maybe_unused]] const X509* owned_by_stack = further.release();
  }
  const StorePtr store(X509_STORE_new());
  for (const Bytes& der : trusted_der) {
    const X509Ptr trusted = parse(der);
    if (trusted != nullptr) X509_STORE_add_cert(store.get(), trusted.get());
  }
  const ContextPtr context(X509_STORE_CTX_new());
  if (context == nullptr ||
      X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), between.get()) != 1)
    return Error(kUntrustedCertificate, "no memory");
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  // The owner vouches for the CA that is registered, whether or not it is a root.
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT);
  X509_VERIFY_PARAM_set_time(parameters, static_cast<time_t>(now_ms / 1000));
  X509_VERIFY_PARAM_set_auth_level(parameters, 2);  // at least 112 bits: no RSA-1024, no SHA-1
  X509_VERIFY_PARAM_set_depth(parameters, 4);
  const int verified = X509_verify_cert(context.get());
  const int why = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (verified != 1) return Error(kUntrustedCertificate, X509_verify_cert_error_string(why));
  return {};
}

bool has_thumbprint(ByteView leaf_der, ByteView thumbprint) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  if (thumbprint.size() == SHA_DIGEST_LENGTH) {
    SHA1(as_uchar(leaf_der), leaf_der.size(), digest);
  } else if (thumbprint.size() == SHA256_DIGEST_LENGTH) {
    SHA256(as_uchar(leaf_der), leaf_der.size(), digest);
  } else {
    return false;
  }
  return CRYPTO_memcmp(digest, thumbprint.data(), thumbprint.size()) == 0;
}

}  // namespace pavise::hub
