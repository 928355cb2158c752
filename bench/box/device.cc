#include "bench/box/device.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "protocol/iothub/topics.h"
#include "protocol/mqtt/encode.h"

namespace pavise::bench {
namespace {

constexpr std::size_t kPayloadBytes = 256;
constexpr std::uint16_t kPacketId = 1;  // one under way
constexpr std::string_view kRequestId = "1";
constexpr std::string_view kMethodAnswer = R"({"done":true})";
constexpr int kStatusRead = 200;
constexpr int kStatusReported = 204;

}  // namespace

void Device::connect(SSL_CTX* context, std::uint16_t port, bool resume) {
  drop();
  state_ = State::failed;
  socket_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) != 0 &&
      errno != EINPROGRESS)
    return;
  ssl_.reset(SSL_new(context));
  SSL_set_fd(ssl_.get(), socket_.get());
  SSL_set_connect_state(ssl_.get());
  if (resume && session_) SSL_set_session(ssl_.get(), session_.get());
  state_ = State::connecting;
  wants_write_ = true;  // the end of connect()
}

void Device::drop() {
  // The session stays good for resumption although the connection just ends.
  if (ssl_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  ssl_.reset();
  socket_.reset();
  stream_ = mqtt::PacketStream();
  out_.clear();
  state_ = State::closed;
  shaken_ = wants_write_ = busy_ = false;
}

void Device::shake_hands() {
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) {
    shaken_ = true;
    wants_write_ = false;
    send(mqtt::Connect{.client_id = id_, .username = username_, .password = as_bytes(token_)});
    return;
  }
  const int reason = SSL_get_error(ssl_.get(), done);
  ERR_clear_error();
  wants_write_ = reason == SSL_ERROR_WANT_WRITE;
  if (reason != SSL_ERROR_WANT_READ && !wants_write_) state_ = State::failed;
}

void Device::send(const mqtt::Packet& packet) {
  if (!mqtt::encode(packet, out_)) state_ = State::failed;
  flush();
}

void Device::flush() {
  while (!out_.empty()) {
    const int n = SSL_write(ssl_.get(), out_.data(), static_cast<int>(out_.size()));
    if (n <= 0) {
      wants_write_ = SSL_get_error(ssl_.get(), n) == SSL_ERROR_WANT_WRITE;
      ERR_clear_error();
      if (!wants_write_) state_ = State::failed;
      return;
    }
    out_.erase(out_.begin(), out_.begin() + n);
  }
  wants_write_ = false;
}

void Device::subscribe() {
  busy_ = true;
  const std::string messages = iothub::messages_filter(id_);
  send(mqtt::Subscribe{.packet_id = kPacketId,
                       .topics = {{iothub::kMethodFilter, mqtt::QoS::at_most_once},
                                  {iothub::kTwinResponseFilter, mqtt::QoS::at_most_once},
                                  {messages, mqtt::QoS::at_least_once}}});
}

void Device::send_telemetry() {
  static const Bytes payload(kPayloadBytes, std::byte{0x5A});
  busy_ = true;
  const std::string topic = iothub::telemetry_topic(id_);
  send(mqtt::Publish{
      .topic = topic, .payload = payload, .qos = mqtt::QoS::at_least_once, .packet_id = kPacketId});
}

void Device::report(std::uint32_t value) {
  busy_ = true;
  const std::string topic = iothub::reported_patch_topic(kRequestId);
  const std::string body = R"({"temperature":)" + std::to_string(value) + R"(,"state":"running"})";
  send(mqtt::Publish{.topic = topic, .payload = as_bytes(body)});
}

void Device::read_twin() {
  busy_ = true;
  const std::string topic = iothub::twin_get_topic(kRequestId);
  send(mqtt::Publish{.topic = topic});
}

int Device::on_ready() {
  if (state_ == State::connecting && !shaken_) {
    shake_hands();
    if (!shaken_) return 0;
  }
  if (wants_write_) flush();
  return state_ == State::failed ? 0 : read();
}

int Device::read() {
  Bytes buffer(16UL * 1024);
  int answered = 0;
  for (;;) {
    const int n = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (n <= 0) {
      if (SSL_get_error(ssl_.get(), n) != SSL_ERROR_WANT_READ) state_ = State::failed;
      ERR_clear_error();
      return answered;
    }
    stream_.feed(ByteView(buffer).first(static_cast<std::size_t>(n)));
    for (;;) {
      const auto next = stream_.next();
      if (!next) state_ = State::failed;
      if (!next) break;
      const std::optional<mqtt::Packet>& packet = *next;
      if (!packet) break;
      if (take(*packet)) ++answered;
    }
    if (state_ == State::failed) return answered;
  }
}

// True if the operation under way was answered as it should be.
bool Device::take(const mqtt::Packet& packet) {
  if (const auto* const publish = std::get_if<mqtt::Publish>(&packet))
    return take_publish(*publish);
  bool good = false;
  if (const auto* const connack = std::get_if<mqtt::ConnAck>(&packet)) {
    good = state_ == State::connecting && connack->code == mqtt::ConnectCode::accepted;
    state_ = State::ready;
    session_ = {SSL_get1_session(ssl_.get()), SSL_SESSION_free};
  } else if (const auto* const suback = std::get_if<mqtt::SubAck>(&packet)) {
    good = std::ranges::find(suback->codes, mqtt::kSubscribeFailure) == suback->codes.end();
  } else {
    good = std::holds_alternative<mqtt::PubAck>(packet);
  }
  if (!good) state_ = State::failed;
  busy_ = false;
  return good;
}

bool Device::take_publish(const mqtt::Publish& publish) {
  if (const auto method = iothub::parse_method_topic(publish.topic)) {
    const std::string topic = iothub::method_response_topic(200, method->request_id);
    send(mqtt::Publish{.topic = topic, .payload = as_bytes(kMethodAnswer)});
    return false;
  }
  if (publish.topic.starts_with(iothub::identity_root(id_))) {
    ++messages_;
    if (publish.qos == mqtt::QoS::at_least_once) send(mqtt::PubAck{publish.packet_id});
    return false;
  }
  const auto topic = iothub::parse_hub_topic(publish.topic);
  const auto* const answer = topic ? std::get_if<iothub::TwinResponseTopic>(&*topic) : nullptr;
  if (answer == nullptr || (answer->status != kStatusRead && answer->status != kStatusReported)) {
    state_ = State::failed;
    return false;
  }
  busy_ = false;
  return true;
}

}  // namespace pavise::bench
