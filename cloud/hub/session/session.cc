#include "cloud/hub/session/session.h"

#include <algorithm>

#include "cloud/hub/session/auth_method.h"
#include "protocol/iothub/property_bag.h"
#include "protocol/iothub/username.h"
#include "protocol/mqtt/encode.h"

namespace pavise::hub {
namespace {

void add_property(std::string& encoded_bag, std::string_view pair) {
  if (!encoded_bag.empty()) encoded_bag.push_back('&');
  encoded_bag.append(pair);
}

bool is_of(const iothub::TelemetryTopic& topic, const iothub::Identity& identity) {
  return iothub::names_id(topic.device, identity.device()) &&
         (identity.is_module() ? topic.module_id.has_value() &&
                                     iothub::names_id(*topic.module_id, identity.module_id())
                               : !topic.module_id.has_value());
}

// The own telemetry topic, or why not.
Result<std::string_view> own_property_bag(std::string_view topic,
                                          const iothub::Identity& identity) {
  PAVISE_TRY_ASSIGN(const auto parsed, iothub::parse_device_topic(topic));
  const auto* telemetry = std::get_if<iothub::TelemetryTopic>(&parsed);
  if (telemetry == nullptr || !is_of(*telemetry, identity)) return kTopicNotAllowed;
  return telemetry->property_bag;
}

std::int64_t server_keep_alive_ms(std::uint16_t keep_alive_s) {
  if (keep_alive_s == 0) return kKeepAliveMaxMs;
  return std::min<std::int64_t>(std::int64_t{keep_alive_s} * 1500, kKeepAliveMaxMs);
}

}  // namespace

Session::Session(DevicePort& port, SessionNow now)
    : port_(port), last_packet_ms_(now.steady_ms), last_wall_ms_(now.wall_ms) {
  set_deadline(now);
}

Session::~Session() = default;

void Session::on_bytes(ByteView bytes, SessionNow now, Bytes& out) {
  if (closed_) return;
  last_wall_ms_ = now.wall_ms;
  stream_.feed(bytes);
  for (;;) {
    const auto packet = stream_.next();
    if (!packet) return end(packet.error());
    if (!*packet) break;
    if (client_) last_packet_ms_ = now.steady_ms;  // [MQTT-3.1.2-24]: whole packets count
    handle(**packet, now, out);
    if (closed_) return;
  }
  set_deadline(now);
}

struct Session::PacketHandler {
  Session& session;
  SessionNow now;
  Bytes& out;

