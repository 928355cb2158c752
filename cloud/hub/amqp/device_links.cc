// The links of devices and modules: telemetry, messages, methods, twin.
#include <algorithm>

#include "cloud/hub/amqp/mapping.h"
#include "cloud/hub/amqp/session.h"
#include "cloud/hub/session/auth_method.h"
#include "cloud/hub/session/close_reasons.h"
#include "cloud/hub/session/twin_status.h"
#include "common/base/ascii.h"
#include "protocol/twin/twin.h"

namespace pavise::hub {
namespace {

using amqp::Symbol;
using amqp::Value;

constexpr std::string_view kReported = "/properties/reported";
constexpr std::string_view kDesired = "/properties/desired";
constexpr std::string_view kDesiredNotifications = "/notifications/twin/properties/desired";

constexpr Channels bit(Channel channel) {
  return static_cast<Channels>(channel);
}

// A principal with links of a device is one.
const iothub::Identity& who(const Principal& principal) {
  PAVISE_CHECK(principal.identity.has_value());
  return *principal.identity;
}

// A link of no device is that of a service.
const Principal& service_of(const std::optional<Principal>& service) {
  PAVISE_CHECK(service.has_value());
  return *service;
}

// The hub's number of a call as the UUID that the clients want for a correlation id.
amqp::Uuid uuid_of(std::uint64_t call) {
  amqp::Uuid out{};
  for (std::size_t i = 0; i < 8; ++i) out.bytes[15 - i] = static_cast<std::byte>(call >> (8 * i));
  return out;
}

std::optional<std::uint64_t> call_of(const Value& correlation) {
  std::optional<amqp::Uuid> uuid;
  if (const auto* held = correlation.as<amqp::Uuid>()) uuid = *held;
  if (const auto* text = correlation.as<std::string>()) uuid = amqp::uuid_from(*text);
  if (const auto* raw = correlation.as<Bytes>(); raw != nullptr && raw->size() == 16) {
    uuid.emplace();
    std::ranges::copy(*raw, uuid->bytes.begin());
  }
  if (!uuid) return std::nullopt;
  std::uint64_t call = 0;
  for (std::size_t i = 8; i < 16; ++i)
    call = call << 8U | std::to_integer<std::uint64_t>(uuid->bytes[i]);
  return uuid_of(call) == *uuid ? std::optional(call) : std::nullopt;
}

}  // namespace

std::optional<AmqpSession::Slot> AmqpSession::slot_of(const Link& link) {
  switch (link.address.kind) {
    case Address::Kind::telemetry:
      return link.client_sends ? std::optional(kTelemetry) : std::nullopt;
    case Address::Kind::device_messages:
      return link.client_sends ? std::nullopt : std::optional(kMessages);
    case Address::Kind::methods:
      return link.client_sends ? kCallAnswers : kCalls;
    case Address::Kind::twin:
      return link.client_sends ? kTwinRequests : kTwinAnswers;
    default:
      return std::nullopt;
  }
}

Channels AmqpSession::channels_of(const Device& device) const {
  Channels out = 0;
  if (device.links[kTelemetry] != 0) out |= bit(Channel::telemetry);
  if (device.links[kMessages] != 0) out |= bit(Channel::messages);
  if (device.links[kCalls] != 0) out |= bit(Channel::methods);
  if (device.links[kTwinRequests] != 0 || device.links[kTwinAnswers] != 0)
    out |= bit(Channel::twin);
  return out;
}

void AmqpSession::channels_changed(Device& device, Channels before) {
  const Channels now = channels_of(device);
  const auto opened = static_cast<Channels>(now & ~before);
  const auto ended = static_cast<Channels>(before & ~now);
  if (opened != 0) devices_port_.attach(device.principal, opened);
  if (ended != 0) devices_port_.detach(who(device.principal), ended);
}

void AmqpSession::attach_device(Link link) {
  const auto slot = slot_of(link);
  // Modules listen for inputs at the telemetry address (reference B); the hub has none for them.
  const bool inputs = link.address.kind == Address::Kind::telemetry && !link.client_sends &&
                      !link.address.module_id.empty();
  if (!slot && !inputs) return refuse(link.id, kWrongDirection);
  auto principal = credentials_.device(link.address.device, link.address.module_id);
  const std::string named =
      link.address.device + (link.address.module_id.empty() ? "" : "/" + link.address.module_id);
  if (!principal) return refuse(link.id, principal.error(), named);
  if (principal->expires_ms <= now_.wall_ms) return refuse(link.id, kGrantEnded, named);
  establish();
  const iothub::Identity identity = who(*principal);
  ends_at(principal->expires_ms);
  auto [found, is_new] = devices_.try_emplace(identity.client_id(), Device{*principal, {}});
  Device& device = found->second;
  if (is_new) {
    device.origin = RecordOrigin{
        identity.module_id(),
        std::string(to_string(principal->method)),
        principal->generation_id,
        {}}.encode();
  } else {
    device.principal = *std::move(principal);
  }
  link.device = &device;
  ++device.link_count;
  const amqp::LinkId id = link.id;
  const bool telemetry = link.address.kind == Address::Kind::telemetry;
  const Channels before = channels_of(device);
  // The newer link serves from now on; the older one is told (reference B: 409002).
  const amqp::LinkId older = slot ? std::exchange(device.links[*slot], id) : 0;
  if (older != 0) close_link(older, kLinkStolen);
  accept(std::move(link), telemetry ? AmqpLimits::kTelemetryCredit : AmqpLimits::kRequestCredit);
  channels_changed(device, before);
}

AmqpSession::Device* AmqpSession::device_of(const iothub::Identity& identity) {
  const auto found = devices_.find(identity.client_id());
  return found == devices_.end() || who(found->second.principal) != identity ? nullptr
                                                                             : &found->second;
}

void AmqpSession::close_device(Device& device, const Error& why) {
  std::vector<amqp::LinkId> ids;
  for (const auto& [id, link] : links_)
    if (link.device == &device) ids.push_back(id);
  for (const amqp::LinkId id : ids) close_link(id, why);  // the last takes the device with it
}

void AmqpSession::hear(ChannelLost& event) {
  if (Device* device = device_of(event.identity)) close_device(*device, event.reason);
}

// --- Telemetry -----------------------------------------------------------------------------------

void AmqpSession::take_telemetry(Link& link, amqp::MessageReceived& event) {
  auto stored = store(*link.device, event);
  if (!stored) {
    const Error& why = stored.error();
    // A log that refuses ends the session, as it does over MQTT: nothing may be lost in between.
    const bool by_hook = why.code().starts_with("PV-FLT");
    if (why.retry() != Retry::never && !by_hook) return end(std::move(stored).error());
    const amqp::Condition told = condition(why, who(link.device->principal).client_id());
    engine_.settle(event.link, event.delivery, amqp::Outcome::rejected, &told);
    return engine_.grant(event.link, 1);
  }
  unacked_bytes_ += stored->bytes;
  unacked_.push_back(*std::move(stored));
}

// All messages of a batch, or none.
Result<AmqpSession::Unacked> AmqpSession::store(Device& device, amqp::MessageReceived& event) {
  std::vector<amqp::Message> messages;
  if (event.format == amqp::kBatchFormat) {
    PAVISE_TRY_ASSIGN(messages, amqp::unpack_batch(event.bytes));
    if (messages.empty()) return amqp::kBadBatch;
  } else {
    PAVISE_TRY_ASSIGN(amqp::Message message, amqp::Message::decode(event.bytes));
    messages.push_back(std::move(message));
  }
  std::vector<std::pair<std::string, Bytes>> parts;
  std::optional<iothub::Fault> fault;
  for (amqp::Message& message : messages) {
    PAVISE_TRY_ASSIGN(std::string properties, property_bag_of(message));
    PAVISE_TRY_ASSIGN(Bytes payload, body_of(message));
    if (payload.size() > kTelemetrySizeMax) return kMessageTooLarge;
    if (device.principal.may_ask_for_faults) {
      PAVISE_TRY_ASSIGN(auto asked, take_fault(device, properties));
      if (asked) fault = std::move(asked);
    }
    parts.emplace_back(std::move(properties), std::move(payload));
  }
  Unacked out{0, 0, event.bytes.size(), event.link, event.delivery};
  const Principal& sender = device.principal;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    PAVISE_TRY_ASSIGN(
        const std::uint64_t number,
        devices_port_.append({now_.wall_ms, sender.tenant.text(), who(sender).device(),
                              parts[i].first, parts[i].second, sender.hub.text(), device.origin}));
    if (i == 0) out.first = number;
    out.last = number;
  }
  had_faults_ |= fault.has_value();
  if (fault)
    device.fault = std::make_unique<ActiveFault>(*std::move(fault), out.last, now_.steady_ms);
  return out;
}

