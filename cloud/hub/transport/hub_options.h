// What the hub can be told, and the limits it keeps.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cloud/hub/events/retention.h"
#include "cloud/hub/ports/activity.h"
#include "cloud/hub/ports/http_port.h"
#include "cloud/hub/transport/tls.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "protocol/iothub/identity.h"

namespace pavise::hub {

// Ciphertext that waits because the client does not read, besides the one piece that found nothing
// waiting: sessions bound a piece, and hold back the next while the client does not read. Beyond it
// the connection is closed.
inline constexpr std::size_t kOutboundBytesMax = 256UL * 1024;
// Bodies of HTTP requests on their way, of all connections of one thread.
inline constexpr std::size_t kHttpBodiesBytesMax = 64UL * 1024 * 1024;
// The share of them that parts of files may have: an upload over a slow line takes its time.
inline constexpr std::size_t kHttpFileBodiesBytesMax = 48UL * 1024 * 1024;
// From accept to the end of the TLS handshake.
inline constexpr std::int64_t kHandshakeTimeoutMs = 10'000;
// Unacknowledged data or keep-alive probes: the peer is gone.
inline constexpr int kPeerGoneMs = 30'000;

// What a listener speaks inside TLS.
enum class Protocol : std::uint8_t { mqtt, amqp, https };

// Of what a client claims before it is believed; the rest is cut off.
inline constexpr std::size_t kClaimedSizeMax = 256;

// For the log. Views are borrowed.
struct HubEvent {
  std::string device = {};    // "thermo" or "thermo/m1"; as claimed, if that was refused
  std::string_view hub = {};  // empty before the protocol named one
  const TenantId* tenant = nullptr;
  bool let_in = false;                 // it has proved who it is
  std::string_view peer_address = {};  // "127.0.0.1:40000"
  std::string connection_id = {};      // not used twice while the process lives
  Spoken protocol = Spoken::mqtt;
  std::string_view tracking_id = {};  // that the client was told
  const Error* reason = nullptr;      // null for a new session
};

struct HubOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8883;                              // MQTT; 0: any free one
  std::optional<std::uint16_t> amqp_port = std::nullopt;  // AMQP 1.0; nullopt: not served
  // HTTPS and WebSockets; nullopt: not served. Needs `http`.
  std::optional<std::uint16_t> https_port = std::nullopt;
  HttpServing* http = nullptr;           // who answers HTTP calls; must outlive the hub
  const Retention* retention = nullptr;  // what readers still see; must outlive the hub
  std::string certificate_chain_pem;
  SecretBytes private_key_pem;
  unsigned threads = 0;  // 0: one per processor
  std::size_t connections_max = 50'000;
  std::size_t handshakes_max = 4'096;  // connections that have not yet sent CONNECT, per thread
  // Called on the hub's threads; must not block. May be empty.
  std::function<void(const HubEvent&)> on_session = {};
  std::function<void(const HubEvent&)> on_closed = {};
  // Links, messages and tokens that were refused; connections that are refused are closed.
  std::function<void(const HubEvent&)> on_refused = {};
};

}  // namespace pavise::hub
