#include "cloud/hub/transport/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <ctime>

#include "cloud/hub/session/close_reasons.h"
#include "common/crypto/openssl.h"

namespace pavise::hub {
namespace {

using BioPtr = crypto::Owned<BIO, BIO_free_all>;
using KeyPtr = crypto::Owned<EVP_PKEY, EVP_PKEY_free>;

// SSL_get_error() wants an empty queue. It nearly always is, and seeing that costs a tenth of what
// clearing does.
void forget_old_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

Error start_error(std::string_view doing) {
  std::string detail(doing);
  detail.append(": ").append(crypto::last_openssl_reason());
  return {kHubStartFailed, std::move(detail)};
}

// --- The client's certificates travel with the session ------------------------------------------

void free_chain(void*, void* chain, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<PeerChain*>(chain);
}
// OpenSSL copies a session when it issues a further ticket for it.
int copy_chain(CRYPTO_EX_DATA*, const CRYPTO_EX_DATA*, void** chain, int, long, void*) {
  if (*chain != nullptr) *chain = new PeerChain(*static_cast<const PeerChain*>(*chain));
  return 1;
}
int chain_index() {
  static const int index =
      SSL_SESSION_get_ex_new_index(0, nullptr, nullptr, copy_chain, free_chain);
  return index;
}

bool add_certificate(PeerChain& chain, X509* certificate) {
  unsigned char* raw = nullptr;
  const int size = i2d_X509(certificate, &raw);
  if (size <= 0) return false;
  const auto view = std::as_bytes(std::span(raw, static_cast<std::size_t>(size)));
  chain.emplace_back(view.begin(), view.end());
  OPENSSL_free(raw);
  return true;
}

// Instead of OpenSSL's verification: only what TLS itself needs. Stores the encoded chain before
// any ticket refers to the session, so that resumption never decodes a certificate again.
int on_peer_chain(X509_STORE_CTX* store_context, void*) {
  auto* ssl = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(store_context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  SSL_SESSION* session = SSL_get_session(ssl);
  X509* leaf = X509_STORE_CTX_get0_cert(store_context);
  const EVP_PKEY* key = leaf == nullptr ? nullptr : X509_get0_pubkey(leaf);
  const auto refuse = [&](int why) {
    X509_STORE_CTX_set_error(store_context, why);
    return 0;
  };
  if (session == nullptr || key == nullptr)
    return refuse(X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY);
  if (EVP_PKEY_get_bits(key) > kPeerKeyBitsMax) return refuse(X509_V_ERR_EE_KEY_TOO_SMALL);
  const STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(store_context);
  if (sk_X509_num(sent) > static_cast<int>(kPeerCertificatesMax))
    return refuse(X509_V_ERR_CERT_CHAIN_TOO_LONG);
  auto chain = std::make_unique<PeerChain>();
  if (!add_certificate(*chain, leaf)) return refuse(X509_V_ERR_OUT_OF_MEM);
  for (int i = 0; i < sk_X509_num(sent); ++i) {
    X509* further = sk_X509_value(sent, i);
    if (X509_cmp(further, leaf) != 0 && !add_certificate(*chain, further))
      return refuse(X509_V_ERR_OUT_OF_MEM);
  }
  delete static_cast<PeerChain*>(SSL_SESSION_get_ex_data(session, chain_index()));
  if (SSL_SESSION_set_ex_data(session, chain_index(), chain.get()) != 1)
    return refuse(X509_V_ERR_OUT_OF_MEM);
  (void)chain.release();
  return 1;
}

// --- Server material ---------------------------------------------------------------------------

Status use_certificates(SSL_CTX* context, const std::string& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  bool first = true;
  for (;;) {
    const crypto::OwnedX509 certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) break;
    const auto used = first ? static_cast<long>(SSL_CTX_use_certificate(context, certificate.get()))
                            : SSL_CTX_add1_chain_cert(context, certificate.get());
    if (used != 1) return start_error("use the server certificate");
    first = false;
  }
  if (first) return start_error("read the server certificate");
  ERR_clear_error();  // the end of the file is reported as an error
  return {};
}

Status use_key(SSL_CTX* context, const SecretBytes& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.view().data(), static_cast<int>(pem.size())));
  // An encrypted key must fail here, not ask at a terminal.
  pem_password_cb* no_password = [](char*, int, int, void*) { return -1; };
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (key == nullptr) return start_error("read the server key");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
    return start_error("use the server key");
  return {};
}

Status configure(SSL_CTX* context, const TlsServerOptions& options) {
  constexpr std::string_view kSessionContext = "pavise-hub";
  constexpr std::uint64_t kOptions = SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE;
  SSL_CTX_set_options(context, kOptions);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_max_cert_list(context, kPeerCertificatesBytesMax);
  // No sweep over the whole cache at every 256th connection, under its lock: a session past its
  // time is refused and removed when it is asked for, and the cache is bounded in any case.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_AUTO_CLEAR);
  SSL_CTX_sess_set_cache_size(context, static_cast<long>(options.session_cache_max));
  SSL_CTX_set_timeout(context, options.session_lifetime_s);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, on_peer_chain, nullptr);
  // Without a session id context OpenSSL aborts every resumption with a client certificate.
  const bool ok = SSL_CTX_set_session_id_context(context, as_uchar(as_bytes(kSessionContext)),
                                                 kSessionContext.size()) == 1 &&
                  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
                  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
                  SSL_CTX_set_ciphersuites(context,
                                           "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:"
                                           "TLS_AES_256_GCM_SHA384") == 1 &&
                  SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1;
  if (!ok) return start_error("configure TLS");
  return {};
}

}  // namespace

