#include "cloud/hub/access/x509_check.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "cloud/hub/access/errors.h"
#include "common/crypto/crypto.h"
#include "common/crypto/openssl.h"

namespace pavise::hub {
namespace {

using StorePtr = crypto::Owned<X509_STORE, X509_STORE_free>;
using ContextPtr = crypto::Owned<X509_STORE_CTX, X509_STORE_CTX_free>;

void free_stack(STACK_OF(X509) * stack) {
  sk_X509_pop_free(stack, X509_free);
}
using StackPtr = crypto::Owned<STACK_OF(X509), free_stack>;

}  // namespace

Result<LeafFacts> leaf_facts(ByteView leaf_der) {
  const crypto::OwnedX509 leaf = crypto::read_certificate(leaf_der);
  if (leaf == nullptr) return kUnreadableCertificate;
  LeafFacts out;
  const auto not_before = crypto::unix_time(X509_get0_notBefore(leaf.get()));
  const auto not_after = crypto::unix_time(X509_get0_notAfter(leaf.get()));
  if (!not_before || !not_after) return kUnreadableCertificate;
  out.not_before_ms = *not_before * 1000;
  out.not_after_ms = *not_after * 1000;
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
  const crypto::OwnedX509 leaf = crypto::read_certificate(chain_der.front());
  if (leaf == nullptr) return kUnreadableCertificate;
  const StackPtr between(sk_X509_new_null());
  for (const Bytes& der : chain_der.subspan(1)) {
    crypto::OwnedX509 further = crypto::read_certificate(der);
    if (further == nullptr) return kUnreadableCertificate;
    if (sk_X509_push(between.get(), further.get()) <= 0) return kUnreadableCertificate;
    [[maybe_unused]] const X509* owned_by_stack = further.release();
  }
  const StorePtr store(X509_STORE_new());
  for (const Bytes& der : trusted_der) {
    const crypto::OwnedX509 trusted = crypto::read_certificate(der);
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
  return crypto::constant_time_equal(crypto::sha256(leaf_der), thumbprint) ||
         crypto::constant_time_equal(crypto::sha1(leaf_der), thumbprint);
}

}  // namespace pavise::hub