// --- Messages to the device ----------------------------------------------------------------------

// Also feedback and file notifications of a service's link.
void AmqpSession::ask_for_message(Link& link) {
  if (blocked_ || link.asked || link.locks.size() >= AmqpLimits::kLocksMax || !can_send(link))
    return;
  const auto token = ask({.kind = Request::Kind::message, .link = link.id});
  if (!token) return;
  link.asked = true;
  if (link.device != nullptr)
    return devices_port_.next_message(who(link.device->principal), *token);
  services_port_.next_service_message(service_of(link.service).hub,
                                      link.address.kind == Address::Kind::feedback
                                          ? ServiceQueue::feedback
                                          : ServiceQueue::file_notifications,
                                      *token);
}

void AmqpSession::settle_lock(Link& link, const std::string& lock_token, Settlement settlement) {
  const Token token = next_token_++;  // nobody waits for the answer
  if (link.device != nullptr)
    return devices_port_.settle_message(who(link.device->principal), lock_token, settlement, token);
  services_port_.settle_service_message(service_of(link.service).hub,
                                        link.address.kind == Address::Kind::feedback
                                            ? ServiceQueue::feedback
                                            : ServiceQueue::file_notifications,
                                        lock_token, settlement, token);
}

void AmqpSession::ask_again_after(const Error& why) {
  if (why.retry() == Retry::later)
    ask_again_ms_ = std::min(ask_again_ms_, now_.steady_ms + kAskAgainMs);
}

