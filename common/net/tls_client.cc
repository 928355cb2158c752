#include "common/net/tls_client.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <limits>

namespace pavise::net {
namespace {

using ContextPtr = crypto::Owned<SSL_CTX, SSL_CTX_free>;
using SslPtr = crypto::Owned<SSL, SSL_free>;
using BioPtr = crypto::Owned<BIO, BIO_free>;
using SessionPtr = crypto::Owned<SSL_SESSION, SSL_SESSION_free>;

bool is_address(const std::string& name) {
  in6_addr scratch{};
  return inet_pton(AF_INET, name.c_str(), &scratch) == 1 ||
         inet_pton(AF_INET6, name.c_str(), &scratch) == 1;
}

std::string utc_text(UnixSeconds at) {
  const std::time_t time = at;
  std::tm parts{};
  char text[40] = "?";
  if (gmtime_r(&time, &parts) != nullptr)
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text;
}

// One or more certificates and nothing that cannot be read.
Result<std::vector<crypto::OwnedX509>> read_trust_anchors(const std::string& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<crypto::OwnedX509> out;
  while (bio != nullptr) {
    crypto::OwnedX509 certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) break;
    out.push_back(std::move(certificate));
  }
  const unsigned long code = ERR_peek_last_error();
  // The loop ends regularly with "no start line" at the end of the text.
  const bool at_end =
      ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (out.empty() || !at_end)
    return Error(kBadOptions, "the CA file holds no readable certificate");
  return out;
}

Status add_trust_anchors(SSL_CTX* context, const std::string& pem) {
  PAVISE_TRY_ASSIGN(const std::vector<crypto::OwnedX509> anchors, read_trust_anchors(pem));
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const crypto::OwnedX509& anchor : anchors)
    if (X509_STORE_add_cert(store, anchor.get()) != 1)
      return Error(kBadOptions, crypto::last_openssl_reason());
  return {};
}

// Called for each fault of the chain, and once for each certificate without one.
int tolerate_not_yet_valid(int good, X509_STORE_CTX* context) {
  if (X509_STORE_CTX_get_error(context) != X509_V_ERR_CERT_NOT_YET_VALID) return good;
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}

std::optional<ChainValidity> validity_of(const SSL* ssl) {
  const STACK_OF(X509)* const chain = SSL_get0_verified_chain(ssl);
  const int count = chain == nullptr ? 0 : sk_X509_num(chain);
  if (count <= 0) return std::nullopt;
  ChainValidity out{std::numeric_limits<UnixSeconds>::min(),
                    std::numeric_limits<UnixSeconds>::max()};
  for (int i = 0; i < count; ++i) {
    const X509* const certificate = sk_X509_value(chain, i);
    const auto begin = crypto::unix_time(X509_get0_notBefore(certificate));
    const auto end = crypto::unix_time(X509_get0_notAfter(certificate));
    if (!begin || !end) return std::nullopt;
    out.not_before = std::max(out.not_before, *begin);
    out.not_after = std::min(out.not_after, *end);
  }
  return out;
}

Result<ExternalKey> use_identity(SSL_CTX* context, const ClientIdentity& identity) {
  crypto::OwnedX509 leaf;
  for (std::size_t i = 0; i < identity.chain_der.size(); ++i) {
    const crypto::OwnedX509 certificate = crypto::read_certificate(identity.chain_der[i]);
    const bool used = certificate != nullptr &&
                      (i == 0 ? SSL_CTX_use_certificate(context, certificate.get())
                              : SSL_CTX_add1_chain_cert(context, certificate.get())) == 1;
    if (!used) return Error(kBadOptions, "a certificate of the client's chain");
    if (i == 0 && X509_up_ref(certificate.get()) == 1) leaf.reset(certificate.get());
  }
  if (leaf == nullptr) return Error(kBadOptions, "the client's chain is empty");
  PAVISE_TRY_ASSIGN(ExternalKey key, make_external_key(leaf.get(), identity.sign));
  // The callback signs SHA-256 digests only; TLS 1.2 would let the server choose another hash.
  if (SSL_CTX_use_PrivateKey(context, key.key.get()) != 1 ||
      SSL_CTX_set1_client_sigalgs_list(context, "ECDSA+SHA256") != 1)
    return Error(kBadOptions, "the client's key and certificate");
  return key;
}

}  // namespace

Result<UnixSeconds> trust_anchors_begin(const std::string& pem) {
  PAVISE_TRY_ASSIGN(const std::vector<crypto::OwnedX509> anchors, read_trust_anchors(pem));
  UnixSeconds first = std::numeric_limits<UnixSeconds>::max();
  for (const crypto::OwnedX509& anchor : anchors) {
    const auto begin = crypto::unix_time(X509_get0_notBefore(anchor.get()));
    if (!begin) return Error(kBadOptions, "the CA file holds a certificate without a beginning");
    first = std::min(first, *begin);
  }
  return first;
}

