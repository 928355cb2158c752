// TLS 1.2 and 1.3 for the hub's device port, over OpenSSL, without sockets: ciphertext goes in and
// out as bytes, so that one receive and one send per turn of the loop carry many records.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::hub {

// Certificates a client may send in all.
inline constexpr long kPeerCertificatesBytesMax = 16L * 1024;

struct TlsServerOptions {
  std::string certificate_chain_pem;  // leaf first
  SecretBytes private_key_pem;
  std::size_t session_cache_max = 50'000;
  long session_lifetime_s = 24L * 3600;  // no longer than a device certificate
  // A resumed connection gets a fresh session only if its own is at least this old: making one
  // costs time and a place in the cache at every reconnect.
  long session_renew_age_s = 12L * 3600;
};

// The server's side that all connections share. A client certificate is required; it is trusted if
// one of the issuers signed it (partial chain). Sessions are kept in a cache in memory and carry
// the client's certificate, so that a resumed connection has the same identity. Thread-safe.
class TlsServer {
 public:
  // kHubStartFailed with the reason.
  static Result<std::unique_ptr<TlsServer>> create(const TlsServerOptions& options);
  // Trusts this issuer from the next handshake on. kTlsFailed if it is not a certificate.
  Status add_issuer(ByteView certificate_der);
  SSL_CTX* context() const { return context_.get(); }
  long session_renew_age_s() const { return session_renew_age_s_; }

 private:
  using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
  TlsServer(Context context, long session_renew_age_s)
      : context_(std::move(context)), session_renew_age_s_(session_renew_age_s) {}
  Context context_;
  const long session_renew_age_s_;
};

// One connection. Not thread-safe.
class TlsStream {
 public:
  enum class Step { need_more, done, failed };

  explicit TlsStream(const TlsServer& server);  // must outlive the stream
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;
  ~TlsStream();

  // All take ciphertext from the front of `in` and append ciphertext to `out`.
  Step handshake(ByteView& in, Bytes& out);
  // done: `size` bytes were put into `plain`. need_more: `in` is used up.
  Step read(ByteView& in, std::span<std::byte> plain, std::size_t& size, Bytes& out);
  Step write(ByteView plain, Bytes& out);
  void close_notify(Bytes& out);

  // Why a step failed, in words.
  const std::string& failure() const { return failure_; }
  bool resumed() const;
  // The client's certificate, DER, also after resumption. Empty before the handshake is done.
  ByteView peer_leaf() const;

 private:
  static int bio_read(BIO* bio, char* out, int size);
  static int bio_write(BIO* bio, const char* in, int size);
  static long bio_ctrl(BIO* bio, int command, long number, void* pointer);
  static const BIO_METHOD* bio_method();
  Step fail(int outcome);
  void decide_on_ticket();

  const TlsServer& server_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  ByteView* in_ = nullptr;
  Bytes* out_ = nullptr;
  std::string failure_;
};

}  // namespace pavise::hub