void AmqpSession::hear(MessageWaiting& event) {
  Device* device = device_of(event.identity);
  if (device == nullptr) return;
  if (Link* link = find(device->links[kMessages])) ask_for_message(*link);
}

void AmqpSession::hear(MessageOffered& event) {
  const auto request = answered(event.token);
  if (!request) return;
  Link* link = find(request->link);
  std::optional<DeviceMessage> none;
  std::optional<DeviceMessage>& offered = event.message ? *event.message : none;
  if (!event.message) ask_again_after(event.message.error());
  // Without its link a message stays locked until the lock ends.
  if (link == nullptr) return;
  link->asked = false;
  if (!offered) return engine_.nothing_to_send(link->id);
  DeviceMessage& message = *offered;
  const std::string lock = message.lock_token;
  Bytes encoded;
  to_amqp(std::move(message)).encode(encoded);
  if (!engine_.can_send(link->id)) return settle_lock(*link, lock, Settlement::abandon);
  link->locks.emplace(engine_.send(link->id, delivery_tag(lock), encoded, false), lock);
  ask_for_message(*link);
}

void AmqpSession::hear(MessageSettled&) {}

// --- Methods -------------------------------------------------------------------------------------

void AmqpSession::hear(MethodCalled& event) {
  Device* device = device_of(event.identity);
  Link* link = device == nullptr ? nullptr : find(device->links[kCalls]);
  if (link == nullptr) return devices_port_.answer_method(event.call, Error(kDeviceNotListening));
  if (device->calls.size() == AmqpLimits::kMethodCallsMax) device->calls.pop_front();
  device->calls.push_back(event.call);
  amqp::Message message;
  message.properties.correlation_id = Value(uuid_of(event.call));
  message.properties.content_type = "application/json";
  message.application_properties = {{Value("IoThub-methodname"), Value(event.name)}};
  message.body = amqp::Message::Data{to_bytes(as_bytes(event.payload_json))};
  send(*link, message);
}

// Only calls that this session was given for this device: the number alone proves nothing.
void AmqpSession::take_method_answer(Link& link, amqp::Message& answer) {
  Device& device = *link.device;
  const auto call = call_of(answer.properties.correlation_id);
  if (!call) return;
  const auto found = std::ranges::find(device.calls, *call);
  if (found == device.calls.end()) return;
  device.calls.erase(found);
  const Value* status = amqp::find(answer.application_properties, "IoThub-status");
  const auto number = status == nullptr ? std::nullopt : amqp::integer_of(*status);
  auto body = body_of(answer);
  if (!number || !body || !std::in_range<int>(*number))
    return devices_port_.answer_method(*call, Error(kBadRequest));
  const std::string_view payload = as_text(*body);
  devices_port_.answer_method(*call, MethodReply{static_cast<int>(*number),
                                                 std::string(payload.empty() ? "null" : payload)});
}

// --- Twin ----------------------------------------------------------------------------------------