class TlsSession {
 public:
  TlsSession(SessionPtr session, std::string server_name)
      : session_(std::move(session)), server_name_(std::move(server_name)) {}
  SSL_SESSION* get() const { return session_.get(); }
  const std::string& server_name() const { return server_name_; }

 private:
  SessionPtr session_;
  std::string server_name_;
};

struct TlsClient::Impl {
  explicit Impl(UniqueFd connected) : socket(std::move(connected)) {}

  Status set_up(const std::string& name, const TlsOptions& options);
  Status set_up_verification(const TlsOptions& options);
  Status shake_hands(Deadline deadline);
  Status judge_learned_time();
  // What an SSL_* call that returned `code` needs: ok to call it again, or the error.
  Status after(int code, Deadline deadline);
  Error failure(const ErrorInfo& otherwise);
  Error verify_error(long code);
  static int on_new_session(SSL* ssl, SSL_SESSION* session);

  UniqueFd socket;
  ContextPtr context;
  SslPtr ssl;
  std::string server_name;
  UnixSeconds validation_time = 0;
  std::shared_ptr<std::optional<Error>> signer_error;
  std::shared_ptr<const TlsSession> newest_session;
  bool broken = false;
};

int TlsClient::Impl::on_new_session(SSL* ssl, SSL_SESSION* session) {
  auto* self = static_cast<Impl*>(SSL_get_app_data(ssl));
  self->newest_session = std::make_shared<const TlsSession>(SessionPtr(session), self->server_name);
  return 1;  // we keep the reference
}

Status TlsClient::Impl::set_up(const std::string& name, const TlsOptions& options) {
  server_name = name;
  context.reset(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return Error(kBadOptions, crypto::last_openssl_reason());
  SSL_CTX* const ctx = context.get();
  SSL_CTX_set_min_proto_version(ctx, options.allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, &Impl::on_new_session);
  PAVISE_TRY(add_trust_anchors(ctx, options.trust_anchors_pem));
  if (options.identity) {
    PAVISE_TRY_ASSIGN(ExternalKey key, use_identity(ctx, *options.identity));
    signer_error = key.last_error;
  }
  ssl.reset(SSL_new(ctx));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), socket.get()) != 1)
    return Error(kBadOptions, crypto::last_openssl_reason());
  SSL_set_app_data(ssl.get(), this);
  PAVISE_TRY(set_up_verification(options));
  if (options.resume != nullptr && options.resume->server_name() == name)
    SSL_set_session(ssl.get(), options.resume->get());
  return {};
}

Status TlsClient::Impl::set_up_verification(const TlsOptions& options) {
  validation_time = options.validation_time.value_or(std::time(nullptr));
  SSL_set_verify(ssl.get(), SSL_VERIFY_PEER,
                 options.learn_time ? &tolerate_not_yet_valid : nullptr);
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_time(param, validation_time);
  X509_VERIFY_PARAM_set_hostflags(
      param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  bool set = false;
  if (is_address(server_name)) {
    set = X509_VERIFY_PARAM_set1_ip_asc(param, server_name.c_str()) == 1;
  } else {
    set = X509_VERIFY_PARAM_set1_host(param, server_name.data(), server_name.size()) == 1 &&
          SSL_set_tlsext_host_name(ssl.get(), server_name.c_str()) == 1;
  }
  if (!set || server_name.empty()) return Error(kBadOptions, "the server name to check");
  return {};
}

Error TlsClient::Impl::verify_error(long code) {
  const std::string reason = X509_verify_cert_error_string(code);
  switch (code) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {kClockOrValidity, "not valid yet; time here is " + utc_text(validation_time)};
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {kClockOrValidity, "expired; time here is " + utc_text(validation_time)};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {kNameMismatch, "expected " + server_name};
    default:
      return {kNotTrusted, reason};
  }
}

Error TlsClient::Impl::failure(const ErrorInfo& otherwise) {
  broken = true;
  const std::optional<Error> signing = signer_error == nullptr ? std::nullopt : *signer_error;
  if (signing)
    return {kSignerFailed, std::string(signing->code()) + ", " + std::string(signing->info().what)};
  const unsigned long code = ERR_peek_last_error();
  if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
    switch (ERR_GET_REASON(code)) {
      case SSL_R_CERTIFICATE_VERIFY_FAILED:
        return verify_error(SSL_get_verify_result(ssl.get()));
      case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
      case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
      case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
      case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
      case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
      case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return {kClientRejected, crypto::last_openssl_reason()};
      case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return {kClosed, "without saying so"};
      default:
        return {otherwise, crypto::last_openssl_reason()};
    }
  }
  if (errno != 0) return {otherwise, std::strerror(errno)};
  return {kClosed, "without saying so"};
}