Result<std::unique_ptr<TlsServer>> TlsServer::create(const TlsServerOptions& options) {
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (context == nullptr || chain_index() < 0) return start_error("create the TLS context");
  PAVISE_TRY(configure(context.get(), options));
  PAVISE_TRY(use_certificates(context.get(), options.certificate_chain_pem));
  PAVISE_TRY(use_key(context.get(), options.private_key_pem));
  return std::unique_ptr<TlsServer>(new TlsServer(std::move(context), options.session_renew_age_s));
}

// --- One connection ----------------------------------------------------------------------------

const BIO_METHOD* TlsStream::bio_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pavise hub");
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_ctrl);
    return made;
  }();
  return method;
}

int TlsStream::bio_read(BIO* bio, char* out, int size) {
  auto* self = static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self->in_ == nullptr || self->in_->empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t taken = std::min(static_cast<std::size_t>(size), self->in_->size());
  std::memcpy(out, self->in_->data(), taken);
  *self->in_ = self->in_->subspan(taken);
  return static_cast<int>(taken);
}

int TlsStream::bio_write(BIO* bio, const char* in, int size) {
  auto* self = static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self->out_ == nullptr) return -1;
  append(*self->out_, std::as_bytes(std::span(in, static_cast<std::size_t>(size))));
  return size;
}

long TlsStream::bio_ctrl(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

TlsStream::TlsStream(const TlsServer& server)
    : server_(server), ssl_(SSL_new(server.context()), SSL_free) {
  PAVISE_CHECK(ssl_ != nullptr);  // only without memory
  BIO* bio = BIO_new(bio_method());
  PAVISE_CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_accept_state(ssl_.get());
}

TlsStream::~TlsStream() {
  // Keeps the session in the cache although no close_notify was exchanged: resumption after a
  // broken connection is the common case for devices.
  SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

TlsStream::Step TlsStream::fail(int outcome) {
  const int error = SSL_get_error(ssl_.get(), outcome);
  if (error == SSL_ERROR_WANT_READ) return Step::need_more;
  if (error == SSL_ERROR_ZERO_RETURN) {
    failure_ = "the client ended TLS";
  } else {
    failure_ = crypto::last_openssl_reason();
    const long verified = SSL_get_verify_result(ssl_.get());
    if (verified != X509_V_OK)
      failure_.append(", ").append(X509_verify_cert_error_string(verified));
  }
  ERR_clear_error();
  return Step::failed;
}

// TLS 1.3 sends the ticket after the client's Finished, one turn after it is known that the session
// was resumed.
void TlsStream::decide_on_ticket() {
  if (SSL_session_reused(ssl_.get()) != 1) return;
  const long age_s =
      static_cast<long>(std::time(nullptr)) - SSL_SESSION_get_time(SSL_get_session(ssl_.get()));
  if (age_s < server_.session_renew_age_s()) SSL_set_num_tickets(ssl_.get(), 0);
}

TlsStream::Step TlsStream::handshake(ByteView& in, Bytes& out) {
  in_ = &in;
  out_ = &out;
  forget_old_errors();
  decide_on_ticket();
  const int outcome = SSL_do_handshake(ssl_.get());
  return outcome == 1 ? Step::done : fail(outcome);
}

TlsStream::Step TlsStream::read(ByteView& in, std::span<std::byte> plain, std::size_t& size,
                                Bytes& out) {
  // Nothing to decrypt: asking OpenSSL all the same would cost it a 16 KiB buffer and an error.
  if (in.empty() && SSL_has_pending(ssl_.get()) == 0) return Step::need_more;
  in_ = &in;
  out_ = &out;
  forget_old_errors();
  const int outcome = SSL_read_ex(ssl_.get(), plain.data(), plain.size(), &size);
  return outcome == 1 ? Step::done : fail(outcome);
}

TlsStream::Step TlsStream::write(ByteView plain, Bytes& out) {
  out_ = &out;
  forget_old_errors();
  std::size_t written = 0;
  const int outcome = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written);
  return outcome == 1 ? Step::done : fail(outcome);
}

void TlsStream::close_notify(Bytes& out) {
  out_ = &out;
  forget_old_errors();
  if (SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

bool TlsStream::resumed() const {
  return SSL_session_reused(ssl_.get()) == 1;
}

const PeerChain& TlsStream::peer_chain() const {
  static const PeerChain kNone;
  const SSL_SESSION* session = SSL_get_session(ssl_.get());
  const auto* chain =
      session == nullptr
          ? nullptr
          : static_cast<const PeerChain*>(SSL_SESSION_get_ex_data(session, chain_index()));
  return chain == nullptr ? kNone : *chain;
}

std::string_view TlsStream::server_name() const {
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string_view{} : name;
}

}  // namespace pavise::hub
