// One device of the fleet: a TLS connection that never blocks, and what it has under way.
#pragma once

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>

#include "common/base/bytes.h"
#include "common/base/unique_fd.h"
#include "protocol/mqtt/packet_stream.h"

namespace pavise::bench {

class Device {
 public:
  using Session = std::shared_ptr<SSL_SESSION>;
  enum class State { closed, connecting, ready, failed };

  Device(std::string id, std::string username, std::string token)
      : id_(std::move(id)), username_(std::move(username)), token_(std::move(token)) {}

  const std::string& id() const { return id_; }
  State state() const { return state_; }
  int fd() const { return socket_.get(); }
  bool resumed() const { return ssl_ && SSL_session_reused(ssl_.get()) == 1; }
  bool busy() const { return busy_; }
  std::uint64_t messages() const { return messages_; }
  // What the loop must wait for.
  bool wants_write() const { return wants_write_; }

  // Begins to connect; resumes the kept session if told so.
  void connect(SSL_CTX* context, std::uint16_t port, bool resume);
  void drop();
  // Each begins one operation, with which the device is busy until it is answered.
  void subscribe();
  void send_telemetry();
  void report(std::uint32_t value);
  void read_twin();

  // The socket is ready. Returns how many operations were answered as they should be. After a wrong
  // answer, or the end of the connection, the state is `failed`.
  int on_ready();

 private:
  void shake_hands();
  int read();
  bool take(const mqtt::Packet& packet);
  bool take_publish(const mqtt::Publish& publish);
  void send(const mqtt::Packet& packet);
  void flush();

  const std::string id_;
  const std::string username_;
  const std::string token_;
  State state_ = State::closed;
  UniqueFd socket_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  Session session_;
  mqtt::PacketStream stream_;
  Bytes out_;
  std::uint64_t messages_ = 0;
  bool shaken_ = false;
  bool wants_write_ = false;
  bool busy_ = false;
};

}  // namespace pavise::bench
