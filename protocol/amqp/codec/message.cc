#include "protocol/amqp/codec/message.h"

#include <algorithm>

namespace pavise::amqp {
namespace {

enum Section : std::uint64_t {
  kHeader = 0x70,
  kDeliveryAnnotations = 0x71,
  kMessageAnnotations = 0x72,
  kProperties = 0x73,
  kApplicationProperties = 0x74,
  kData = 0x75,
  kSequence = 0x76,
  kValue = 0x77,
  kFooter = 0x78,
};

constexpr std::size_t kPropertyFields = 13;

bool is_id(const Value& value) {
  return value.is_null() || value.as<std::uint64_t>() != nullptr || value.as<Uuid>() != nullptr ||
         value.as<Bytes>() != nullptr || value.as<std::string>() != nullptr;
}

template <class T>
Status take_field(const Value& value, std::optional<T>& out) {
  if (value.is_null()) return {};
  const T* held = value.as<T>();
  if (held == nullptr) return kBadProperties;
  out = *held;
  return {};
}

// Fields that are symbols by the specification; some clients send strings.
Status take_text(const Value& value, std::optional<std::string>& out) {
  if (value.is_null()) return {};
  const auto text = text_of(value);
  if (!text) return kBadProperties;
  out = std::string(*text);
  return {};
}

Status take_time(const Value& value, std::optional<UnixMillis>& out) {
  if (value.is_null()) return {};
  const auto* time = value.as<Timestamp>();
  if (time == nullptr) return kBadProperties;
  out = time->ms;
  return {};
}

Result<Properties> read_properties(const Value& value) {
  const auto* list = value.as<List>();
  if (list == nullptr || list->size() > kPropertyFields) return kBadProperties;
  const auto field = [&](std::size_t i) -> const Value& {
    static const Value kNull;
    return i < list->size() ? (*list)[i] : kNull;
  };
  Properties out;
  if (!is_id(field(0)) || !is_id(field(5))) return kBadProperties;
  out.message_id = field(0);
  out.correlation_id = field(5);
  PAVISE_TRY(take_field(field(1), out.user_id));
  PAVISE_TRY(take_text(field(2), out.to));
  PAVISE_TRY(take_text(field(3), out.subject));
  PAVISE_TRY(take_text(field(4), out.reply_to));
  PAVISE_TRY(take_text(field(6), out.content_type));
  PAVISE_TRY(take_text(field(7), out.content_encoding));
  PAVISE_TRY(take_time(field(8), out.absolute_expiry_ms));
  PAVISE_TRY(take_time(field(9), out.creation_ms));
  return out;
}

Result<Header> read_header(const Value& value) {
  const auto* list = value.as<List>();
  if (list == nullptr || list->size() > 5) return kBadSection;
  Header out;
  if (list->size() > 2 && !(*list)[2].is_null()) {
    const auto* ttl = (*list)[2].as<std::uint32_t>();
    if (ttl == nullptr) return kBadSection;
    out.ttl_ms = *ttl;
  }
  if (list->size() > 4 && !(*list)[4].is_null()) {
    const auto* count = (*list)[4].as<std::uint32_t>();
    if (count == nullptr) return kBadSection;
    out.delivery_count = *count;
  }
  return out;
}

Result<Map> read_map(Value&& value) {
  if (value.is_null()) return Map{};
  if (auto* map = std::get_if<Map>(&value.data)) return std::move(*map);
  return kBadSection;
}

template <class T>
Value optional_value(const std::optional<T>& field) {
  return field ? Value(*field) : Value();
}

void encode_list(std::uint64_t section, List fields, Bytes& out) {
  while (!fields.empty() && fields.back().is_null()) fields.pop_back();
  encode_described(section, Value(std::move(fields)), out);
}

void encode_properties(const Properties& p, Bytes& out) {
  const auto symbol = [](const std::optional<std::string>& text) {
    return text ? Value(Symbol{*text}) : Value();
  };
  const auto time = [](const std::optional<UnixMillis>& ms) {
    return ms ? Value(Timestamp{*ms}) : Value();
  };
  List fields{p.message_id,
              optional_value(p.user_id),
              optional_value(p.to),
              optional_value(p.subject),
              optional_value(p.reply_to),
              p.correlation_id,
              symbol(p.content_type),
              symbol(p.content_encoding),
              time(p.absolute_expiry_ms),
              time(p.creation_ms)};
  encode_list(kProperties, std::move(fields), out);
}

}  // namespace

Result<Message> Message::decode(ByteView bytes, SectionOrder order) {
  Message out;
  ValueReader reader(bytes);
  std::uint64_t last = 0;
  unsigned seen = 0;  // of the sections before the body, in any order
  while (!reader.at_end()) {
    PAVISE_TRY_ASSIGN(const std::uint64_t section, reader.next_descriptor());
    const bool repeats = section == last && (section == kData || section == kSequence);
    const bool second_body =
        section > kData && section <= kValue && last >= kData && last <= kValue && !repeats;
    if (section < kHeader || section > kFooter) return kBadSection;
    if (order == SectionOrder::any && section < kData && last < kData) {
      const unsigned bit = 1U << (section - kHeader);
      if ((seen & bit) != 0) return kBadSection;
      seen |= bit;
    } else if ((section <= last && !repeats) || second_body) {
      return kBadSection;
    }
    last = section;
    if (section == kData) {
      PAVISE_TRY_ASSIGN(const ByteView data, reader.next_binary());
      if (!repeats) out.body = Data{};
      auto& sections = std::get<Data>(out.body);
      if (sections.size() == kBatchMessagesMax) return kBatchTooLong;
      sections.push_back(to_bytes(data));
      continue;
    }
    PAVISE_TRY_ASSIGN(Value value, reader.next());
    switch (section) {
      case kHeader: {
        PAVISE_TRY_ASSIGN(out.header, read_header(value));
        break;
      }
      case kDeliveryAnnotations: {
        PAVISE_TRY_ASSIGN(out.delivery_annotations, read_map(std::move(value)));
        break;
      }
      case kMessageAnnotations: {
        PAVISE_TRY_ASSIGN(out.annotations, read_map(std::move(value)));
        break;
      }
      case kProperties: {
        PAVISE_TRY_ASSIGN(out.properties, read_properties(value));
        break;
      }
      case kApplicationProperties: {
        PAVISE_TRY_ASSIGN(out.application_properties, read_map(std::move(value)));
        break;
      }
      case kSequence: {
        auto* list = std::get_if<List>(&value.data);
        if (list == nullptr) return kBadSection;
        if (!repeats) out.body = Sequence{};
        std::get<Sequence>(out.body).lists.push_back(std::move(*list));
        break;
      }
      case kValue:
        out.body = std::move(value);
        break;
      default: {
        PAVISE_TRY_ASSIGN(const Map footer, read_map(std::move(value)));
        break;
      }
    }
  }
  return out;
}

void Message::encode(Bytes& out) const {
  if (header) {
    List fields{Value(), Value(), optional_value(header->ttl_ms), Value(),
                header->delivery_count == 0 ? Value() : Value(header->delivery_count)};
    encode_list(kHeader, std::move(fields), out);
  }
  if (!delivery_annotations.empty())
    encode_described(kDeliveryAnnotations, Value(delivery_annotations), out);
  if (!annotations.empty()) encode_described(kMessageAnnotations, Value(annotations), out);
  if (properties != Properties{}) encode_properties(properties, out);
  if (!application_properties.empty())
    encode_described(kApplicationProperties, Value(application_properties), out);
  if (const auto* data = std::get_if<Data>(&body)) {
    for (const Bytes& section : *data) encode_described(kData, Value(section), out);
  } else if (const auto* value = std::get_if<Value>(&body)) {
    encode_described(kValue, *value, out);
  } else if (const auto* sequence = std::get_if<Sequence>(&body)) {
    for (const List& list : sequence->lists) encode_described(kSequence, Value(list), out);
  }
}

Bytes Message::data() const {
  const auto* sections = std::get_if<Data>(&body);
  if (sections == nullptr) return {};
  if (sections->size() == 1) return sections->front();
  Bytes out;
  for (const Bytes& section : *sections) append(out, section);
  return out;
}

namespace {

void append_missing(const Map& from, Map& to) {
  for (const MapEntry& entry : from)
    if (std::ranges::find(to, entry.key, &MapEntry::key) == to.end()) to.push_back(entry);
}

}  // namespace

Result<std::vector<Message>> unpack_batch(ByteView bytes) {
  PAVISE_TRY_ASSIGN(const Message outer, Message::decode(bytes));
  const auto* sections = std::get_if<Message::Data>(&outer.body);
  if (sections == nullptr) return kBadBatch;
  std::vector<Message> out;
  for (const Bytes& section : *sections) {
    PAVISE_TRY_ASSIGN(Message message, Message::decode(section, SectionOrder::any));
    out.push_back(std::move(message));
  }
  if (!out.empty())
    append_missing(outer.application_properties, out.front().application_properties);
  return out;
}

std::optional<std::string> id_text(const Value& id) {
  if (const auto* text = id.as<std::string>()) return *text;
  if (const auto* uuid = id.as<Uuid>()) return to_string(*uuid);
  if (const auto* number = id.as<std::uint64_t>()) return std::to_string(*number);
  if (const auto* binary = id.as<Bytes>()) {
    const bool plain = std::ranges::all_of(
        *binary, [](std::byte b) { return b >= std::byte{0x20} && b < std::byte{0x7f}; });
    return plain ? std::string(as_text(*binary)) : to_hex(*binary);
  }
  return std::nullopt;
}

}  // namespace pavise::amqp
