#include "cloud/hub/amqp/mapping.h"

#include <charconv>
#include <chrono>

#include "cloud/hub/amqp/address.h"
#include "protocol/iothub/hub_error.h"
#include "protocol/iothub/property_bag.h"

namespace pavise::hub {
namespace {

using amqp::Message;
using amqp::Symbol;
using amqp::Timestamp;
using amqp::Value;

Value symbol(std::string_view text) {
  return Value(Symbol{std::string(text)});
}

// A simple value as text; nullopt: a list, map or the like.
std::optional<std::string> simple_text(const Value& value) {
  if (const auto text = amqp::text_of(value)) return std::string(*text);
  if (const auto* flag = value.as<bool>()) return *flag ? "true" : "false";
  if (const auto number = amqp::integer_of(value)) return std::to_string(*number);
  if (const auto* number = value.as<std::uint64_t>()) return std::to_string(*number);
  const auto real = [](auto number) {
    char buffer[64];
    const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number);
    return std::string(buffer, end);
  };
  if (const auto* number = value.as<double>()) return real(*number);
  if (const auto* number = value.as<float>()) return real(*number);
  if (const auto* time = value.as<Timestamp>()) return iothub::to_iso8601(time->ms);
  if (const auto* uuid = value.as<amqp::Uuid>()) return amqp::to_string(*uuid);
  return std::nullopt;
}

// Between a system property's name in bags and its annotation.
constexpr std::pair<std::string_view, std::string_view> kAnnotations[] = {
    {"$.ifid", "iothub-interface-id"},
    {"$.sub", "dt-subject"},
    {"$.on", "iothub-outputname"},
};

// "2026-11-25T16:00:00[.123[4567]][Z]" or milliseconds; nullopt: neither.
std::optional<UnixMillis> time_of(std::string_view text) {
  const auto number = [&](std::size_t at, std::size_t size) -> std::optional<int> {
    if (at + size > text.size()) return std::nullopt;
    int out = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + size, out);
    if (error != std::errc{} || end != text.data() + at + size) return std::nullopt;
    return out;
  };
  if (text.size() < 19) return std::nullopt;
  const auto year = number(0, 4), month = number(5, 2), day = number(8, 2), hour = number(11, 2),
             minute = number(14, 2), second = number(17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  int millis = 0;
  if (text.size() > 20 && text[19] == '.') {
    int scale = 100;
    for (std::size_t i = 20; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
      millis += scale * (text[i] - '0');
      scale /= 10;
    }
  }
  const std::chrono::sys_days days{date};
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             days.time_since_epoch() + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
             std::chrono::seconds(*second))
             .count() +
         millis;
}

// Puts one property of a bag where AMQP clients look for it.
void take_system(const iothub::Property& property, Message& out) {
  amqp::Properties& p = out.properties;
  const std::string& name = property.name;
  const std::string& value = property.value;
  if (name == "$.mid") {
    p.message_id = Value(value);
  } else if (name == "$.cid") {
    p.correlation_id = Value(value);
  } else if (name == "$.uid") {
    p.user_id = to_bytes(as_bytes(value));
  } else if (name == "$.to") {
    p.to = value;
  } else if (name == "$.ct") {
    p.content_type = value;
  } else if (name == "$.ce") {
    p.content_encoding = value;
  } else if (name == "$.exp") {
    p.absolute_expiry_ms = time_of(value);
  } else if (name == "$.ctime") {
    p.creation_ms = time_of(value);
  } else {
    for (const auto& [system, annotation] : kAnnotations)
      if (name == system) out.annotations.push_back({symbol(annotation), Value(value)});
  }
}

void take_bag(std::string_view encoded, Message& out) {
  const auto bag = iothub::PropertyBag::parse(encoded);
  if (!bag) return;  // was checked when it came in
  for (const iothub::Property& property : bag->all()) {
    if (property.name.starts_with("$.")) {
      take_system(property, out);
    } else {
      out.application_properties.push_back(
          {Value(property.name), property.has_value ? Value(property.value) : Value()});
    }
  }
}

