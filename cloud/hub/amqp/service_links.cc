// The links of services: messages to devices, feedback, and the reading of events.
#include <algorithm>

#include "cloud/hub/amqp/mapping.h"
#include "cloud/hub/amqp/session.h"
#include "common/base/ascii.h"

namespace pavise::hub {
namespace {

using amqp::Symbol;
using amqp::Value;

constexpr std::string_view kEpoch = "com.microsoft:epoch";
constexpr std::string_view kRuntimeMetric = "com.microsoft:enable-receiver-runtime-metric";
constexpr std::string_view kEventHubType = "com.microsoft:eventhub";
constexpr std::string_view kPartitionType = "com.microsoft:partition";

Value symbol(std::string_view text) {
  return Value(Symbol{std::string(text)});
}

// Which side sends at an address.
bool direction_fits(const Address& address, bool client_sends) {
  switch (address.kind) {
    case Address::Kind::service_messages:
      return client_sends;
    case Address::Kind::feedback:
    case Address::Kind::file_notifications:
    case Address::Kind::event_partition:
      return !client_sends;
    default:
      return true;
  }
}

}  // namespace

void AmqpSession::attach_service(Link link, const amqp::LinkOpened& event) {
  if (!direction_fits(link.address, link.client_sends)) return refuse(link.id, kWrongDirection);
  auto principal = credentials_.service(link.address);
  if (!principal) return refuse(link.id, principal.error());
  if (principal->expires_ms <= now_.wall_ms) return refuse(link.id, kGrantEnded);
  establish();
  if (link.address.kind == Address::Kind::event_redirect) return redirect(link, *principal);
  // The entity's name is the hub's.
  if (link.address.of_events() && !link.address.entity.empty() &&
      !equal_folded(link.address.entity, principal->hub.text()))
    return refuse(link.id, kUnknownAddress);
  ends_at(principal->expires_ms);
  link.hub_created_ms = services_port_.created_ms(principal->hub);
  link.service = *std::move(principal);
  if (link.address.kind == Address::Kind::event_partition)
    return attach_reader(std::move(link), event);
  accept(std::move(link), AmqpLimits::kRequestCredit);
}

// Whoever may use a hub may not use a later one of the same name: that may be another tenant's.
bool AmqpSession::close_if_hub_is_gone(const Link& link) {
  if (!link.service || services_port_.created_ms(link.hub()) == link.hub_created_ms) return false;
  close_link(link.id, kUnknownAddress);
  return true;
}

// Events are read at the Event Hubs-compatible address, which is ours again (reference D3).
void AmqpSession::redirect(const Link& link, const Principal& principal) {
  const std::string& host = credentials_.host();
  amqp::Condition why = condition(kRedirected);
  why.name = "amqp:link:redirect";
  why.info = {{symbol("hostname"), Value(host)},
              {symbol("network-host"), Value(host)},
              {symbol("port"), Value(std::uint32_t{options_.port})},
              {symbol("address"), Value("amqps://" + host + ":" + std::to_string(options_.port) +
                                        "/" + principal.hub.text() + "/$management")}};
  engine_.refuse(link.id, why);
  if (++refused_ > AmqpLimits::kRefusedMax) end(kTooManyRefused);
}

// --- Messages to devices -------------------------------------------------------------------------

void AmqpSession::take_service_message(Link& link, amqp::MessageReceived& event,
                                       amqp::Message& message) {
  if (close_if_hub_is_gone(link)) return;
  auto mapped = to_device_message(message);
  const auto token =
      mapped ? ask({.kind = Request::Kind::send, .link = link.id, .delivery = event.delivery})
             : std::nullopt;
  if (!token) {
    const amqp::Condition why = condition(mapped ? Error(kQueueOverflow) : mapped.error());
    engine_.settle(event.link, event.delivery, amqp::Outcome::rejected, &why);
    return engine_.grant(event.link, 1);
  }
  services_port_.send_message(link.hub(), *std::move(mapped), *token);
}

void AmqpSession::hear(MessageSent& event) {
  const auto request = answered(event.token);
  if (!request) return;
  if (event.outcome) {
    engine_.settle(request->link, request->delivery, amqp::Outcome::accepted);
  } else {
    const amqp::Condition why = condition(event.outcome.error());
    engine_.settle(request->link, request->delivery, amqp::Outcome::rejected, &why);
  }
  engine_.grant(request->link, 1);
}

void AmqpSession::hear(ServiceMessageWaiting& event) {
  const auto kind = event.queue == ServiceQueue::feedback ? Address::Kind::feedback
                                                          : Address::Kind::file_notifications;
  for (auto& [id, link] : links_)
    if (link.address.kind == kind && link.service && link.hub() == event.hub) ask_for_message(link);
}

void AmqpSession::hear(ServiceMessageOffered& event) {
  const auto request = answered(event.token);
  Link* link = request ? find(request->link) : nullptr;
  if (link == nullptr) return;
  link->asked = false;
  if (!event.message) ask_again_after(event.message.error());
  const std::optional<ServiceMessage>* const offered = event.message ? &*event.message : nullptr;
  if (offered == nullptr || !offered->has_value()) return engine_.nothing_to_send(link->id);
  const ServiceMessage& message = **offered;
  if (!engine_.can_send(link->id))
    return settle_lock(*link, message.lock_token, Settlement::abandon);
  const auto queue = link->address.kind == Address::Kind::feedback
                         ? ServiceQueue::feedback
                         : ServiceQueue::file_notifications;
  Bytes encoded;
  to_amqp(message, queue, link->hub().text()).encode(encoded);
  link->locks.emplace(engine_.send(link->id, delivery_tag(message.lock_token), encoded, false),
                      message.lock_token);
  ask_for_message(*link);
}

// --- Management of the event endpoint ------------------------------------------------------------

void AmqpSession::take_management_request(Link& link, amqp::Message& request) {
  if (close_if_hub_is_gone(link)) return;
  const auto text = [&](std::string_view name) -> std::string {
    const Value* value = amqp::find(request.application_properties, name);
    if (value == nullptr) return {};
    if (const auto number = amqp::integer_of(*value)) return std::to_string(*number);
    return std::string(amqp::text_of(*value).value_or(""));
  };
  const iothub::HubName& hub = link.hub();
  const Value correlation = request.properties.message_id;
  const std::string reply_to = request.properties.reply_to.value_or("");
  const std::string type = text("type");
  const unsigned partitions = services_port_.partition_count(hub);
  if (text("operation") != "READ" || (type != kEventHubType && type != kPartitionType))
    return answer_management(correlation, 400, "Bad Request", Value(), reply_to);
  if (const std::string name = text("name"); !equal_folded(name, hub.text()))
    return answer_management(correlation, 404, "Not Found", Value(), reply_to);
  if (type == kEventHubType) {
    amqp::Array ids;
    for (unsigned i = 0; i < partitions; ++i) ids.items.emplace_back(std::to_string(i));
    amqp::Map body{{Value("name"), Value(hub.text())},
                   {Value("type"), Value(kEventHubType)},
                   {Value("created_at"), Value(amqp::Timestamp{services_port_.created_ms(hub)})},
                   {Value("partition_count"), Value(static_cast<std::int32_t>(partitions))},
                   {Value("partition_ids"), Value(std::move(ids))},
                   {Value("georeplication_factor"), Value(std::int32_t{1})}};
    return answer_management(correlation, 200, "OK", Value(std::move(body)), reply_to);
  }
  const auto partition = Address::parse("x/ConsumerGroups/x/Partitions/" + text("partition"));
  if (!partition || partition->partition >= partitions)
    return answer_management(correlation, 404, "Not Found", Value(), reply_to);
  const auto token = ask({.kind = Request::Kind::partition,
                          .link = link.id,
                          .delivery = partition->partition,
                          .device = reply_to,
                          .correlation = correlation});
  if (!token) return answer_management(correlation, 429, "Busy", Value(), reply_to);
  services_port_.describe_partition(hub, partition->partition, *token);
}

void AmqpSession::answer_management(const Value& correlation, int status,
                                    std::string_view description, Value body,
                                    std::string_view reply_to) {
  Link* link = find_answers(Address::Kind::event_management, reply_to);
  if (link == nullptr) return;
  amqp::Message message;
  message.properties.correlation_id = correlation;
  if (!reply_to.empty()) message.properties.to = std::string(reply_to);
  // Both spellings are read (reference D3).
  const auto code = static_cast<std::int32_t>(status);
  message.application_properties = {{Value("status-code"), Value(code)},
                                    {Value("statusCode"), Value(code)},
                                    {Value("status-description"), Value(description)},
                                    {Value("statusDescription"), Value(description)}};
  message.body = std::move(body);
  send(*link, message);
}

void AmqpSession::hear(PartitionDescribed& event) {
  const auto request = answered(event.token);
  if (!request) return;
  Link* link = find(request->link);
  if (link == nullptr) return;
  if (request->kind == Request::Kind::partition) {
    if (!event.info)
      return answer_management(request->correlation, 503, "Busy", Value(), request->device);
    const PartitionInfo& info = *event.info;
    const std::int64_t last = info.empty ? -1 : static_cast<std::int64_t>(info.last_offset);
    amqp::Map body{
        {Value("name"), Value(link->hub().text())},
        {Value("type"), Value(kPartitionType)},
        {Value("partition"), Value(std::to_string(request->delivery))},
        {Value("begin_sequence_number"), Value(static_cast<std::int64_t>(info.first_offset))},
        {Value("last_enqueued_sequence_number"), Value(last)},
        {Value("last_enqueued_offset"), Value(std::to_string(last))},
        {Value("last_enqueued_time_utc"), Value(amqp::Timestamp{info.last_enqueued_ms})},
        {Value("is_partition_empty"), Value(info.empty)}};
    return answer_management(request->correlation, 200, "OK", Value(std::move(body)),
                             request->device);
  }
  Reader& reader = *link->reader;
  reader.asked = false;
  if (!event.info) return close_link(link->id, event.info.error());
  if (request->kind == Request::Kind::start) reader.next = event.info->next_offset;
  reader.info = *event.info;
  serve_reader(*link);
}

// --- Readers of events ---------------------------------------------------------------------------

void AmqpSession::attach_reader(Link link, const amqp::LinkOpened& event) {
  const iothub::HubName hub = link.hub();
  if (link.address.partition >= services_port_.partition_count(hub))
    return refuse(link.id, kNoSuchPartition);
  const auto start = StartAt::from_filter(event.filter);
  if (!start) return refuse(link.id, start.error());
  std::optional<std::int64_t> epoch;
  if (const Value* value = amqp::find(event.properties, kEpoch)) epoch = amqp::integer_of(*value);
  link.reader = std::make_unique<Reader>(Reader{.start = *start});
  Reader& reader = *link.reader;
  reader.token = next_token_++;
  reader.wants_metrics = std::ranges::count(event.desired_capabilities, kRuntimeMetric) != 0;
  if (start->by == StartAt::By::beginning) reader.next = 0;
  if (start->by == StartAt::By::offset) reader.next = start->offset;
  switch (services_port_.claim_partition(hub, link.address.consumer_group, link.address.partition,
                                         epoch, reader.token)) {
    case PartitionGrant::granted:
      break;
    case PartitionGrant::epoch_reads:
      return refuse(link.id, kEpochTooLow);
    case PartitionGrant::too_many_readers:
      return refuse(link.id, kTooManyReaders);
  }
  // azure-eventhub for Python fails when it named some and hears of none.
  engine_.repeat_properties(link.id);
  accept(std::move(link), 0);
}

// Sends what was read, and reads on while there is credit. At most one page is held.
void AmqpSession::serve_reader(Link& link) {
  Reader& reader = *link.reader;
  if (reader.asked || close_if_hub_is_gone(link)) return;
  const iothub::HubName& hub = link.hub();
  const unsigned partition = link.address.partition;
  const auto ask_hub = [&](Request::Kind kind) {
    const auto token = ask({.kind = kind, .link = link.id});
    reader.asked = token.has_value();
    return token;
  };
  if (!reader.next) {
    const auto token = ask_hub(Request::Kind::start);
    if (!token) return;
    if (reader.start.by == StartAt::By::time)
      return services_port_.find_offset(hub, partition, reader.start.time_ms, *token);
    return services_port_.describe_partition(hub, partition, *token);
  }
  if (blocked_) return;
  if (!reader.page.empty() && reader.wants_metrics && !reader.info) {
    if (const auto token = ask_hub(Request::Kind::metrics))
      services_port_.describe_partition(hub, partition, *token);
    return;
  }
  while (!reader.page.empty() && can_send(link)) {
    amqp::Message message = to_amqp(std::move(reader.page.front()));
    reader.page.pop_front();
    if (reader.info) message.delivery_annotations = runtime_metrics(*reader.info, now_.wall_ms);
    Bytes encoded;
    message.encode(encoded);
    send_now(link, encoded, {}, true);
  }
  if (!reader.page.empty()) return;
  reader.info.reset();
  if (!can_send(link)) return;
  if (reader.at_end) return engine_.nothing_to_send(link.id);
  reader.arrived = false;
  if (const auto token = ask_hub(Request::Kind::read))
    services_port_.read_events(hub, {.partition = partition, .from = *reader.next}, *token);
}

void AmqpSession::hear(OffsetFound& event) {
  const auto request = answered(event.token);
  Link* link = request ? find(request->link) : nullptr;
  if (link == nullptr) return;
  link->reader->asked = false;
  if (!event.offset) return close_link(link->id, event.offset.error());
  link->reader->next = *event.offset;
  serve_reader(*link);
}

void AmqpSession::hear(EventsRead& event) {
  const auto request = answered(event.token);
  Link* link = request ? find(request->link) : nullptr;
  if (link == nullptr) return;
  Reader& reader = *link->reader;
  reader.asked = false;
  if (!event.page) return close_link(link->id, event.page.error());
  reader.next = event.page->next;
  // Who was told while its page was read is not told again of the same records.
  reader.at_end = event.page->at_end && !reader.arrived;
  for (Record& record : event.page->records) reader.page.push_back(std::move(record));
  serve_reader(*link);
}

void AmqpSession::hear(EventsArrived&) {
  for (auto& [id, link] : links_) {
    if (!link.reader) continue;
    link.reader->at_end = false;
    link.reader->arrived = true;
    unserved_.insert(id);
  }
}

void AmqpSession::hear(ReaderDisplaced& event) {
  for (auto& [id, link] : links_) {
    if (!link.reader || link.reader->token != event.reader) continue;
    return close_link(id, kLinkStolen);
  }
}

}  // namespace pavise::hub
