// A small TLS client over OpenSSL 3.0: one connection, one thread, every wait with a deadline.
//
// Programs that use it ignore SIGPIPE (a peer that closes while we write is an error, not a
// signal).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/net/errors.h"
#include "common/net/external_key.h"
#include "common/net/socket.h"

namespace pavise::net {

// What the client shows when the server asks for a certificate.
struct ClientIdentity {
  std::vector<Bytes> chain_der;  // leaf first, then its issuers, root not needed
  DigestSigner sign;             // private key of the leaf (P-256)
};

// A session that may be resumed with the same server and the same identity. Holds the resumption
// secret: keep it in memory only.
class TlsSession;

// Carried by the options, it lets a connection succeed although certificates of the server's chain
// are not valid yet: who signed them says by that that it is later than validation_time. Everything
// else is judged as ever, and the end of each certificate against the time learned. For a device
// that has no clock, where it asks for its certificate; nothing else may construct one
// (docs/adr/0016).
class LearnTimeFromServer {};

// The span in which every certificate of a verified chain is valid, its trust anchor included.
struct ChainValidity {
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;
  bool operator==(const ChainValidity&) const = default;
};

struct TlsOptions {
  std::string trust_anchors_pem = {};  // one or more certificates; nothing else is trusted
  std::string server_name = {};  // DNS name or address that the certificate must hold; empty: host
  std::optional<ClientIdentity> identity = {};
  std::optional<UnixSeconds> validation_time = {};  // instead of the wall clock
  std::optional<LearnTimeFromServer> learn_time = {};
  bool allow_tls12 = false;
  Millis connect_timeout{10'000};  // TCP and handshake together
  std::shared_ptr<const TlsSession> resume =
      {};  // ignored when it was made for another server name
};

// When the first of these trust anchors began to be valid: it is later now. kBadOptions.
Result<UnixSeconds> trust_anchors_begin(const std::string& pem);

class TlsClient {
 public:
  // Connects, shakes hands and verifies the server. Blocks up to connect_timeout (plus name look-up
  // and the signer's own time). Errors: those of dial(); kNotTrusted, kClockOrValidity,
  // kNameMismatch, kHandshakeFailed, kClientRejected, kSignerFailed, kBadOptions, kTimedOut.
  static Result<TlsClient> connect(const std::string& host, std::uint16_t port,
                                   const TlsOptions& options);
  // The same over a socket of dial() on which the peer waits for a handshake, for protocols that
  // begin without TLS. `host` is what was dialled.
  static Result<TlsClient> connect_over(UniqueFd socket, const std::string& host,
                                        const TlsOptions& options, Deadline deadline);
  TlsClient(TlsClient&&) noexcept;
  TlsClient& operator=(TlsClient&&) noexcept;
  ~TlsClient();  // sends close_notify if it can do so without waiting

  // At least one byte, or 0 when the peer closed in the regular way. kTimedOut leaves the
  // connection usable; kClientRejected (TLS 1.3 tells us only now), kBroken do not.
  Result<std::size_t> read(std::span<std::byte> out, Deadline deadline);
  // All of it. After any error, also kTimedOut, the connection is unusable.
  Status write(ByteView bytes, Deadline deadline);

  // RFC 8446 section 7.5 without context, 32 bytes. kHandshakeFailed when the stack refuses.
  Result<Digest256> export_keying_material(std::string_view label) const;

  // Of the chain that was verified; nullopt for a resumed connection, which shows none.
  std::optional<ChainValidity> server_validity() const;
  // True when the peer accepted TlsOptions::resume.
  bool resumed() const;
  // The newest session that the server offered so far; null when it offered none. TLS 1.3 servers
  // send theirs after the handshake: ask after the first read.
  std::shared_ptr<const TlsSession> session() const;
  // For poll(): readable may also mean nothing for us; has_buffered() must be asked first.
  int fd() const;
  bool has_buffered() const;

 private:
  struct Impl;
  explicit TlsClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pavise::net