void add_id(iothub::PropertyBag& bag, std::string_view name, const Value& id) {
  if (const auto text = amqp::id_text(id)) bag.add(name, *text);
}

void add_text(iothub::PropertyBag& bag, std::string_view name,
              const std::optional<std::string>& text) {
  if (text) bag.add(name, *text);
}

}  // namespace

Result<std::string> property_bag_of(const Message& message) {
  const amqp::Properties& p = message.properties;
  iothub::PropertyBag bag;
  add_id(bag, "$.mid", p.message_id);
  add_id(bag, "$.cid", p.correlation_id);
  if (p.user_id) bag.add("$.uid", as_text(*p.user_id));
  add_text(bag, "$.to", p.to);
  add_text(bag, "$.ct", p.content_type);
  add_text(bag, "$.ce", p.content_encoding);
  if (p.absolute_expiry_ms) bag.add("$.exp", iothub::to_iso8601(*p.absolute_expiry_ms));
  if (p.creation_ms) bag.add("$.ctime", iothub::to_iso8601(*p.creation_ms));
  for (const auto& [system, annotation] : kAnnotations)
    if (const Value* value = amqp::find(message.annotations, annotation))
      if (const auto text = simple_text(*value)) bag.add(system, *text);
  for (const amqp::MapEntry& entry : message.application_properties) {
    const auto name = amqp::text_of(entry.key);
    if (!name || name->empty()) return iothub::kBadPropertyKey;
    if (*name == "iothub-outputname") {
      if (const auto text = simple_text(entry.value)) bag.add("$.on", *text);
      continue;
    }
    if (entry.value.is_null()) {
      bag.add_name(*name);
      continue;
    }
    const auto text = simple_text(entry.value);
    if (!text) return kBadValue;
    bag.add(*name, *text);
  }
  if (bag.all().size() > iothub::kPropertiesMax) return iothub::kTooManyProperties;
  std::string encoded = bag.encode();
  if (encoded.size() > iothub::kPropertyBagSizeMax) return iothub::kPropertiesTooLarge;
  return encoded;
}

Result<Bytes> body_of(Message& message) {
  if (auto* data = std::get_if<Message::Data>(&message.body)) {
    if (data->size() == 1) return std::move(data->front());
    return message.data();
  }
  if (std::holds_alternative<std::monostate>(message.body)) return Bytes{};
  if (auto* value = std::get_if<Value>(&message.body)) {
    if (auto* bytes = std::get_if<Bytes>(&value->data)) return std::move(*bytes);
    if (const auto* text = value->as<std::string>()) return to_bytes(as_bytes(*text));
    if (value->is_null()) return Bytes{};
  }
  return kBodyNotData;
}

Bytes delivery_tag(std::string_view lock_token) {
  if (const auto uuid = amqp::uuid_from(lock_token))
    return {uuid->bytes.begin(), uuid->bytes.end()};
  return to_bytes(as_bytes(lock_token.substr(0, 32)));
}

Message to_amqp(DeviceMessage message) {
  Message out;
  take_bag(message.properties, out);
  const auto uuid = amqp::uuid_from(message.lock_token);
  out.annotations.push_back(
      {symbol("x-opt-lock-token"), uuid ? Value(*uuid) : Value(message.lock_token)});
  out.annotations.push_back(
      {symbol("x-opt-sequence-number"), Value(static_cast<std::int64_t>(message.sequence_number))});
  out.annotations.push_back({symbol("iothub-enqueuedtime"), Value(Timestamp{message.enqueued_ms})});
  out.annotations.push_back(
      {symbol("iothub-deliverycount"), Value(static_cast<std::int32_t>(message.delivery_count))});
  out.body = Message::Data{std::move(message.payload)};
  return out;
}

