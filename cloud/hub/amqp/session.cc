#include "cloud/hub/amqp/session.h"

#include <algorithm>

#include "cloud/hub/amqp/mapping.h"
#include "cloud/hub/session/close_reasons.h"
#include "cloud/hub/session/twin_status.h"
#include "cloud/hub/store/errors.h"

namespace pavise::hub {
namespace {

using iothub::HubErrorCode;

constexpr std::string_view kSasScheme = "SharedAccessSignature ";

// How this room's errors look to a client. Refused credentials are not here: whoever is refused
// hears only that.
constexpr iothub::HubErrorRow kRows[] = {
    {&kUnknownAddress, HubErrorCode::amqp_address_not_found},
    {&kWrongDirection, HubErrorCode::invalid_operation},
    {&kNoCredentials, HubErrorCode::iot_hub_unauthorized},
    {&kBadTokenRequest, HubErrorCode::argument_invalid},
    {&kTooManyTokens, HubErrorCode::iot_hub_max_cbs_token_exceeded},
    {&kTooManyCbsLinks, HubErrorCode::iot_hub_max_cbs_token_exceeded},
    {&kGrantEnded, HubErrorCode::iot_hub_unauthorized},
    {&kProveAnew, HubErrorCode::iot_hub_unauthorized},
    {&kLinkStolen, HubErrorCode::link_creation_conflict},
    {&kSuperseded, HubErrorCode::link_creation_conflict},
    {&kBodyNotData, HubErrorCode::argument_invalid},
    {&kBadDestination, HubErrorCode::argument_invalid},
    {&kBadFilter, HubErrorCode::argument_invalid},
    {&kNoSuchPartition, HubErrorCode::partition_not_found},
    {&kEpochTooLow, HubErrorCode::link_creation_conflict},
    {&kTooManyReaders, HubErrorCode::iot_hub_quota_exceeded},
    {&kQueueOverflow, HubErrorCode::throttling_exception},
    {&kBadRequest, HubErrorCode::argument_invalid},
    {&kBadValue, HubErrorCode::argument_invalid},
    {&kMessageTooLarge, HubErrorCode::message_too_large},
    {&kDeviceBarred, HubErrorCode::device_disabled},
    {&store::kDeviceNotFound, HubErrorCode::device_not_found},
    {&store::kModuleNotFound, HubErrorCode::module_not_found},
    {&store::kQueueFull, HubErrorCode::device_maximum_queue_depth_exceeded},
    {&store::kMessageTooLarge, HubErrorCode::message_too_large},
    {&store::kBadExpiry, HubErrorCode::invalid_message_expiry_time},
    {&store::kLockLost, HubErrorCode::device_message_lock_lost},
    {&store::kStoreBusy, HubErrorCode::server_busy},
    {&store::kStoreFull, HubErrorCode::service_unavailable},
    {&iothub::kUnknownFault, HubErrorCode::argument_invalid},
    {&iothub::kBadFaultTime, HubErrorCode::argument_invalid},
    {&iothub::kFaultOfOtherProtocol, HubErrorCode::argument_invalid},
    {&iothub::kFaultEndsConnection, HubErrorCode::connection_forcefully_closed_on_fault_injection},
    {&iothub::kFaultEndsLink, HubErrorCode::connection_forcefully_closed_on_fault_injection},
    {&iothub::kFaultThrottles, HubErrorCode::throttling_exception},
    {&iothub::kFaultExceedsQuota, HubErrorCode::iot_hub_quota_exceeded},
    {&iothub::kFaultRefusesRights, HubErrorCode::iot_hub_unauthorized},
    {&amqp::kTruncated, HubErrorCode::deserialization_error},
    {&amqp::kBadConstructor, HubErrorCode::deserialization_error},
    {&amqp::kTooDeep, HubErrorCode::deserialization_error},
    {&amqp::kTooManyValues, HubErrorCode::deserialization_error},
    {&amqp::kBadSize, HubErrorCode::deserialization_error},
    {&amqp::kBadSection, HubErrorCode::deserialization_error},
    {&amqp::kBadProperties, HubErrorCode::deserialization_error},
    {&amqp::kBadBatch, HubErrorCode::deserialization_error},
    {&amqp::kBatchTooLong, HubErrorCode::message_too_large},
};

bool is_about_credentials(const Error& error) {
  return error.code().starts_with("PV-HAC") || error.code().starts_with("PV-SAS") ||
         error.code().starts_with("PV-AUT");
}

// "thermo/m1" of "host/devices/thermo/modules/m1", for the log.
std::string device_in(std::string_view audience) {
  constexpr std::string_view kDevices = "/devices/";
  constexpr std::string_view kModules = "/modules/";
  const std::size_t at = audience.find(kDevices);
  if (at == std::string_view::npos) return {};
  std::string out(audience.substr(at + kDevices.size()));
  if (const std::size_t modules = out.find(kModules); modules != std::string::npos)
    out.replace(modules, kModules.size(), "/");
  return out;
}

amqp::Value symbol(std::string_view text) {
  return amqp::Value(amqp::Symbol{std::string(text)});
}

}  // namespace

AmqpSession::AmqpSession(AmqpOptions options, DevicePort& devices, ServicePort& services,
                         SessionNow now)
    : options_(std::move(options)),
      devices_port_(devices),
      services_port_(services),
      engine_("pavise", {"ANONYMOUS", "MSSBCBS", "PLAIN", "EXTERNAL"}),
      credentials_(devices),
      now_(now),
      opened_by_ms_(now.steady_ms + AmqpLimits::kOpenTimeoutMs) {
  set_deadline();
}

AmqpSession::~AmqpSession() = default;

// --- Entrances -----------------------------------------------------------------------------------

void AmqpSession::on_bytes(ByteView bytes, SessionNow now, Bytes& out) {
  if (closed_) return;
  now_ = now;
  engine_.feed(bytes);
  finish(out);
}

void AmqpSession::on_time(SessionNow now, Bytes& out) {
  if (closed_) return;
  now_ = now;
  if (now.steady_ms >= opened_by_ms_) end(opened_ ? kNobodyYet : kConnectTimeout);
  if (now.steady_ms >= ask_again_ms_) {
    ask_again_ms_ = INT64_MAX;
    serve_all();
  }
  expire();
  strike_faults();
  finish(out);
}

void AmqpSession::on_durable(std::uint64_t number_end, Bytes& out) {
  if (closed_) return;
  if (had_faults_)
    for (auto& [id, device] : devices_)
      if (device.fault) device.fault->on_durable(number_end);
  while (!unacked_.empty() && unacked_.front().last < number_end) {
    const Unacked& done = unacked_.front();
    engine_.settle(done.link, done.delivery, amqp::Outcome::accepted);
    engine_.grant(done.link, 1);
    unacked_bytes_ -= done.bytes;
    unacked_.pop_front();
  }
  finish(out);
}

void AmqpSession::on_not_stored(std::uint64_t begin, std::uint64_t end_number, Bytes& out) {
  if (closed_) return;
  // "Released" says: not done, send it again.
  std::erase_if(unacked_, [&](const Unacked& waiting) {
    if (waiting.last < begin || waiting.first >= end_number) return false;
    engine_.settle(waiting.link, waiting.delivery, amqp::Outcome::released);
    engine_.grant(waiting.link, 1);
    unacked_bytes_ -= waiting.bytes;
    return true;
  });
  finish(out);
}

struct AmqpSession::EventHandler {
  AmqpSession& session;
  template <class Event>
  void operator()(Event& event) const {
    if constexpr (requires { session.hear(event); }) session.hear(event);
  }
};

void AmqpSession::on_event(SessionEvent& event, SessionNow now, Bytes& out) {
  if (closed_) return;
  now_ = now;
  std::visit(EventHandler{*this}, event);
  finish(out);
}

void AmqpSession::set_output_blocked(bool blocked, Bytes& out) {
  if (closed_) return;
  blocked_ = blocked;
  if (blocked) return;
  serve_all();
  finish(out);
}

// Links on which something may have waited.
void AmqpSession::serve_all() {
  for (const auto& [id, link] : links_)
    if (!link.client_sends) unserved_.insert(id);
}

void AmqpSession::close(Error reason, Bytes& out) {
  if (closed_) return;
  end(std::move(reason));
  engine_.drain(out);
}

bool AmqpSession::wants_input() const {
  return unacked_.size() < AmqpLimits::kUnackedMax && unacked_bytes_ < AmqpLimits::kUnackedBytesMax;
}

// Handles what has come, sends what can be sent.
void AmqpSession::finish(Bytes& out) {
  bool served = false;
  for (;;) {
    const std::size_t before = out.size();
    pump();
    if (closed_) break;
    engine_.drain(out);
    // Links that had to wait for room are served once something left; else at the next turn.
    if (unserved_.empty() || (served && out.size() == before)) break;
    served = true;
    const std::set<amqp::LinkId> links = std::exchange(unserved_, {});
    for (const amqp::LinkId id : links)
      if (Link* link = find(id)) serve(*link);
  }
  if (!closed_) engine_.on_time(now_.steady_ms);
  if (!closed_ && engine_.failed()) end(*engine_.failed(), false);
  engine_.drain(out);
  set_deadline();
}

void AmqpSession::pump() {
  while (!closed_ && wants_input()) {
    auto event = engine_.next();
    if (!event) break;
    std::visit([this](auto& held) { take(held); }, *event);
  }
  if (!closed_ && engine_.failed()) end(*engine_.failed(), false);
}

void AmqpSession::set_deadline() {
  deadline_ms_ = std::min({opened_by_ms_, ask_again_ms_, engine_.deadline_ms()});
  if (had_faults_)
    for (const auto& [id, device] : devices_)
      if (device.fault) deadline_ms_ = std::min(deadline_ms_, device.fault->deadline_ms());
  if (earliest_expiry_ms_ != INT64_MAX)
    deadline_ms_ = std::min(deadline_ms_, now_.steady_ms + (earliest_expiry_ms_ - now_.wall_ms));
}

void AmqpSession::end(Error reason, bool say) {
  if (closed_) return;
  // Of the two that fit, node comes back only after the second.
  if (say)
    engine_.close(amqp::Condition{
        reason.retry() == Retry::later ? "amqp:link:detach-forced" : "amqp:connection:forced",
        std::string(reason.info().what)});
  closed_ = std::move(reason);
  for (const auto& [id, link] : links_)
    if (link.reader)
      services_port_.release_partition(link.service->hub, link.address.consumer_group,
                                       link.address.partition, link.reader->token);
  links_.clear();
  devices_.clear();
  requests_.clear();
  unserved_.clear();
  unacked_.clear();
  unacked_bytes_ = 0;
}

// --- The connection ------------------------------------------------------------------------------

void AmqpSession::take(amqp::SaslStarted& event) {
  if (event.mechanism != "PLAIN") {
    // The others say nothing; tokens or the certificate come later.
    const bool known = event.mechanism == "ANONYMOUS" || event.mechanism == "MSSBCBS" ||
                       event.mechanism == "EXTERNAL";
    return engine_.sasl_done(known);
  }
  const std::string_view response = as_text(event.response.view());
  const std::size_t user_at = response.find('\0');
  const std::size_t password_at =
      user_at == std::string_view::npos ? user_at : response.find('\0', user_at + 1);
  if (password_at == std::string_view::npos) return engine_.sasl_done(false);
  const std::string_view user = response.substr(user_at + 1, password_at - user_at - 1);
  const auto principal = credentials_.plain(event.host, user, response.substr(password_at + 1));
  if (principal) {
    establish();
    ends_at(principal->expires_ms);
  }
  engine_.sasl_done(established_);
  if (!principal) end(principal.error(), false);
}

void AmqpSession::take(amqp::ConnectionOpened& event) {
  if (!event.host.empty()) credentials_.set_host(event.host);
  opened_ = true;
  opened_by_ms_ = established_ ? INT64_MAX : now_.steady_ms + AmqpLimits::kCredentialsTimeoutMs;
  engine_.open();
}

void AmqpSession::take(amqp::ConnectionClosed&) {
  end(kClientDisconnected, false);
}

// --- Links ---------------------------------------------------------------------------------------

AmqpSession::Link* AmqpSession::find(amqp::LinkId id) {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : &found->second;
}

void AmqpSession::take(amqp::LinkOpened& event) {
  const auto address = Address::parse(event.client_sends ? event.target : event.source);
  if (!address) return refuse(event.link, address.error());
  Link link{.id = event.link,
            .address = *address,
            .client_sends = event.client_sends,
            .own_address = event.client_sends ? event.source : event.target};
  if (address->kind == Address::Kind::cbs) return attach_cbs(std::move(link));
  if (address->of_device()) return attach_device(std::move(link));
  attach_service(std::move(link), event);
}

void AmqpSession::accept(Link link, unsigned credit, std::size_t message_size_max) {
  engine_.accept(link.id, credit, message_size_max);
  const amqp::LinkId id = link.id;
  links_.emplace(id, std::move(link));
}

void AmqpSession::refuse(amqp::LinkId link, const Error& why, std::string_view device) {
  engine_.refuse(link, condition(why, device));
  if (++refused_ > AmqpLimits::kRefusedMax) end(kTooManyRefused);
}

void AmqpSession::close_link(amqp::LinkId id, const Error& why) {
  const Link* link = find(id);
  const std::string device = link != nullptr && link->device != nullptr
                                 ? link->device->principal.identity->client_id()
                                 : std::string();
  engine_.close_link(id, condition(why, device));
  drop(id);
}

void AmqpSession::take(amqp::LinkClosed& event) {
  drop(event.link);
}

void AmqpSession::drop(amqp::LinkId id) {
  Link* link = find(id);
  if (link == nullptr) return;
  if (link->reader)
    services_port_.release_partition(link->service->hub, link->address.consumer_group,
                                     link->address.partition, link->reader->token);
  // What it was given and did not settle is there for the next one.
  for (const auto& [delivery, lock] : link->locks) settle_lock(*link, lock, Settlement::abandon);
  std::erase_if(unacked_, [&](const Unacked& waiting) {
    if (waiting.link != id) return false;
    unacked_bytes_ -= waiting.bytes;
    return true;
  });
  Device* device = link->device;
  const auto slot = slot_of(*link);
  links_.erase(id);
  unserved_.erase(id);
  if (device == nullptr) return;
  if (slot && device->links[*slot] == id) {
    const Channels before = channels_of(*device);
    device->links[*slot] = 0;
    if (*slot == kTwinAnswers) device->wants_desired = false;
    channels_changed(*device, before);
  }
  if (--device->link_count == 0) devices_.erase(device->principal.identity->client_id());
}

void AmqpSession::take(amqp::CreditChanged& event) {
  if (Link* link = find(event.link)) serve(*link);
}

void AmqpSession::take(amqp::MessageReceived& event) {
  Link* link = find(event.link);
  if (link == nullptr) return;
  if (link->address.kind == Address::Kind::telemetry) return take_telemetry(*link, event);
  auto message = amqp::Message::decode(event.bytes);
  if (!message) {
    const amqp::Condition why = condition(message.error());
    engine_.settle(event.link, event.delivery, amqp::Outcome::rejected, &why);
    return engine_.grant(event.link, 1);
  }
  if (link->address.kind == Address::Kind::service_messages)
    return take_service_message(*link, event, *message);
  engine_.settle(event.link, event.delivery, amqp::Outcome::accepted);
  engine_.grant(event.link, 1);
  switch (link->address.kind) {
    case Address::Kind::cbs:
      return put_token(*message);
    case Address::Kind::twin:
      return take_twin_request(*link, *message);
    case Address::Kind::methods:
      return take_method_answer(*link, *message);
    case Address::Kind::event_management:
      return take_management_request(*link, *message);
    default:
      return;
  }
}

void AmqpSession::take(amqp::MessageSettled& event) {
  Link* link = find(event.link);
  if (link == nullptr) return;
  const auto found = link->locks.find(event.delivery);
  if (found == link->locks.end()) return;
  Settlement settlement = Settlement::abandon;
  if (event.outcome == amqp::Outcome::accepted) settlement = Settlement::complete;
  if (event.outcome == amqp::Outcome::rejected) settlement = Settlement::reject;
  settle_lock(*link, found->second, settlement);
  link->locks.erase(found);
  unserved_.insert(link->id);
}

// --- $cbs ----------------------------------------------------------------------------------------

void AmqpSession::attach_cbs(Link link) {
  const auto is_cbs = [](const auto& entry) {
    return entry.second.address.kind == Address::Kind::cbs;
  };
  if (std::ranges::count_if(links_, is_cbs) >= std::ptrdiff_t{AmqpLimits::kCbsLinksMax})
    return refuse(link.id, kTooManyCbsLinks);
  accept(std::move(link), AmqpLimits::kRequestCredit, AmqpLimits::kCbsMessageSizeMax);
}

void AmqpSession::establish() {
  established_ = true;
  opened_by_ms_ = INT64_MAX;
  engine_.admit();
}

void AmqpSession::put_token(amqp::Message& request) {
  const amqp::Map& properties = request.application_properties;
  const auto text = [&](std::string_view name) -> std::string_view {
    const amqp::Value* value = amqp::find(properties, name);
    return value == nullptr ? std::string_view{} : amqp::text_of(*value).value_or("");
  };
  const auto* body = std::get_if<amqp::Value>(&request.body);
  const auto token = body == nullptr ? std::nullopt : amqp::text_of(*body);
  Status outcome;
  int status = 200;
  // azure-eventhub for Python calls every token a JWT, also those with a signature of a shared key.
  const bool shared_key = text("type") == "servicebus.windows.net:sastoken" ||
                          (text("type") == "jwt" && token && token->starts_with(kSasScheme));
  if (text("operation") != "put-token" || text("name").empty() || !token || !shared_key) {
    outcome = kBadTokenRequest;
    status = 400;
  } else if (auto principal = credentials_.put(text("name"), *token); !principal) {
    status = principal.error().is(kTooManyTokens) ? 403 : 401;
    outcome = std::move(principal).error();
  } else {
    establish();
    ends_at(principal->expires_ms);
  }
  const std::string tracking = outcome ? std::string() : tracking_id();
  if (!outcome) devices_port_.note_refusal(device_in(text("name")), tracking, outcome.error());
  const std::string reply_to = request.properties.reply_to.value_or("");
  Link* answers = find_answers(Address::Kind::cbs, reply_to);
  if (answers == nullptr) return;
  amqp::Message reply;
  reply.properties.correlation_id = request.properties.message_id;
  if (!reply_to.empty()) reply.properties.to = reply_to;
  // Exactly 200: node takes no other success (reference 0.11).
  const char* words = status == 200 ? "OK" : status == 401 ? "Unauthorized" : "Refused";
  reply.application_properties = {
      {amqp::Value("status-code"), amqp::Value(std::int32_t{status})},
      {amqp::Value("status-description"),
       amqp::Value(status == 200 ? std::string(words) : words + (" Tracking ID:" + tracking))}};
  reply.body = amqp::Value();
  send(*answers, reply);
}

// The receiving link for answers: the one that the request names, or the newest of its kind.
AmqpSession::Link* AmqpSession::find_answers(Address::Kind kind, std::string_view reply_to) {
  Link* newest = nullptr;
  for (auto& [id, link] : links_) {
    if (link.address.kind != kind || link.client_sends) continue;
    if (!reply_to.empty() && link.own_address == reply_to) return &link;
    if (newest == nullptr || newest->id < id) newest = &link;
  }
  return newest;
}

// --- Sending -------------------------------------------------------------------------------------

// Without room, but with credit, the link has its turn again when something has left.
bool AmqpSession::can_send(const Link& link) {
  if (engine_.can_send(link.id)) return true;
  if (engine_.has_credit(link.id)) unserved_.insert(link.id);
  return false;
}

bool AmqpSession::send_now(Link& link, ByteView encoded, ByteView tag, bool settled) {
  if (!can_send(link)) return false;
  ByteWriter counted;
  if (tag.empty()) {
    counted.be(next_tag_++);
    tag = counted.bytes();
  }
  engine_.send(link.id, tag, encoded, settled);
  return true;
}

// Answers: sent settled, in order, and kept for a while when there is no credit.
void AmqpSession::send(Link& link, const amqp::Message& message) {
  Bytes encoded;
  message.encode(encoded);
  if (link.queue.empty() && send_now(link, encoded, {}, true)) return;
  if (link.queue.size() == AmqpLimits::kQueuedMax) return close_link(link.id, kQueueOverflow);
  link.queue.push_back(std::move(encoded));
}

void AmqpSession::serve(Link& link) {
  while (!link.queue.empty()) {
    if (!send_now(link, link.queue.front(), {}, true)) return;
    link.queue.pop_front();
  }
  if (link.client_sends) return;
  switch (link.address.kind) {
    case Address::Kind::device_messages:
    case Address::Kind::feedback:
    case Address::Kind::file_notifications:
      if (close_if_hub_is_gone(link)) return;
      return ask_for_message(link);
    case Address::Kind::event_partition:
      return serve_reader(link);
    default:
      return engine_.nothing_to_send(link.id);
  }
}

// --- What clients are told -----------------------------------------------------------------------

std::string AmqpSession::tracking_id() {
  return options_.connection_id + "-" + std::to_string(++trackings_);
}

amqp::Condition AmqpSession::condition(const Error& why, std::string_view device) {
  const HubErrorCode code = is_about_credentials(why) ? HubErrorCode::iot_hub_unauthorized
                                                      : iothub::to_hub_error(why.info(), kRows);
  const iothub::HubErrorInfo& info = iothub::hub_error(code);
  const std::string tracking = tracking_id();
  devices_port_.note_refusal(device, tracking, why);
  std::string name(info.amqp_condition);
  if (why.is(kLinkStolen) || why.is(kSuperseded) || why.is(kEpochTooLow)) name = "amqp:link:stolen";
  // What the official clients come back after, and what they do not.
  if (why.is(kGrantEnded) || why.is(kProveAnew)) name = "amqp:link:detach-forced";
  if (why.is(kDeviceBarred)) name = "amqp:unauthorized-access";
  if (why.is(kTooManyCbsLinks) || why.is(kTooManyReaders)) name = "amqp:resource-limit-exceeded";
  const std::string words =
      is_about_credentials(why) ? "the client is not authorized" : std::string(why.info().what);
  return {std::move(name),
          std::string(info.name) + ": " + words + " (Tracking ID:" + tracking + ")",
          {{symbol(iothub::kAmqpTrackingId), amqp::Value(tracking)},
           {symbol(iothub::kAmqpErrorCode), amqp::Value(std::int32_t{iothub::number_of(code)})}}};
}

std::optional<Token> AmqpSession::ask(Request request) {
  if (requests_.size() >= AmqpLimits::kRequestsMax) return std::nullopt;
  const Token token = next_token_++;
  requests_.emplace(token, std::move(request));
  return token;
}

std::optional<AmqpSession::Request> AmqpSession::answered(Token token) {
  const auto found = requests_.find(token);
  if (found == requests_.end()) return std::nullopt;
  Request out = std::move(found->second);
  requests_.erase(found);
  return out;
}

}  // namespace pavise::hub
