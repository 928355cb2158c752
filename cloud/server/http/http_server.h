// An HTTPS server: TLS 1.3 only, HTTP/1.1 (RFC 9112) with keep-alive and pipelining, every size and
// every wait limited. One coroutine per connection, so a peer that is slow or silent holds nothing
// but its own connection (CVE-2023-38200); handlers run on a bounded pool of their own.
//
// What is refused before a handler sees it: Transfer-Encoding (a body needs Content-Length), more
// than one Content-Length or Host, other versions than 1.1, targets in other than origin form.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cloud/server/http/message.h"
#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::server::http {

// Errors: PV-HTP-nnn. Those up to 049 are sent to the peer, the others come from start().
inline constexpr ErrorInfo kMalformedRequest{"PV-HTP-001", Retry::never,
                                             "the HTTP request is malformed",
                                             "Send a well-formed HTTP/1.1 request."};
inline constexpr ErrorInfo kHeaderTooLarge{"PV-HTP-002", Retry::never,
                                           "the request's header is too large",
                                           "Keep the header below 8 KiB and the path below 2 KiB."};
inline constexpr ErrorInfo kBodyTooLarge{"PV-HTP-003", Retry::never,
                                         "the request's body is too large",
                                         "See the limit of this listener in the API description."};
inline constexpr ErrorInfo kLengthRequired{"PV-HTP-004", Retry::never,
                                           "transfer encodings are not accepted",
                                           "Send the body with a Content-Length."};
inline constexpr ErrorInfo kVersionNotSupported{
    "PV-HTP-005", Retry::never, "this HTTP version is not spoken here", "Use HTTP/1.1."};
inline constexpr ErrorInfo kTooBusy{"PV-HTP-006", Retry::later, "too many requests are in progress",
                                    "Try again in a second."};
inline constexpr ErrorInfo kStopping{"PV-HTP-007", Retry::later, "the server is stopping",
                                     "Try again when it is back."};
inline constexpr ErrorInfo kHandlerFailed{
    "PV-HTP-008", Retry::later, "the server failed to handle the request",
    "Try again; if it persists, give the tracking id to the operator."};
inline constexpr ErrorInfo kExpectationFailed{"PV-HTP-009", Retry::never,
                                              "the Expect header is not supported",
                                              "Send the request without it."};
inline constexpr ErrorInfo kCannotListen{"PV-HTP-050", Retry::needs_operator,
                                         "the server cannot listen on its address",
                                         "Free the port or choose another one."};
inline constexpr ErrorInfo kBadIdentity{
    "PV-HTP-051", Retry::needs_operator, "the server's certificate or key cannot be used",
    "Remove the pair from the state directory; a new one is made at the next start."};

inline constexpr std::size_t kHeaderBytesMax = 8UL * 1024;  // all header fields
inline constexpr std::size_t kTargetBytesMax = 2UL * 1024;  // path and query
inline constexpr std::size_t kDeviceBodyBytesMax = 128UL * 1024;
inline constexpr std::size_t kUnjudgedBodyBytesMax = 16UL * 1024;
inline constexpr std::size_t kManagementBodyBytesMax = 1024UL * 1024;

struct Limits {
  std::size_t body_bytes_max = kManagementBodyBytesMax;
  std::size_t connections_max = 2048;
  std::size_t connections_per_peer_max = 512;  // per IPv4 address, per IPv6 /64
  std::size_t requests_in_progress_max = 256;  // handed to workers or waiting for one
  std::chrono::milliseconds handshake_timeout{10'000};
  std::chrono::milliseconds header_timeout{10'000};  // from the first byte to the empty line
  std::chrono::milliseconds body_timeout{20'000};
  std::chrono::milliseconds write_timeout{30'000};
  std::chrono::milliseconds idle_timeout{60'000};  // between requests
  std::chrono::milliseconds stop_grace{5'000};     // for requests in progress
};

// Judges a request by its head, before a body of more than kUnjudgedBodyBytesMax is read: the
// answer that refuses it, or nothing. Called on an I/O thread, several at a time: must not block.
using HeadJudge = std::function<std::optional<Response>(const Request&)>;
// A deadline of one connection. Used on that connection's strand only.
class Alarm {
 public:
  virtual ~Alarm() = default;
  // `due` is called once after `wait`, on any thread, unless set() or clear() comes first; a call
  // that is under way already may still happen. Forgets an earlier wait.
  virtual void set(std::chrono::milliseconds wait, std::function<void()> due) = 0;
  virtual void clear() = 0;
};
using AlarmMaker = std::function<std::unique_ptr<Alarm>()>;

struct Options {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;             // 0: the system chooses
  std::string certificate_chain_pem;  // leaf first
  SecretBytes private_key_pem;
  unsigned io_threads = 1;
  unsigned worker_threads = 4;
  Limits limits;
  HeadJudge judge_head;   // none: every body up to the limit is read
  AlarmMaker make_alarm;  // empty: real time
};

class HttpServer {
 public:
  // Listens and serves until stop(). `handler` is called as its type says.
  // kCannotListen: address in use or not ours. kBadIdentity: PEM unreadable or key does not match.
  //
  // Request::tls_exporter is 32 bytes of exported keying material for the label
  // "EXPORTER-pavise-attestation-v1" without context: the same in every request of a connection,
  // different in every connection.
  static Result<std::unique_ptr<HttpServer>> start(Options options, Handler handler);

  // As stop().
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;
  std::size_t connections() const;
  // Waits until at most so many are open. False after `patience`.
  bool wait_for_connections(std::size_t at_most, std::chrono::milliseconds patience) const;

  // Accepts nothing more, closes idle connections, lets requests in progress end for at most
  // Limits::stop_grace, then closes the rest. Blocks until all threads have ended. Idempotent; not
  // from a handler.
  void stop();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pavise::server::http