void AmqpSession::take_twin_request(Link& link, amqp::Message& request) {
  Device& device = *link.device;
  const Value correlation = request.properties.correlation_id;
  const auto text = [&](std::string_view name) -> std::string_view {
    const Value* value = amqp::find(request.annotations, name);
    return value == nullptr ? std::string_view{} : amqp::text_of(*value).value_or("");
  };
  const std::string_view operation = text("operation");
  const std::string_view resource = text("resource");
  const auto refuse_with = [&](const Error& why) {
    const TwinStatus status = twin_status(why.info());
    answer_twin(device, correlation, status.status, std::nullopt,
                twin::error_body(status.error_code, why.message()));
  };
  TwinRequest question;
  if (operation == "GET") {
    question.kind = TwinRequest::Kind::get;
  } else if (operation == "PATCH" && equal_folded(resource, kReported)) {
    question.kind = TwinRequest::Kind::merge_reported;
    auto body = body_of(request);
    if (!body || body->size() > twin::kPatchTextMax)
      return refuse_with(body ? Error(twin::kPatchTooLarge) : body.error());
    question.patch_json = as_text(*body);
    const Value* version = amqp::find(request.annotations, "version");
    if (version != nullptr && !version->is_null()) {
      const auto number = amqp::integer_of(*version);
      if (!number || *number < 0)
        return answer_twin(device, correlation, 400, std::nullopt,
                           twin::error_body(400004, "version is not a number"));
      question.if_version = static_cast<std::uint64_t>(*number);
    }
  } else if ((operation == "PUT" || operation == "DELETE") &&
             equal_folded(resource, kDesiredNotifications)) {
    device.wants_desired = operation == "PUT";
    return answer_twin(device, correlation, 200, std::nullopt, {});
  } else {
    return answer_twin(device, correlation, 400, std::nullopt,
                       twin::error_body(400003, Error(kBadRequest).message()));
  }
  const bool room = device.twin_requests < AmqpLimits::kTwinRequestsMax;
  const auto token =
      !room ? std::nullopt
            : ask({.kind = question.kind == TwinRequest::Kind::get ? Request::Kind::twin_get
                                                                   : Request::Kind::twin_merge,
                   .device = who(device.principal).client_id(),
                   .correlation = correlation});
  if (!token)
    return answer_twin(device, correlation, kTooManyRequests.status, std::nullopt,
                       twin::error_body(kTooManyRequests.error_code, "too many twin requests"));
  ++device.twin_requests;
  devices_port_.ask_twin(who(device.principal), std::move(question), *token);
}

void AmqpSession::hear(TwinAnswered& event) {
  const auto request = answered(event.token);
  if (!request) return;
  const auto found = devices_.find(request->device);
  if (found == devices_.end()) return;
  Device& device = found->second;
  if (device.twin_requests > 0) --device.twin_requests;
  const auto& reply = event.reply;
  if (!reply) {
    const TwinStatus status = twin_status(reply.error().info());
    answer_twin(device, request->correlation, status.status, std::nullopt,
                twin::error_body(status.error_code, reply.error().message()));
  } else if (request->kind == Request::Kind::twin_get) {
    answer_twin(device, request->correlation, 200, std::nullopt, reply->body);
  } else {
    answer_twin(device, request->correlation, 200, reply->version, {});
  }
}

void AmqpSession::answer_twin(Device& device, const Value& correlation, int status,
                              std::optional<std::uint64_t> version, std::string_view body) {
  Link* link = find(device.links[kTwinAnswers]);
  if (link == nullptr) return;
  amqp::Message message;
  message.properties.correlation_id = correlation;
  message.annotations = {{Value(Symbol{"status"}), Value(std::int32_t{status})}};
  if (version)
    message.annotations.push_back(
        {Value(Symbol{"version"}), Value(static_cast<std::int64_t>(*version))});
  message.body = amqp::Message::Data{to_bytes(as_bytes(body))};
  send(*link, message);
}

// Without a correlation id: that is how clients tell it from an answer.
void AmqpSession::hear(DesiredChanged& event) {
  Device* device = device_of(event.identity);
  Link* link =
      device == nullptr || !device->wants_desired ? nullptr : find(device->links[kTwinAnswers]);
  if (link == nullptr) return;
  amqp::Message message;
  message.annotations = {
      {Value(Symbol{"resource"}), Value(kDesired)},
      {Value(Symbol{"version"}), Value(static_cast<std::int64_t>(event.version))}};
  message.body = amqp::Message::Data{to_bytes(as_bytes(*event.body))};
  send(*link, message);
}

}  // namespace pavise::hub