  void operator()(const mqtt::Connect&) const { session.end(kSecondConnect); }  // [3.1.0-2]
  void operator()(const mqtt::Publish& p) const { session.handle_publish(p, now, out); }
  void operator()(const mqtt::Subscribe& p) const { session.handle_subscribe(p, out); }
  void operator()(const mqtt::Unsubscribe& p) const { session.handle_unsubscribe(p, out); }
  void operator()(const mqtt::PingReq&) const { session.send(mqtt::PingResp{}, out); }
  void operator()(const mqtt::PubAck& p) const { session.handle_puback(p.packet_id); }
  void operator()(const mqtt::Disconnect&) const {
    session.will_.reset();  // [MQTT-3.14.4-3]
    session.end(kClientDisconnected);
  }
  template <class Other>
  void operator()(const Other&) const {
    session.end(kUnexpectedPacket);
  }
};

void Session::handle(const mqtt::Packet& packet, SessionNow now, Bytes& out) {
  if (client_) return std::visit(PacketHandler{*this, now, out}, packet);
  const auto* connect = std::get_if<mqtt::Connect>(&packet);
  if (connect == nullptr) return end(kFirstPacketNotConnect);  // [MQTT-3.1.0-1]
  handle_connect(*connect, now, out);
}

// --- CONNECT -------------------------------------------------------------------------------------

Result<Principal> Session::check_connect(const mqtt::Connect& connect, mqtt::ConnectCode& code) {
  using enum mqtt::ConnectCode;
  code = unacceptable_protocol_version;  // [MQTT-3.1.2-2]
  if (connect.protocol_level != mqtt::kProtocolLevel311)
    return Error(kBadProtocolLevel, "level " + std::to_string(connect.protocol_level));
  code = identifier_rejected;  // [MQTT-3.1.3-8], [MQTT-3.1.3-9]
  if (connect.client_id.empty()) return Error(kClientIdMismatch, "empty");
  code = bad_user_name_or_password;
  if (!connect.username) return Error(iothub::kBadUsername, "none sent");
  PAVISE_TRY_ASSIGN(const auto username, iothub::Username::parse(*connect.username));
  code = not_authorized;
  if (username.client_id() != connect.client_id) return kClientIdMismatch;
  const std::string module_id = username.module_id().value_or("");
  PAVISE_TRY_ASSIGN(
      Principal principal,
      port_.authenticate({.host = username.host(),
                          .device = username.device(),
                          .module_id = module_id,
                          .sas_token = as_text(connect.password.value_or(ByteView{}))}));
  // A policy's key may speak for an identity, but somebody must be named.
  if (!principal.identity) return kClientIdMismatch;
  if (connect.will) PAVISE_TRY(take_will(*connect.will, *principal.identity));
  code = accepted;
  return principal;
}

Status Session::take_will(const mqtt::Will& will, const iothub::Identity& identity) {
  const auto bag = own_property_bag(will.topic, identity);
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
  auto checked = check_connect(connect, answer.code);
  if (!checked) {
    will_.reset();
    send(answer, out);
    return end(std::move(checked).error());
  }
  client_ = std::make_unique<Client>(Client{*std::move(checked), {}});
  const iothub::Identity& identity = client_->identity();
  client_->origin = RecordOrigin{
      identity.module_id(),
      std::string(to_string(client_->principal.method)),
      client_->principal.generation_id,
      {}}.encode();
  clean_session_ = connect.clean_session;
  last_packet_ms_ = now.steady_ms;
  keep_alive_ms_ = server_keep_alive_ms(connect.keep_alive_s);
  stream_.set_packet_size_max(mqtt::kPacketSizeMaxDefault);
  port_.attach(client_->principal,
               static_cast<Channels>(Channel::telemetry) | static_cast<Channels>(Channel::twin));
  if (clean_session_) {
    port_.store_subscriptions(identity, std::nullopt);  // [MQTT-3.1.2-6]
  } else if (const auto stored = port_.load_subscriptions(identity)) {
    subscriptions_ = *stored;       // [MQTT-3.1.2-4]
    answer.session_present = true;  // [MQTT-3.2.2-2]
  } else {
    port_.store_subscriptions(identity, subscriptions_);
  }
  send(answer, out);
  subscriptions_changed(0);
}

// --- Telemetry -----------------------------------------------------------------------------------

void Session::handle_publish(const mqtt::Publish& publish, SessionNow now, Bytes& out) {
  if (publish.qos == mqtt::QoS::exactly_once) return end(kQos2);
  const auto topic = iothub::parse_device_topic(publish.topic);
  if (!topic) return end(topic.error());
  if (const auto* telemetry = std::get_if<iothub::TelemetryTopic>(&*topic)) {
    if (!is_of(*telemetry, client_->identity())) return end(kTopicNotAllowed);
    if (const Status done = handle_telemetry(publish, telemetry->property_bag, now); !done)
      end(done.error());
    return;
  }
  if (const auto* get = std::get_if<iothub::TwinGetTopic>(&*topic)) {
    request_twin(TwinRequest::Kind::get, get->request_id, std::nullopt, {}, out);
  } else if (const auto* patch = std::get_if<iothub::ReportedPatchTopic>(&*topic)) {
    request_twin(TwinRequest::Kind::merge_reported, patch->request_id, patch->if_version,
                 publish.payload, out);
  } else if (const auto* response = std::get_if<iothub::MethodResponseTopic>(&*topic)) {
    take_method_response(*response, publish.payload);
  }
  // These are answered by a message of their own or not at all; QoS 1 only asks for arrival.
  if (publish.qos == mqtt::QoS::at_least_once) mqtt::encode_puback(publish.packet_id, out);
}

Result<std::uint64_t> Session::store(UnixMillis time_ms, std::string_view properties,
                                     ByteView payload) {
  const Principal& sender = client_->principal;
  return port_.append({time_ms, sender.tenant.text(), client_->identity().device(), properties,
                       payload, sender.hub.text(), client_->origin});
}

Status Session::handle_telemetry(const mqtt::Publish& publish, std::string_view property_bag,
                                 SessionNow now) {
  if (publish.payload.size() > mqtt::kTelemetryPayloadMax) return kMessageTooLarge;
  std::string with_retain;
  if (!property_bag.empty()) PAVISE_TRY(iothub::PropertyBag::parse(property_bag));
  std::optional<iothub::Fault> fault;
  if (client_->principal.may_ask_for_faults) {
    PAVISE_TRY_ASSIGN(fault, take_fault(property_bag, now));
  }
  if (publish.retain) {
    with_retain = property_bag;
    add_property(with_retain, "mqtt-retain=true");
    property_bag = with_retain;
  }
  PAVISE_TRY_ASSIGN(const std::uint64_t number, store(now.wall_ms, property_bag, publish.payload));
  if (fault)
    client_->fault = std::make_unique<ActiveFault>(*std::move(fault), number, now.steady_ms);
  // QoS 0 waits here, too (packet id 0): what a client may have under way is bounded either way.
  const auto bytes = static_cast<std::uint32_t>(publish.payload.size());
  pending_acks_.push_back({number, bytes, publish.packet_id});
  unacked_bytes_ += bytes;
  return {};
}

Result<std::optional<iothub::Fault>> Session::take_fault(std::string_view property_bag,
                                                         SessionNow now) const {
  // MQTT can refuse a message only by ending the connection.
  if (client_->fault)
    if (const ErrorInfo* refused = client_->fault->refuses(now.steady_ms)) return Error(*refused);
  PAVISE_TRY_ASSIGN(const auto properties, iothub::PropertyBag::parse(property_bag));
  PAVISE_TRY_ASSIGN(auto fault, iothub::parse_fault(properties));
  if (!fault || fault->kind == iothub::FaultKind::kill_tcp ||
      fault->kind == iothub::FaultKind::shut_down_mqtt ||
      iothub::refusal_of(fault->kind) != nullptr)
    return fault;
  return iothub::kFaultOfOtherProtocol;
}

void Session::on_durable(std::uint64_t number_end, Bytes& out) {
  if (closed_) return;
  if (client_ && client_->fault) client_->fault->on_durable(number_end);
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

void Session::on_not_stored(std::uint64_t begin, std::uint64_t end_number, Bytes&) {
  for (std::size_t i = acks_done_; i < pending_acks_.size(); ++i) {
    const PendingAck& pending = pending_acks_[i];
    if (pending.packet_id != 0 && pending.number >= begin && pending.number < end_number)
      return end(kNotStored);
  }
}

bool Session::wants_input() const {
  return pending_acks_.size() - acks_done_ < kUnackedMessagesMax &&
         unacked_bytes_ < kUnackedBytesMax;
}

// --- Subscriptions -------------------------------------------------------------------------------

void Session::handle_subscribe(const mqtt::Subscribe& subscribe, Bytes& out) {
  mqtt::SubAck answer{subscribe.packet_id, {}};
  const SubscriptionSet before = subscriptions_;
  for (const auto& [filter, qos] : subscribe.topics) {
    const auto known = match(filter);
    if (!known) {
      answer.codes.push_back(mqtt::kSubscribeFailure);
      continue;
    }
    // Quality of service 2 is granted as 1 (reference A4).
    const std::uint8_t granted = qos == mqtt::QoS::at_most_once ? 0 : 1;
    answer.codes.push_back(granted);
    subscriptions_ |= known->kinds;
    if (!iothub::has(known->kinds, iothub::Subscription::messages)) continue;
    // "devices/+/…" is how a device named "+" may write it, but no name for a message.
    client_->message_root = known->root.find_first_of("+#") == std::string_view::npos
                                ? std::string(known->root)
                                : std::string();
    subscriptions_ &= static_cast<SubscriptionSet>(~kMessagesAtLeastOnce);
    if (granted == 1) subscriptions_ |= kMessagesAtLeastOnce;
  }
  send(answer, out);
  subscriptions_changed(before);
}

void Session::handle_unsubscribe(const mqtt::Unsubscribe& unsubscribe, Bytes& out) {
  const SubscriptionSet before = subscriptions_;
  for (const std::string_view filter : unsubscribe.filters)
    if (const auto known = match(filter))
      subscriptions_ &= static_cast<SubscriptionSet>(~static_cast<unsigned>(known->kinds));
  send(mqtt::UnsubAck{unsubscribe.packet_id}, out);  // [MQTT-3.10.4-5]: also if nothing matched
  subscriptions_changed(before);
}

// Tells the hub which channels are open now: a device that does not listen is not online for a
// call.
void Session::subscriptions_changed(SubscriptionSet before) {
  constexpr std::pair<iothub::Subscription, Channel> kChannels[] = {
      {iothub::Subscription::messages, Channel::messages},
      {iothub::Subscription::methods, Channel::methods}};
  Channels opened = 0;
  Channels ended = 0;
  for (const auto& [subscription, channel] : kChannels) {
    const bool was = iothub::has(before, subscription);
    if (is_subscribed(subscription) && !was) opened |= static_cast<Channels>(channel);
    if (!is_subscribed(subscription) && was) ended |= static_cast<Channels>(channel);
  }
  if (opened != 0) port_.attach(client_->principal, opened);
  if (ended != 0) port_.detach(client_->identity(), ended);
  if (!clean_session_ && before != subscriptions_)
    port_.store_subscriptions(client_->identity(), subscriptions_);
  if ((opened & static_cast<Channels>(Channel::messages)) != 0) ask_for_message();
}

std::optional<iothub::SubscriptionMatch> Session::match(std::string_view filter) const {
  return iothub::match_subscription(filter, client_->identity().device(),
                                    client_->identity().module_id());
}

bool Session::is_subscribed(iothub::Subscription subscription) const {
  return iothub::has(subscriptions_, subscription);
}

// --- Time and end --------------------------------------------------------------------------------

void Session::send(const mqtt::Packet& packet, Bytes& out) {
  const Status encoded = mqtt::encode(packet, out);
  // Services choose names and properties; what does not fit MQTT costs this session, not the hub.
  if (!encoded) end(Error(kNotForMqtt, encoded.error().message()));
}

void Session::set_deadline(SessionNow now) {
  deadline_ms_ = last_packet_ms_ + keep_alive_ms_;
  if (client_ && client_->fault)
    deadline_ms_ = std::min(deadline_ms_, client_->fault->deadline_ms());
  if (client_)
    deadline_ms_ =
        std::min(deadline_ms_, now.steady_ms + client_->principal.expires_ms - now.wall_ms);
  if (ask_again_) deadline_ms_ = std::min(deadline_ms_, now.steady_ms + kAskAgainMs);
}

void Session::on_time(SessionNow now, Bytes&) {
  if (closed_) return;
  last_wall_ms_ = now.wall_ms;
  // Asked anew of the wall clock each time: it may have been set.
  if (client_ && now.wall_ms >= client_->principal.expires_ms)
    return end(client_->principal.method == AuthMethod::sas ? kTokenEnded : kCertificateEnded);
  if (client_ && client_->fault && client_->fault->strikes(now.steady_ms)) {
    const ActiveFault& fault = *client_->fault;
    const bool cut = fault.fault().kind == iothub::FaultKind::kill_tcp;
    return end({cut ? iothub::kFaultCutsTcp : iothub::kFaultEndsConnection, fault.detail()});
  }
  if (now.steady_ms >= last_packet_ms_ + keep_alive_ms_)
    return end(client_ ? kKeepAliveTimeout : kConnectTimeout);
  if (std::exchange(ask_again_, false)) ask_for_message();
  set_deadline(now);
}

void Session::close(Error reason, Bytes&) {
  end(std::move(reason));
}

void Session::end(Error reason) {
  if (closed_) return;
  closed_ = std::move(reason);
  pending_acks_.clear();
  acks_done_ = 0;
  pending_twins_.clear();
  method_calls_.clear();
  in_flight_.clear();
  if (!will_) return;
  // If the log refuses, there is nobody left to tell.
  const auto stored = store(last_wall_ms_, will_->properties, will_->payload);
  (void)stored.has_value();
  will_.reset();
}

}  // namespace pavise::hub