Status TlsClient::Impl::after(int code, Deadline deadline) {
  switch (SSL_get_error(ssl.get(), code)) {
    case SSL_ERROR_WANT_READ:
      return wait_readable(socket.get(), deadline);
    case SSL_ERROR_WANT_WRITE:
      return wait_writable(socket.get(), deadline);
    default:
      return failure(kBroken);
  }
}

Status TlsClient::Impl::shake_hands(Deadline deadline) {
  while (true) {
    ERR_clear_error();
    errno = 0;
    const int code = SSL_connect(ssl.get());
    if (code == 1) return {};
    const int kind = SSL_get_error(ssl.get(), code);
    if (kind != SSL_ERROR_WANT_READ && kind != SSL_ERROR_WANT_WRITE)
      return failure(kHandshakeFailed);
    if (auto ready = after(code, deadline); !ready)
      return Error(ready.error().info(), "during the TLS handshake");
  }
}

// The beginning of a certificate was taken for the time; at that time all must be valid.
Status TlsClient::Impl::judge_learned_time() {
  const auto validity = validity_of(ssl.get());
  if (!validity) return Error(kNotTrusted, "no chain to learn the time from");
  const UnixSeconds learned = std::max(validation_time, validity->not_before);
  if (learned > validity->not_after)
    return Error(kClockOrValidity,
                 "it ends before it begins; the time cannot be " + utc_text(learned));
  return {};
}

TlsClient::TlsClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsClient::TlsClient(TlsClient&&) noexcept = default;
TlsClient& TlsClient::operator=(TlsClient&&) noexcept = default;

TlsClient::~TlsClient() {
  // After a fatal error OpenSSL forbids the call.
  if (impl_ != nullptr && impl_->ssl != nullptr && !impl_->broken) SSL_shutdown(impl_->ssl.get());
  ERR_clear_error();
}

Result<TlsClient> TlsClient::connect(const std::string& host, std::uint16_t port,
                                     const TlsOptions& options) {
  const Deadline deadline = Deadline::after(options.connect_timeout);
  PAVISE_TRY_ASSIGN(UniqueFd socket, dial(host, port, deadline));
  return connect_over(std::move(socket), host, options, deadline);
}

Result<TlsClient> TlsClient::connect_over(UniqueFd socket, const std::string& host,
                                          const TlsOptions& options, Deadline deadline) {
  auto impl = std::make_unique<Impl>(std::move(socket));
  impl->broken = true;  // until the handshake is through
  ERR_clear_error();
  auto ready = impl->set_up(options.server_name.empty() ? host : options.server_name, options);
  if (ready) ready = impl->shake_hands(deadline);
  if (ready && options.learn_time) ready = impl->judge_learned_time();
  ERR_clear_error();
  if (!ready) return ready.error();
  impl->broken = false;
  return TlsClient(std::move(impl));
}

Result<std::size_t> TlsClient::read(std::span<std::byte> out, Deadline deadline) {
  PAVISE_CHECK(!out.empty());
  if (impl_->broken) return Error(kBroken, "used after an error");
  while (true) {
    ERR_clear_error();
    errno = 0;
    std::size_t size = 0;
    const int code = SSL_read_ex(impl_->ssl.get(), out.data(), out.size(), &size);
    if (code == 1) return size;
    if (SSL_get_error(impl_->ssl.get(), code) == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
    PAVISE_TRY(impl_->after(code, deadline));
  }
}

Status TlsClient::write(ByteView bytes, Deadline deadline) {
  if (impl_->broken) return Error(kBroken, "used after an error");
  while (!bytes.empty()) {
    ERR_clear_error();
    errno = 0;
    std::size_t size = 0;
    const int code = SSL_write_ex(impl_->ssl.get(), bytes.data(), bytes.size(), &size);
    if (code == 1) {
      bytes = bytes.subspan(size);
      continue;
    }
    if (auto ready = impl_->after(code, deadline); !ready) {
      impl_->broken = true;  // part of a record may be out
      return ready;
    }
  }
  return {};
}

Result<Digest256> TlsClient::export_keying_material(std::string_view label) const {
  Digest256 out{};
  if (SSL_export_keying_material(impl_->ssl.get(), as_uchar(std::span<std::byte>(out)), out.size(),
                                 label.data(), label.size(), nullptr, 0, 0) != 1) {
    ERR_clear_error();
    return Error(kHandshakeFailed, "exporter");
  }
  return out;
}

std::optional<ChainValidity> TlsClient::server_validity() const {
  return validity_of(impl_->ssl.get());
}

bool TlsClient::resumed() const {
  return SSL_session_reused(impl_->ssl.get()) == 1;
}

std::shared_ptr<const TlsSession> TlsClient::session() const {
  return impl_->newest_session;
}

int TlsClient::fd() const {
  return impl_->socket.get();
}

bool TlsClient::has_buffered() const {
  return SSL_has_pending(impl_->ssl.get()) == 1;
}

}  // namespace pavise::net
