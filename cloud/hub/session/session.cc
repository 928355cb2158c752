#include "cloud/hub/session/session.h"

#include <algorithm>

#include "cloud/hub/session/twin_status.h"
#include "protocol/iothub/property_bag.h"
#include "protocol/iothub/username.h"
#include "protocol/mqtt/encode.h"

namespace pavise::hub {
namespace {

bool same_host(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

void add_property(std::string& encoded_bag, std::string_view pair) {
  if (!encoded_bag.empty()) encoded_bag.push_back('&');
  encoded_bag.append(pair);
}

// The own telemetry topic, or why not.
Result<std::string_view> own_property_bag(std::string_view topic, const DeviceId& device) {
  PAVISE_TRY_ASSIGN(const auto parsed, iothub::parse_device_topic(topic));
  const auto* telemetry = std::get_if<iothub::TelemetryTopic>(&parsed);
  if (telemetry == nullptr || telemetry->device != device.text() || telemetry->module_id)
    return kTopicNotAllowed;
  return telemetry->property_bag;
}

std::int64_t server_keep_alive_ms(std::uint16_t keep_alive_s) {
  if (keep_alive_s == 0) return kKeepAliveMaxMs;
  return std::min<std::int64_t>(std::int64_t{keep_alive_s} * 1500, kKeepAliveMaxMs);
}

}  // namespace

Session::Session(const std::string& host_name, security::AdmittedDevice identity, SessionPort& port,
                 SessionNow now)
    : host_name_(host_name),
      identity_(std::move(identity)),
      port_(port),
      last_packet_ms_(now.steady_ms),
      last_wall_ms_(now.wall_ms) {
  set_deadline(now);
}

Session::~Session() = default;

void Session::on_bytes(ByteView bytes, SessionNow now, Bytes& out) {
  if (closed_) return;
  last_wall_ms_ = now.wall_ms;
  stream_.feed(bytes);
  for (;;) {
    const auto packet = stream_.next();
    if (!packet) return close(packet.error());
    if (!*packet) break;
    if (connected_) last_packet_ms_ = now.steady_ms;  // [MQTT-3.1.2-24]: whole packets count
    handle(**packet, now, out);
    if (closed_) return;
  }
  set_deadline(now);
}

struct Session::PacketHandler {
  Session& session;
  SessionNow now;
  Bytes& out;