Result<MessageToDevice> to_device_message(Message& message) {
  if (!message.properties.to) return kBadDestination;
  const auto to = Address::parse(*message.properties.to);
  if (!to || to->kind != Address::Kind::device_messages) return kBadDestination;
  MessageToDevice out;
  out.device = to->device;
  out.module_id = to->module_id;
  if (const Value* ack = amqp::find(message.application_properties, "iothub-ack")) {
    const auto text = amqp::text_of(*ack);
    if (text == "positive") out.feedback = FeedbackWanted::positive;
    if (text == "negative") out.feedback = FeedbackWanted::negative;
    if (text == "full") out.feedback = FeedbackWanted::full;
  }
  out.expires_ms = message.properties.absolute_expiry_ms.value_or(0);
  PAVISE_TRY_ASSIGN(out.properties, property_bag_of(message));
  PAVISE_TRY_ASSIGN(out.payload, body_of(message));
  return out;
}

Message to_amqp(const ServiceMessage& message, ServiceQueue queue, std::string_view hub) {
  Message out;
  out.properties.content_type = queue == ServiceQueue::feedback
                                    ? "application/vnd.microsoft.iothub.feedback.json"
                                    : "application/vnd.microsoft.iothub.filenotification.json";
  out.properties.content_encoding = "utf-8";
  out.properties.user_id = to_bytes(as_bytes(hub));
  const auto uuid = amqp::uuid_from(message.lock_token);
  out.annotations.push_back(
      {symbol("x-opt-lock-token"), uuid ? Value(*uuid) : Value(message.lock_token)});
  out.annotations.push_back({symbol("iothub-enqueuedtime"), Value(Timestamp{message.enqueued_ms})});
  out.body = Message::Data{to_bytes(as_bytes(message.body_json))};
  return out;
}

Message to_amqp(Record record) {
  Message out;
  const RecordOrigin origin = RecordOrigin::parse(record.origin);
  const auto annotate = [&](std::string_view name, Value value) {
    out.annotations.push_back({symbol(name), std::move(value)});
  };
  annotate("x-opt-sequence-number", Value(static_cast<std::int64_t>(record.offset)));
  annotate("x-opt-offset", Value(std::to_string(record.offset)));
  annotate("x-opt-enqueued-time", Value(Timestamp{record.time_ms}));
  annotate("x-opt-partition-key", Value(record.device));
  annotate("iothub-connection-device-id", Value(record.device));
  if (!origin.module_id.empty()) annotate("iothub-connection-module-id", Value(origin.module_id));
  if (!origin.auth_method.empty()) {
    // Attested devices hold certificates: clients know three types only.
    const std::string type = origin.auth_method == "sas" ? "sas" : "x509";
    annotate("iothub-connection-auth-method",
             Value("{\"scope\":\"" + std::string(origin.module_id.empty() ? "device" : "module") +
                   "\",\"type\":\"" + type +
                   "\",\"issuer\":\"iothub\",\"acceptingIpFilterRule\":null}"));
  }
  if (!origin.generation_id.empty())
    annotate("iothub-connection-auth-generation-id", Value(origin.generation_id));
  annotate("iothub-enqueuedtime", Value(Timestamp{record.time_ms}));
  annotate("iothub-message-source", Value(origin.source.empty() ? "Telemetry" : origin.source));
  take_bag(record.properties, out);
  out.body = Message::Data{std::move(record.payload)};
  return out;
}

amqp::Map runtime_metrics(const PartitionInfo& info, UnixMillis now_ms) {
  const std::int64_t last = info.empty ? -1 : static_cast<std::int64_t>(info.last_offset);
  return {{symbol("last_enqueued_sequence_number"), Value(last)},
          {symbol("last_enqueued_offset"), Value(std::to_string(last))},
          {symbol("last_enqueued_time_utc"), Value(Timestamp{info.last_enqueued_ms})},
          {symbol("runtime_info_retrieval_time_utc"), Value(Timestamp{now_ms})}};
}

}  // namespace pavise::hub
