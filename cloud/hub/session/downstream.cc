// What comes from the hub to the device: twin answers and changes, method calls, messages.
#include <algorithm>
#include <charconv>

#include "cloud/hub/session/session.h"
#include "cloud/hub/session/twin_status.h"
#include "protocol/mqtt/encode.h"
#include "protocol/twin/twin.h"

namespace pavise::hub {

struct Session::EventHandler {
  Session& session;
  Bytes& out;

  template <class Event>
  void operator()(Event& event) const {
    // A device's session asks for nothing that the other events answer.
    if constexpr (requires { session.hear(event, out); }) session.hear(event, out);
  }
};

void Session::on_event(SessionEvent& event, SessionNow now, Bytes& out) {
  if (closed_ || !client_) return;
  last_wall_ms_ = now.wall_ms;
  std::visit(EventHandler{*this, out}, event);
  if (ask_again_) deadline_ms_ = std::min(deadline_ms_, now.steady_ms + kAskAgainMs);
}

void Session::hear(ChannelLost& event, Bytes&) {
  end(std::move(event.reason));
}

// --- Twin ----------------------------------------------------------------------------------------

void Session::request_twin(TwinRequest::Kind kind, std::string_view request_id,
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
  const Token token = next_token_++;
  pending_twins_.push_back({token, std::string(request_id), kind == TwinRequest::Kind::get});
  port_.ask_twin(client_->identity(), {kind, std::string(as_text(body)), if_version}, token);
}

void Session::hear(TwinAnswered& event, Bytes& out) {
  const auto found = std::ranges::find(pending_twins_, event.token, &PendingTwin::token);
  if (found == pending_twins_.end()) return;
  const PendingTwin request = std::move(*found);
  pending_twins_.erase(found);
  const auto& reply = event.reply;
  if (!reply) {
    // The clients look at the body only, not at the status in the topic (reference 0).
    const TwinStatus status = twin_status(reply.error().info());
    answer_twin(status.status, request.request_id, std::nullopt,
                twin::error_body(status.error_code, reply.error().message()), out);
  } else if (request.is_get) {
    answer_twin(200, request.request_id, std::nullopt, reply->body, out);
  } else {
    answer_twin(204, request.request_id, reply->version, {}, out);
  }
}

void Session::answer_twin(int status, std::string_view request_id,
                          std::optional<std::uint64_t> version, std::string_view body, Bytes& out) {
  if (!is_subscribed(iothub::Subscription::twin_responses)) return;
  const std::string topic = iothub::twin_response_topic(status, request_id, version);
  send(mqtt::Publish{.topic = topic, .payload = as_bytes(body)}, out);
}

void Session::hear(DesiredChanged& event, Bytes& out) {
  if (!is_subscribed(iothub::Subscription::desired_patches)) return;
  const std::string topic = iothub::desired_patch_topic(event.version);
  send(mqtt::Publish{.topic = topic, .payload = as_bytes(*event.body)}, out);
}

// --- Methods -------------------------------------------------------------------------------------

void Session::hear(MethodCalled& event, Bytes& out) {
  if (!is_subscribed(iothub::Subscription::methods))
    return port_.answer_method(event.call, Error(kDeviceNotListening));
  if (method_calls_.size() == kMethodCallsMax) method_calls_.erase(method_calls_.begin());
  method_calls_.push_back(event.call);
  const std::string topic = iothub::method_topic(event.name, std::to_string(event.call));
  send(mqtt::Publish{.topic = topic, .payload = as_bytes(event.payload_json)}, out);
}

// Only calls that this session was given can be answered here: the number alone proves nothing.
void Session::take_method_response(const iothub::MethodResponseTopic& topic, ByteView body) {
  std::uint64_t call = 0;
  const char* end_of_id = topic.request_id.data() + topic.request_id.size();
  const auto [end_of_number, error] = std::from_chars(topic.request_id.data(), end_of_id, call);
  if (error != std::errc{} || end_of_number != end_of_id) return;
  const auto found = std::ranges::find(method_calls_, call);
  if (found == method_calls_.end()) return;
  method_calls_.erase(found);
  const std::string_view payload = as_text(body);
  port_.answer_method(call,
                      MethodReply{topic.status, std::string(payload.empty() ? "null" : payload)});
}

// --- Messages ------------------------------------------------------------------------------------

void Session::set_output_blocked(bool blocked, Bytes&) {
  if (closed_ || !client_) return;
  output_blocked_ = blocked;
  ask_for_message();
}

void Session::ask_for_message() {
  if (closed_ || asked_for_message_ || output_blocked_ ||
      in_flight_.size() >= kMessagesInFlightMax || !is_subscribed(iothub::Subscription::messages))
    return;
  asked_for_message_ = true;
  port_.next_message(client_->identity(), next_token_++);
}

void Session::hear(MessageWaiting&, Bytes&) {
  ask_for_message();
}

void Session::hear(MessageOffered& event, Bytes& out) {
  asked_for_message_ = false;
  // The store has said why; the device must not be asked to do anything about it.
  if (!event.message) {
    ask_again_ = event.message.error().retry() == Retry::later;
    return;
  }
  if (!*event.message) return;  // MessageWaiting will say when there is one
  DeviceMessage& message = **event.message;
  if (!is_subscribed(iothub::Subscription::messages))
    return port_.settle_message(client_->identity(), message.lock_token, Settlement::abandon,
                                next_token_++);
  send_message(message, out);
  ask_for_message();
}

void Session::send_message(const DeviceMessage& message, Bytes& out) {
  const std::string& own_root = client_->message_root;
  const std::string topic = iothub::message_topic(
      own_root.empty()
          ? iothub::identity_root(client_->identity().device(), client_->identity().module_id())
          : own_root,
      message.properties);
  mqtt::Publish publish{.topic = topic, .payload = message.payload};
  const bool at_least_once = (subscriptions_ & kMessagesAtLeastOnce) != 0;
  if (at_least_once) {
    publish.qos = mqtt::QoS::at_least_once;
    publish.packet_id = next_packet_id_;
    publish.dup = message.delivery_count > 0;
  }
  // A service chose the properties, which may be more than a topic holds: nothing to try again.
  const bool sent = mqtt::encode(publish, out).has_value();
  if (!sent || !at_least_once)
    return port_.settle_message(client_->identity(), message.lock_token,
                                sent ? Settlement::complete : Settlement::reject, next_token_++);
  next_packet_id_ = next_packet_id_ == UINT16_MAX ? 1 : next_packet_id_ + 1;
  in_flight_.push_back({publish.packet_id, message.lock_token});
}

// PUBACK completes the message (reference A4).
void Session::handle_puback(std::uint16_t packet_id) {
  const auto found = std::ranges::find(in_flight_, packet_id, &InFlight::packet_id);
  if (found == in_flight_.end()) return;
  port_.settle_message(client_->identity(), found->lock_token, Settlement::complete, next_token_++);
  in_flight_.erase(found);
  ask_for_message();
}

}  // namespace pavise::hub