  void operator()(const mqtt::Connect&) const { session.close(kSecondConnect); }  // [3.1.0-2]
  void operator()(const mqtt::Publish& p) const { session.handle_publish(p, now, out); }
  void operator()(const mqtt::Subscribe& p) const { session.handle_subscribe(p, out); }
  void operator()(const mqtt::Unsubscribe& p) const { session.handle_unsubscribe(p, out); }
  void operator()(const mqtt::PingReq&) const { session.send(mqtt::PingResp{}, out); }
  void operator()(const mqtt::PubAck&) const {}  // nothing is sent with QoS 1 yet
  void operator()(const mqtt::Disconnect&) const {
    session.will_.reset();  // [MQTT-3.14.4-3]
    session.close(kClientDisconnected);
  }
  template <class Other>
  void operator()(const Other&) const {
    session.close(kUnexpectedPacket);
  }
};

void Session::handle(const mqtt::Packet& packet, SessionNow now, Bytes& out) {
  if (connected_) return std::visit(PacketHandler{*this, now, out}, packet);
  const auto* connect = std::get_if<mqtt::Connect>(&packet);
  if (connect == nullptr) return close(kFirstPacketNotConnect);  // [MQTT-3.1.0-1]
  handle_connect(*connect, now, out);
}

Status Session::check_connect(const mqtt::Connect& connect, mqtt::ConnectCode& code) {
  using enum mqtt::ConnectCode;
  code = unacceptable_protocol_version;  // [MQTT-3.1.2-2]
  if (connect.protocol_level != mqtt::kProtocolLevel311)
    return Error(kBadProtocolLevel, "level " + std::to_string(connect.protocol_level));
  code = identifier_rejected;  // [MQTT-3.1.3-8], [MQTT-3.1.3-9]
  if (connect.client_id.empty()) return Error(kClientIdMismatch, "empty");
  code = not_authorized;
  if (connect.client_id != identity_.device.text()) return kClientIdMismatch;
  code = bad_user_name_or_password;
  if (!connect.username) return Error(iothub::kBadUsername, "none sent");
  PAVISE_TRY_ASSIGN(const auto username, iothub::Username::parse(*connect.username));
  code = not_authorized;
  if (!same_host(username.host(), host_name_)) return kWrongHost;
  if (username.client_id() != connect.client_id) return kClientIdMismatch;
  if (connect.will) PAVISE_TRY(take_will(*connect.will));
  code = accepted;
  return {};
}

Status Session::take_will(const mqtt::Will& will) {
  const auto bag = own_property_bag(will.topic, identity_.device);
  if (!bag) return kWillNotAllowed;
  PAVISE_TRY(iothub::PropertyBag::parse(*bag));
  will_ = std::make_unique<StoredWill>();
  will_->properties = *bag;
  add_property(will_->properties, "iothub-MessageType=Will");
  if (will.retain) add_property(will_->properties, "mqtt-retain=true");
  will_->payload = to_bytes(will.payload);
  return {};
}

void Session::handle_connect(const mqtt::Connect& connect, SessionNow now, Bytes& out) {
  mqtt::ConnAck answer;
  const Status checked = check_connect(connect, answer.code);
  if (!checked) {
    will_.reset();
    send(answer, out);
    return close(checked.error());
  }
  connected_ = true;
  clean_session_ = connect.clean_session;
  last_packet_ms_ = now.steady_ms;
  keep_alive_ms_ = server_keep_alive_ms(connect.keep_alive_s);
  stream_.set_packet_size_max(mqtt::kPacketSizeMaxDefault);
  port_.announce(identity_.device);
  if (clean_session_) {
    port_.store_subscriptions(identity_.device, std::nullopt);  // [MQTT-3.1.2-6]
  } else if (const auto stored = port_.load_subscriptions(identity_.device)) {
    subscriptions_ = *stored;       // [MQTT-3.1.2-4]
    answer.session_present = true;  // [MQTT-3.2.2-2]
  } else {
    remember_subscriptions();
  }
  send(answer, out);
}

void Session::handle_publish(const mqtt::Publish& publish, SessionNow now, Bytes& out) {
  if (publish.qos == mqtt::QoS::exactly_once) return close(kQos2);
  const auto topic = iothub::parse_device_topic(publish.topic);
  if (!topic) return close(topic.error());
  if (const auto* telemetry = std::get_if<iothub::TelemetryTopic>(&*topic)) {
    if (telemetry->device != identity_.device.text() || telemetry->module_id)
      return close(kTopicNotAllowed);
    if (const Status done = handle_telemetry(publish, telemetry->property_bag, now); !done)
      close(done.error());
    return;
  }
  if (const auto* get = std::get_if<iothub::TwinGetTopic>(&*topic)) {
    request_twin(TwinCommand::Kind::get, get->request_id, std::nullopt, {}, out);
  } else if (const auto* patch = std::get_if<iothub::ReportedPatchTopic>(&*topic)) {
    request_twin(TwinCommand::Kind::merge_reported, patch->request_id, patch->if_version,
                 publish.payload, out);
  } else {
    return close(kTopicNotAllowed);  // no method was called
  }
  // Twin requests are answered by their own message; QoS 1 only asks that they arrived.
  if (publish.qos == mqtt::QoS::at_least_once) mqtt::encode_puback(publish.packet_id, out);
}

Status Session::handle_telemetry(const mqtt::Publish& publish, std::string_view property_bag,
                                 SessionNow now) {
  if (publish.payload.size() > mqtt::kTelemetryPayloadMax) return kMessageTooLarge;
  std::string with_retain;
  if (!property_bag.empty()) PAVISE_TRY(iothub::PropertyBag::parse(property_bag));
  if (publish.retain) {
    with_retain = property_bag;
    add_property(with_retain, "mqtt-retain=true");
    property_bag = with_retain;
  }
  PAVISE_TRY_ASSIGN(const std::uint64_t number,
                    port_.append({now.wall_ms, identity_.tenant.text(), identity_.device.text(),
                                  property_bag, publish.payload}));
  // QoS 0 waits here, too (packet id 0): what a client may have under way is bounded either way.
  const auto bytes = static_cast<std::uint32_t>(publish.payload.size());
  pending_acks_.push_back({number, bytes, publish.packet_id});
  unacked_bytes_ += bytes;
  return {};
}

void Session::on_durable(std::uint64_t number_end, Bytes& out) {
  if (closed_) return;
  while (acks_done_ < pending_acks_.size() && pending_acks_[acks_done_].number < number_end) {
    const PendingAck& done = pending_acks_[acks_done_];
    if (done.packet_id != 0) mqtt::encode_puback(done.packet_id, out);  // in order [MQTT-4.6.0-2]
    unacked_bytes_ -= done.bytes;
    ++acks_done_;
  }
  if (acks_done_ == pending_acks_.size()) {
    // Keep a small vector; give a large one back.
    if (pending_acks_.capacity() > 8) std::vector<PendingAck>().swap(pending_acks_);
    pending_acks_.clear();
    acks_done_ = 0;
  } else if (acks_done_ >= kUnackedMessagesMax) {
    pending_acks_.erase(pending_acks_.begin(),
                        pending_acks_.begin() + static_cast<std::ptrdiff_t>(acks_done_));
    acks_done_ = 0;
  }
}

void Session::on_not_stored(std::uint64_t begin, std::uint64_t end) {
  for (std::size_t i = acks_done_; i < pending_acks_.size(); ++i) {
    const PendingAck& pending = pending_acks_[i];
    if (pending.packet_id != 0 && pending.number >= begin && pending.number < end)
      return close(kNotStored);
  }
}

bool Session::wants_input() const {
  return pending_acks_.size() - acks_done_ < kUnackedMessagesMax &&
         unacked_bytes_ < kUnackedBytesMax;
}

void Session::request_twin(TwinCommand::Kind kind, std::string_view request_id,
                           std::optional<std::uint64_t> if_version, ByteView body, Bytes& out) {
  if (pending_twins_.size() >= kTwinRequestsMax)
    return answer_twin(kTooManyRequests.status, request_id, std::nullopt,
                       twin::error_body(kTooManyRequests.error_code, "too many twin requests"),
                       out);
  if (body.size() > twin::kPatchTextMax) {
    const TwinStatus refused = twin_status(twin::kPatchTooLarge);
    return answer_twin(refused.status, request_id, std::nullopt,
                       twin::error_body(refused.error_code, Error(twin::kPatchTooLarge).message()),
                       out);
  }
  const std::uint32_t token = next_token_++;
  pending_twins_.push_back({token, std::string(request_id), kind == TwinCommand::Kind::get});
  port_.ask_twin({kind, identity_.device, std::string(as_text(body)), if_version}, token);
}

void Session::on_twin_answer(std::uint32_t token, const Result<TwinAnswer>& answer, Bytes& out) {
  if (closed_) return;
  const auto found = std::ranges::find(pending_twins_, token, &PendingTwin::token);
  if (found == pending_twins_.end()) return;
  const PendingTwin request = std::move(*found);
  pending_twins_.erase(found);
  if (!answer) {
    // The clients look at the body only, not at the status in the topic (reference 0).
    const TwinStatus status = twin_status(answer.error().info());
    answer_twin(status.status, request.request_id, std::nullopt,
                twin::error_body(status.error_code, answer.error().message()), out);
  } else if (request.is_get) {
    answer_twin(200, request.request_id, std::nullopt, answer->body, out);
  } else {
    answer_twin(204, request.request_id, answer->version, {}, out);
  }
}

void Session::answer_twin(int status, std::string_view request_id,
                          std::optional<std::uint64_t> version, std::string_view body, Bytes& out) {
  if (!is_subscribed(iothub::Subscription::twin_responses)) return;
  const std::string topic = iothub::twin_response_topic(status, request_id, version);
  send(mqtt::Publish{.topic = topic, .payload = as_bytes(body)}, out);
}

void Session::on_desired_changed(std::uint64_t version, std::string_view body, Bytes& out) {
  if (closed_ || !connected_ || !is_subscribed(iothub::Subscription::desired_patches)) return;
  const std::string topic = iothub::desired_patch_topic(version);
  send(mqtt::Publish{.topic = topic, .payload = as_bytes(body)}, out);
}

void Session::handle_subscribe(const mqtt::Subscribe& subscribe, Bytes& out) {
  mqtt::SubAck answer{subscribe.packet_id, {}};
  for (const auto& [filter, qos] : subscribe.topics) {
    const auto known = iothub::parse_subscription(filter, identity_.device.text());
    if (!known) {
      answer.codes.push_back(mqtt::kSubscribeFailure);
      continue;
    }
    subscriptions_ |= static_cast<SubscriptionSet>(*known);
    // Quality of service 2 is granted as 1 (reference A4).
    answer.codes.push_back(qos == mqtt::QoS::at_most_once ? 0 : 1);
  }
  remember_subscriptions();
  send(answer, out);
}

void Session::handle_unsubscribe(const mqtt::Unsubscribe& unsubscribe, Bytes& out) {
  for (const std::string_view filter : unsubscribe.filters)
    if (const auto known = iothub::parse_subscription(filter, identity_.device.text()))
      subscriptions_ &= static_cast<SubscriptionSet>(~static_cast<unsigned>(*known));
  remember_subscriptions();
  send(mqtt::UnsubAck{unsubscribe.packet_id}, out);  // [MQTT-3.10.4-5]: also if nothing matched
}

void Session::remember_subscriptions() {
  if (!clean_session_) port_.store_subscriptions(identity_.device, subscriptions_);
}

bool Session::is_subscribed(iothub::Subscription subscription) const {
  return (subscriptions_ & static_cast<SubscriptionSet>(subscription)) != 0;
}

void Session::send(const mqtt::Packet& packet, Bytes& out) {
  const Status encoded = mqtt::encode(packet, out);
  PAVISE_CHECK(encoded.has_value());  // built from parts that were checked on the way in
}

void Session::set_deadline(SessionNow now) {
  const std::int64_t certificate_left_ms = identity_.not_after * 1000 - now.wall_ms;
  deadline_ms_ = std::min(last_packet_ms_ + keep_alive_ms_, now.steady_ms + certificate_left_ms);
}

void Session::on_time(SessionNow now) {
  if (closed_) return;
  last_wall_ms_ = now.wall_ms;
  // Asked anew of the wall clock each time: it may have been set.
  if (now.wall_ms >= identity_.not_after * 1000) return close(kCertificateEnded);
  if (now.steady_ms >= last_packet_ms_ + keep_alive_ms_)
    return close(connected_ ? kKeepAliveTimeout : kConnectTimeout);
  set_deadline(now);
}

void Session::close(Error reason) {
  if (closed_) return;
  closed_ = std::move(reason);
  pending_acks_.clear();
  acks_done_ = 0;
  pending_twins_.clear();
  if (!will_) return;
  // If the log refuses, there is nobody left to tell.
  const auto stored = port_.append({last_wall_ms_, identity_.tenant.text(), identity_.device.text(),
                                    will_->properties, will_->payload});
  (void)stored.has_value();
  will_.reset();
}

}  // namespace pavise::hub
