// A blocking MQTT client over mutual TLS, for tests and benchmarks. Every wait has a time limit.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>

#include "cloud/hub/transport/socket.h"
#include "cloud/hub/transport/testing/pki.h"
#include "protocol/mqtt/packet_stream.h"

namespace pavise::hub::testing {

// Settings that many connections share: what it trusts, who it is.
class ClientContext {
 public:
  ClientContext(const std::string& trusted_ca_pem, const Identity* identity,
                int max_tls_version = TLS1_3_VERSION);
  SSL_CTX* get() const { return context_.get(); }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
};

// A TCP connection to 127.0.0.1; the caller closes it. -1 if it failed.
int connect_plain(std::uint16_t port);

using SavedSession = std::shared_ptr<SSL_SESSION>;

class TestClient {
 public:
  // Connects TCP and TLS to 127.0.0.1; tls_ok() tells whether that worked.
  TestClient(const ClientContext& context, std::uint16_t port, const SavedSession& resume = {});
  ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  bool tls_ok() const { return tls_ok_; }
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  SavedSession session() const;  // to resume with; after something was received
  SSL* ssl() const { return ssl_.get(); }
  int fd() const { return socket_.get(); }

  bool send(const mqtt::Packet& packet);
  bool send_raw(ByteView bytes);  // plain bytes into TLS
  // The next packet; nullopt if the connection ended or nothing came within `timeout_ms`.
  // It is valid until the next call.
  std::optional<mqtt::Packet> receive(int timeout_ms = 5'000);
  // True if the server ended the connection within the time; packets before that are dropped.
  bool ended(int timeout_ms = 5'000);

  // CONNECT as `id`; the return code, or nullopt if there was none.
  std::optional<mqtt::ConnectCode> connect(const std::string& id, bool clean = true,
                                           std::string_view token = {},
                                           std::uint16_t keep_alive_s = 60);

 private:
  bool read_more(int timeout_ms);

  Socket socket_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  bool tls_ok_ = false;
  bool timed_out_ = false;
  Bytes buffer_;
  mqtt::PacketStream stream_{SIZE_MAX};
};

}  // namespace pavise::hub::testing
