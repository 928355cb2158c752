// TLS 1.2 and 1.3 for the hub's ports, over OpenSSL, without sockets: ciphertext goes in and out as
// bytes, so that one receive and one send per turn of the loop carry many records.
//
// A client certificate is asked for and not required: clients with tokens have none, and those with
// a self-signed one are known by its thumbprint. TLS only proves that the client holds the key of
// what it sent; whether that certificate means anything is decided where the protocol names an
// identity (Gatekeeper).
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::hub {

// Certificates a client may send in all, and how many.
inline constexpr long kPeerCertificatesBytesMax = 16L * 1024;
inline constexpr std::size_t kPeerCertificatesMax = 4;
// A larger RSA key only costs the hub time to verify.
inline constexpr int kPeerKeyBitsMax = 4096;

struct TlsServerOptions {
  std::string certificate_chain_pem;  // leaf first
  SecretBytes private_key_pem;
  std::size_t session_cache_max = 50'000;
  long session_lifetime_s = 24L * 3600;  // no longer than a device certificate
  // A resumed connection gets a fresh session only if its own is at least this old: making one
  // costs time and a place in the cache at every reconnect.
  long session_renew_age_s = 12L * 3600;
};

// The client's certificates as they came, DER, leaf first.
using PeerChain = std::vector<Bytes>;

// The server's side that all connections share. Sessions are kept in a cache in memory and carry
// the client's certificates, so that a resumed connection has the same identity. Thread-safe.
class TlsServer {
 public:
  // kHubStartFailed with the reason.
  static Result<std::unique_ptr<TlsServer>> create(const TlsServerOptions& options);
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
  // Also after resumption. Empty: the client sent none. Precondition: the handshake is done.
  const PeerChain& peer_chain() const;
  // The host name that the client asked for (RFC 6066 section 3); empty if it did not.
  std::string_view server_name() const;

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
