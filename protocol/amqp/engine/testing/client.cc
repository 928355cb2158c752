#include "protocol/amqp/engine/testing/client.h"

namespace pavise::amqp::testing {
namespace {

Value described(std::uint64_t code, List fields) {
  return Value(Described{std::make_shared<const Value>(code),
                         std::make_shared<const Value>(std::move(fields))});
}

const Value& at(const List& fields, std::size_t i) {
  static const Value kNull;
  return i < fields.size() ? fields[i] : kNull;
}

std::optional<Failure> failure_of(const Value& value) {
  const auto* error = value.as<Described>();
  if (error == nullptr) return std::nullopt;
  const List& fields = *error->value->as<List>();
  const auto* info = at(fields, 2).as<Map>();
  return Failure{std::string(text_of(at(fields, 0)).value_or("")),
                 std::string(text_of(at(fields, 1)).value_or("")), info ? *info : Map{}};
}

}  // namespace

// --- To the hub ----------------------------------------------------------------------------------

void Client::raw(std::uint16_t channel, std::uint64_t code, List fields, ByteView payload) {
  Bytes performative;
  encode_described(code, Value(std::move(fields)), performative);
  append(performative, payload);
  encode_frame(false, channel, performative, out_);
}

void Client::header(ProtocolId id) {
  append(out_, protocol_header(id));
}

void Client::sasl_init(std::string_view mechanism, ByteView response) {
  Bytes performative;
  encode_described(0x41,
                   Value(List{Value(Symbol{std::string(mechanism)}), Value(to_bytes(response))}),
                   performative);
  encode_frame(true, 0, performative, out_);
}

void Client::open(std::string_view host, std::uint32_t idle_timeout_ms) {
  raw(0, 0x10,
      {Value("client"), Value(host), Value(std::uint32_t{65536}), Value(std::uint16_t{65535}),
       idle_timeout_ms == 0 ? Value() : Value(idle_timeout_ms)});
}

void Client::begin() {
  raw(static_cast<std::uint16_t>(sessions_.size()), 0x11,
      {Value(), Value(std::uint32_t{0}), Value(std::uint32_t{2048}), Value(std::uint32_t{2048})});
  sessions_.push_back({});
}

void Client::end() {
  raw(static_cast<std::uint16_t>(sessions_.size() - 1), 0x17, {});
}

ClientLink& Client::sender(const std::string& name, const LinkOptions& options) {
  return attach(name, true, options);
}

ClientLink& Client::receiver(const std::string& name, const LinkOptions& options) {
  ClientLink& link = attach(name, false, options);
  if (options.credit != 0) flow(link, options.credit);
  return link;
}

ClientLink& Client::attach(const std::string& name, bool sends, const LinkOptions& options) {
  if (sessions_.empty()) begin();
  const auto channel = static_cast<std::uint16_t>(sessions_.size() - 1);
  links_.push_back({.name = name, .channel = channel, .handle = next_handle_++, .sends = sends});
  ClientLink& link = links_.back();
  by_name_[{channel, name, sends}] = &link;
  const auto address = [](const std::string& text) { return text.empty() ? Value() : Value(text); };
  const std::string& source = sends ? options.other_address : options.address;
  const std::string& target = sends ? options.address : options.other_address;
  List source_fields{address(source)};
  if (!options.filter.empty()) {
    source_fields.resize(7);
    source_fields.emplace_back(options.filter);
  }
  Value desired;
  if (!options.desired_capabilities.empty()) {
    Array symbols;
    for (const auto& text : options.desired_capabilities) symbols.items.emplace_back(Symbol{text});
    desired = Value(std::move(symbols));
  }
  raw(channel, 0x12,
      {Value(name), Value(link.handle), Value(!sends),
       Value(std::uint8_t{options.settled ? std::uint8_t{1} : std::uint8_t{2}}),
       Value(std::uint8_t{0}), described(0x28, std::move(source_fields)),
       described(0x29, {address(target)}), Value(), Value(),
       sends ? Value(std::uint32_t{0}) : Value(), Value(), Value(), std::move(desired),
       options.properties.empty() ? Value() : Value(options.properties)});
  return link;
}

void Client::flow(ClientLink& link, std::uint32_t credit, bool drain) {
  link.credit = credit;
  link.drained = false;
  const Session& session = sessions_[link.channel];
  raw(link.channel, 0x13,
      {Value(session.next_incoming), Value(std::uint32_t{2048}), Value(session.next_outgoing),
       Value(std::uint32_t{2048}), Value(link.handle), Value(link.sent), Value(credit), Value(),
       Value(drain)});
}

std::uint32_t Client::send(ClientLink& link, const Message& message, std::uint32_t format,
                           bool settled) {
  Bytes bytes;
  message.encode(bytes);
  return send_bytes(link, bytes, format, settled);
}

std::uint32_t Client::send_bytes(ClientLink& link, ByteView bytes, std::uint32_t format,
                                 bool settled, std::size_t frame_max) {
  Session& session = sessions_[link.channel];
  const std::uint32_t id = session.next_delivery++;
  sent_on_[{link.channel, id}] = &link;
  ByteWriter tag;
  tag.be(id);
  bool first = true;
  do {
    const std::size_t size = std::min(bytes.size(), frame_max);
    const bool more = size < bytes.size();
    raw(link.channel, 0x14,
        {Value(link.handle), first ? Value(id) : Value(), first ? Value(tag.bytes()) : Value(),
         first ? Value(format) : Value(), Value(settled), Value(more)},
        bytes.first(size));
    bytes = bytes.subspan(size);
    first = false;
    ++session.next_outgoing;
  } while (!bytes.empty());
  ++link.sent;
  --link.credit;
  return id;
}

void Client::answer(ClientLink& link, const Received& received, Outcome outcome) {
  const std::uint64_t codes[] = {0x24, 0x25, 0x26, 0x27};
  raw(link.channel, 0x15,
      {Value(true), Value(received.delivery), Value(), Value(true),
       described(codes[static_cast<int>(outcome)], {})});
}

void Client::detach(ClientLink& link, bool closed) {
  raw(link.channel, 0x16, {Value(link.handle), Value(closed)});
}

void Client::close() {
  raw(0, 0x18, {});
}

void Client::heartbeat() {
  encode_frame(false, 0, {}, out_);
}

// --- From the hub --------------------------------------------------------------------------------

void Client::feed(ByteView bytes) {
  stream_.feed(bytes);
  for (;;) {
    if (header_next_) {
      const auto id = stream_.next_header();
      PAVISE_CHECK(id.has_value());
      if (!*id) return;
      ++headers_;
      header_next_ = false;
      continue;
    }
    const auto frame = stream_.next_frame(SIZE_MAX);
    PAVISE_CHECK(frame.has_value());
    if (!*frame) return;
    take_frame(**frame);
  }
}

void Client::take_sasl(ByteView body) {
  ValueReader reader(body);
  const std::uint64_t code = *reader.next_descriptor();
  const Value value = *reader.next();
  const Value& first = at(*value.as<List>(), 0);
  if (code == 0x40) {
    for (const Value& item : first.as<Array>()->items) mechanisms_.emplace_back(*text_of(item));
  } else if (code == 0x44) {
    sasl_code_ = static_cast<int>(*integer_of(first));
    header_next_ = true;
  }
}

void Client::take_frame(const Frame& frame) {
  if (frame.sasl) return take_sasl(frame.body);
  if (ended_) return;  // what comes after a close does not count
  if (frame.body.empty()) {
    ++heartbeats_;
    return;
  }
  ValueReader reader(frame.body);
  const std::uint64_t code = *reader.next_descriptor();
  const Value value = *reader.next();
  const List& fields = *value.as<List>();
  // As azure-eventhub for Python, which reads each field by its place.
  static const std::map<std::uint64_t, std::size_t> kFields = {{0x10, 10}, {0x11, 8},  {0x12, 14},
                                                               {0x13, 11}, {0x14, 11}, {0x15, 6},
                                                               {0x16, 3},  {0x17, 1},  {0x18, 1}};
  PAVISE_CHECK(fields.size() == kFields.at(code));
  if (code == 0x11)
    channels_[frame.channel] = static_cast<std::uint16_t>(integer_of(at(fields, 0)).value_or(0));
  // The hub numbers its own ends of the sessions.
  const std::uint16_t channel = channels_[frame.channel];
  switch (code) {
    case 0x10:
      opened_ = true;
      frame_size_max_ = static_cast<std::uint32_t>(integer_of(at(fields, 2)).value_or(0));
      idle_timeout_ms_ = static_cast<std::uint32_t>(integer_of(at(fields, 4)).value_or(0));
      break;
    case 0x12:
      take_attach(channel, fields);
      break;
    case 0x13: {
      ClientLink* link = by_hub_handle(channel, at(fields, 4));
      if (link == nullptr) break;
      const std::int64_t granted = integer_of(at(fields, 6)).value_or(0);
      if (link->sends) {
        link->credit = integer_of(at(fields, 5)).value_or(0) + granted - link->sent;
      } else if (granted == 0) {
        link->drained = true;
        link->credit = 0;
        link->sent = static_cast<std::uint32_t>(integer_of(at(fields, 5)).value_or(0));
      }
      break;
    }
    case 0x14:
      take_transfer(channel, fields, reader.rest());
      break;
    case 0x15:
      take_disposition(channel, fields);
      break;
    case 0x16:
      if (ClientLink* link = by_hub_handle(channel, at(fields, 0))) {
        link->detached = true;
        link->failure = failure_of(at(fields, 2));
      }
      break;
    case 0x17:
      ++sessions_ended_;
      break;
    case 0x18:
      ended_ = true;
      closed_ = failure_of(at(fields, 0));
      break;
    default:
      break;
  }
}

void Client::take_attach(std::uint16_t channel, const List& fields) {
  const bool hub_receives = *at(fields, 2).as<bool>();
  ClientLink* link = by_name_[{channel, std::string(*text_of(at(fields, 0))), hub_receives}];
  PAVISE_CHECK(link != nullptr);
  by_hub_handle_[{channel, *at(fields, 1).as<std::uint32_t>()}] = link;
  link->attached = !at(fields, hub_receives ? 6 : 5).is_null();
  link->max_message_size = static_cast<std::uint64_t>(integer_of(at(fields, 10)).value_or(0));
  if (const auto* properties = at(fields, 13).as<Map>()) link->properties = *properties;
}

ClientLink* Client::by_hub_handle(std::uint16_t channel, const Value& handle) {
  const auto* number = handle.as<std::uint32_t>();
  if (number == nullptr) return nullptr;
  const auto found = by_hub_handle_.find({channel, *number});
  return found == by_hub_handle_.end() ? nullptr : found->second;
}

void Client::take_transfer(std::uint16_t channel, const List& fields, ByteView payload) {
  ClientLink* link = by_hub_handle(channel, at(fields, 0));
  PAVISE_CHECK(link != nullptr && !link->sends);
  ++sessions_[channel].next_incoming;
  auto& [bytes, received] = unfinished_[link];
  if (const auto* id = at(fields, 1).as<std::uint32_t>()) received.delivery = *id;
  if (const auto* tag = at(fields, 2).as<Bytes>()) received.tag = *tag;
  const auto* settled = at(fields, 4).as<bool>();
  received.settled = received.settled || (settled != nullptr && *settled);
  append(bytes, payload);
  if (const auto* more = at(fields, 5).as<bool>(); more != nullptr && *more) return;
  auto message = Message::decode(bytes);
  PAVISE_CHECK(message.has_value());
  PAVISE_CHECK(--link->credit >= 0);
  ++link->sent;
  received.message = *std::move(message);
  link->received.push_back(std::move(received));
  unfinished_.erase(link);
}

void Client::take_disposition(std::uint16_t channel, const List& fields) {
  const auto* hub_receives = at(fields, 0).as<bool>();
  if (hub_receives == nullptr || !*hub_receives) return;
  const std::uint32_t first = *at(fields, 1).as<std::uint32_t>();
  const auto* last = at(fields, 2).as<std::uint32_t>();
  const auto* state = at(fields, 4).as<Described>();
  std::string text = "settled";
  std::optional<Map> info;
  if (state != nullptr) {
    const char* const names[] = {"accepted", "rejected", "released", "modified"};
    text = names[*state->descriptor->as<std::uint64_t>() - 0x24];
    if (const auto failure = failure_of(at(*state->value->as<List>(), 0)); text == "rejected") {
      text += " " + (failure ? failure->condition : "");
      if (failure) info = failure->info;
    }
  }
  for (std::uint32_t id = first; id <= (last == nullptr ? first : *last); ++id) {
    ClientLink* link = sent_on_[{channel, id}];
    if (link == nullptr) continue;
    link->outcomes[id] = text;
    if (info) link->reject_infos.push_back(*info);
  }
}

}  // namespace pavise::amqp::testing
