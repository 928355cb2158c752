#include "device/agent/hub_session.h"

#include <algorithm>

#include "protocol/iothub/property_bag.h"
#include "protocol/iothub/topics.h"
#include "protocol/iothub/username.h"
#include "protocol/json/json_view.h"
#include "protocol/mqtt/encode.h"

namespace pavise::agent {
namespace {

constexpr std::uint16_t kSubscribeId = 1;
constexpr std::size_t kSubscriptions = 3;
constexpr std::string_view kApiVersion = "2021-04-12";
constexpr std::string_view kMethods =
    iothub::kMethodFilter.substr(0, iothub::kMethodFilter.size() - 1);

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

}  // namespace

HubSession::HubSession(HubSessionOptions options, TelemetryQueue& queue, AppOutbox& outbox,
                       std::int64_t now_ms)
    : options_(std::move(options)),
      queue_(queue),
      outbox_(outbox),
      started_at_ms_(now_ms),
      last_sent_ms_(now_ms) {
  queue_.connection_lost();
  outbox_.connection_lost();
  last_packet_id_ = kSubscribeId;
  const std::string username = iothub::make_username(
      options_.hub_host, options_.device_id, kApiVersion, "pavise-agent/" + options_.agent_version);
  send(mqtt::Connect{.clean_session = true,
                     .keep_alive_s = static_cast<std::uint16_t>(options_.keep_alive_s),
                     .client_id = options_.device_id,
                     .username = username});
}

Status HubSession::feed(ByteView bytes, std::int64_t now_ms) {
  stream_.feed(bytes);
  while (true) {
    auto packet = stream_.next();
    if (!packet) return Error(kHubProtocol, std::string(packet.error().code()));
    const std::optional<mqtt::Packet>& whole = *packet;
    if (!whole) break;
    PAVISE_TRY(on_packet(*whole, now_ms));
  }
  send_waiting(now_ms);
  return {};
}

Status HubSession::on_packet(const mqtt::Packet& packet, std::int64_t now_ms) {
  if (!connected_ && !std::holds_alternative<mqtt::ConnAck>(packet))
    return Error(kHubProtocol, "no CONNACK first");
  return std::visit(
      Overloaded{[&](const mqtt::ConnAck& p) { return on_connack(p, now_ms); },
                 [&](const mqtt::SubAck& p) { return on_suback(p, now_ms); },
                 [&](const mqtt::Publish& p) { return on_publish(p); },
                 [&](const mqtt::PubAck& p) -> Status {
                   if (queue_.acknowledge(p.packet_id))
                     events_.emplace_back(TelemetryAcknowledged{});
                   else if (const auto message = outbox_.acknowledge(p.packet_id))
                     events_.emplace_back(AppTelemetryAcknowledged{*message});
                   else
                     return Error(kHubProtocol, "PUBACK for nothing that was sent");
                   return {};
                 },
                 [&](const mqtt::PingResp&) -> Status {
                   pinged_at_ms_.reset();
                   return {};
                 },
                 [](const auto&) -> Status { return Error(kHubProtocol, "unexpected packet"); }},
      packet);
}

Status HubSession::on_connack(const mqtt::ConnAck& packet, std::int64_t now_ms) {
  if (connected_) return Error(kHubProtocol, "a second CONNACK");
  const std::string code = "CONNACK " + std::to_string(static_cast<int>(packet.code));
  switch (packet.code) {
    case mqtt::ConnectCode::accepted:
      break;
    case mqtt::ConnectCode::server_unavailable:
      return Error(kHubUnavailable, code);
    case mqtt::ConnectCode::not_authorized:
    case mqtt::ConnectCode::bad_user_name_or_password:
      return Error(kHubNotAuthorized, code);
    default:
      return Error(kHubRefusedConnect, code);
  }
  connected_ = true;
  events_.emplace_back(HubConnected{});
  send(mqtt::Subscribe{.packet_id = kSubscribeId,
                       .topics = {{.filter = iothub::kTwinResponseFilter},
                                  {.filter = iothub::kDesiredPatchFilter},
                                  {.filter = iothub::kMethodFilter}}});
  subscribed_at_ms_ = now_ms;
  return {};
}

Status HubSession::on_suback(const mqtt::SubAck& packet, std::int64_t now_ms) {
  if (packet.packet_id != kSubscribeId || !subscribed_at_ms_ ||
      packet.codes.size() != kSubscriptions)
    return Error(kHubProtocol, "SUBACK for nothing that was asked");
  if (std::ranges::find(packet.codes, mqtt::kSubscribeFailure) != packet.codes.end())
    return Error(kHubProtocol, "the topics of twin and methods are refused");
  subscribed_at_ms_.reset();
  twin_ready_ = true;
  twin_get_ = Request{new_request_id(), now_ms};
  send(mqtt::Publish{.topic = iothub::twin_get_topic(twin_get_->id)});
  return {};
}

Status HubSession::on_publish(const mqtt::Publish& packet) {
  // We subscribed with QoS 0, which is then the most that may come.
  if (packet.qos != mqtt::QoS::at_most_once) return Error(kHubProtocol, "QoS above the granted");
  if (packet.topic.starts_with(kMethods)) return on_method(packet);
  const auto topic = iothub::parse_hub_topic(packet.topic);
  if (!topic) return Error(kHubProtocol, std::string(topic.error().code()));
  if (const auto* answer = std::get_if<iothub::TwinResponseTopic>(&*topic))
    return on_twin_answer(answer->request_id, answer->status, as_text(packet.payload));
  const auto patch = json::JsonView::parse(as_text(packet.payload));
  if (!patch || patch->kind() != json::JsonView::Kind::object)
    return Error(kHubProtocol, "a desired patch is no JSON object");
  events_.emplace_back(DesiredChanged{std::string(patch->text())});
  return {};
}

Status HubSession::on_method(const mqtt::Publish& packet) {
  auto topic = iothub::parse_method_topic(packet.topic);
  if (!topic) return Error(kHubProtocol, std::string(topic.error().code()));
  events_.emplace_back(MethodCalled{.request_id = std::string(topic->request_id),
                                    .name = std::move(topic->name),
                                    .payload = std::string(as_text(packet.payload))});
  return {};
}

void HubSession::answer_method(std::string_view request_id, int status, std::string_view body) {
  send(mqtt::Publish{.topic = iothub::method_response_topic(status, request_id),
                     .payload = as_bytes(body)});
}

Status HubSession::on_twin_answer(std::string_view request_id, int status, std::string_view body) {
  if (report_ && report_->id == request_id) {
    report_.reset();
    events_.emplace_back(ReportAnswered{status});
    return {};
  }
  // An answer that nobody waits for (any more) does no harm.
  if (!twin_get_ || twin_get_->id != request_id) return {};
  twin_get_.reset();
  if (status != 200) return {};  // the interval of the configuration stays; patches still come
  const auto twin = json::JsonView::parse(body);
  const auto desired = twin ? twin->member("desired") : std::nullopt;
  if (!desired || desired->kind() != json::JsonView::Kind::object)
    return Error(kHubProtocol, "the twin has no desired section");
  events_.emplace_back(TwinReceived{std::string(desired->text())});
  return {};
}

Status HubSession::on_time(std::int64_t now_ms) {
  const std::int64_t waiting_since = oldest_wait_ms();
  if (waiting_since >= 0 && now_ms - waiting_since >= options_.answer_timeout_ms)
    return Error(kHubSilent,
                 "no answer for " + std::to_string((now_ms - waiting_since) / 1000) + " s");
  send_waiting(now_ms);
  if (connected_ && !pinged_at_ms_ && now_ms - last_sent_ms_ >= options_.keep_alive_s * 1000 / 2) {
    send(mqtt::PingReq{});
    last_sent_ms_ = now_ms;
    pinged_at_ms_ = now_ms;
  }
  return {};
}

std::int64_t HubSession::oldest_wait_ms() const {
  std::int64_t oldest = connected_ ? queue_.oldest_sent_at_ms() : started_at_ms_;
  const std::int64_t oldest_of_apps = connected_ ? outbox_.oldest_sent_at_ms() : -1;
  const auto also = [&oldest](std::int64_t at) {
    if (oldest < 0 || at < oldest) oldest = at;
  };
  if (oldest_of_apps >= 0) also(oldest_of_apps);
  if (subscribed_at_ms_) also(*subscribed_at_ms_);
  if (pinged_at_ms_) also(*pinged_at_ms_);
  if (twin_get_) also(twin_get_->sent_at_ms);
  if (report_) also(report_->sent_at_ms);
  return oldest;
}

std::int64_t HubSession::next_wake_ms() const {
  std::int64_t wake = last_sent_ms_ + options_.keep_alive_s * 1000 / 2;
  const std::int64_t waiting_since = oldest_wait_ms();
  if (waiting_since >= 0) wake = std::min(wake, waiting_since + options_.answer_timeout_ms);
  return wake;
}

void HubSession::report(std::string patch) {
  if (pending_reports_.size() >= kPendingReportsMax) pending_reports_.pop_back();
  pending_reports_.push_back(std::move(patch));
}

void HubSession::send_waiting(std::int64_t now_ms) {
  if (!connected_) return;
  if (twin_ready_ && !report_ && !pending_reports_.empty()) {
    report_ = Request{new_request_id(), now_ms};
    send(mqtt::Publish{.topic = iothub::reported_patch_topic(report_->id),
                       .payload = as_bytes(pending_reports_.front())});
    pending_reports_.erase(pending_reports_.begin());
  }
  send_telemetry(now_ms);
  if (!output_.empty()) last_sent_ms_ = now_ms;
}

// The agent's own first: it is little, and comes at an interval.
void HubSession::send_telemetry(std::int64_t now_ms) {
  iothub::PropertyBag bag;
  bag.add("$.ct", "application/json");
  bag.add("$.ce", "utf-8");
  const std::string topic = iothub::telemetry_topic(options_.device_id, bag.encode());
  while (const std::string* body = queue_.next_to_send()) {
    const std::uint16_t packet_id = new_packet_id();
    send(mqtt::Publish{.topic = topic,
                       .payload = as_bytes(*body),
                       .qos = mqtt::QoS::at_least_once,
                       .packet_id = packet_id});
    queue_.mark_sent(packet_id, now_ms);
  }
  while (const AppMessage* message = outbox_.next_to_send()) {
    const std::uint16_t packet_id = new_packet_id();
    send(mqtt::Publish{.topic = iothub::telemetry_topic(options_.device_id, message->properties),
                       .payload = message->body,
                       .qos = mqtt::QoS::at_least_once,
                       .packet_id = packet_id});
    outbox_.mark_sent(packet_id, now_ms);
  }
}

Bytes HubSession::farewell() const {
  Bytes out;
  PAVISE_CHECK(mqtt::encode(mqtt::Disconnect{}, out).has_value());
  return out;
}

void HubSession::send(const mqtt::Packet& packet) {
  // All we send is made here from checked parts; JSON may not exceed what the queue admits.
  PAVISE_CHECK(mqtt::encode(packet, output_).has_value());
}

std::string HubSession::new_request_id() {
  return std::to_string(++last_request_);
}

std::uint16_t HubSession::new_packet_id() {
  do {
    ++last_packet_id_;
  } while (last_packet_id_ == 0 || last_packet_id_ == kSubscribeId ||
           queue_.in_flight(last_packet_id_) || outbox_.in_flight(last_packet_id_));
  return last_packet_id_;
}

}  // namespace pavise::agent
