#include "protocol/app_channel/app_channel.h"

#include <algorithm>

#include "protocol/iothub/property_bag.h"

namespace pavise::app_channel {
namespace {

enum class Type : std::uint8_t {
  telemetry = 1,
  method_answer = 2,
  under_way = 3,
  telemetry_result = 129,
  method_call = 130,
  connection = 131,
  taken_over = 132,
};

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

// RFC 3986: unreserved characters and escapes, with '&' and '=' between them.
bool is_property_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("-._~%&=").contains(c);
}

// As the hub will read them. It ends the device's connection for what it cannot read, and names
// that begin with '$' are the device's own.
bool are_properties(std::string_view text) {
  if (!std::ranges::all_of(text, is_property_character)) return false;
  const auto bag = iothub::PropertyBag::parse(text);
  return bag && std::ranges::all_of(bag->all(), [](const iothub::Property& property) {
           return property.has_value && !property.name.starts_with('$');
         });
}

std::optional<ByteView> read_bytes(ByteReader& reader, std::size_t bytes_max) {
  const auto size = reader.le<std::uint16_t>();
  if (!size || *size > bytes_max) return std::nullopt;
  return reader.take(*size);
}

void put_bytes(ByteWriter& out, ByteView bytes) {
  out.le(static_cast<std::uint16_t>(bytes.size())).raw(bytes);
}

ByteWriter begin(Type type) {
  ByteWriter out;
  out.le(static_cast<std::uint8_t>(type));
  return out;
}

Result<FromApp> parse_telemetry(ByteReader& reader) {
  const auto id = reader.le<std::uint32_t>();
  const auto type = read_bytes(reader, kContentTypeBytesMax);
  if (!id || !type) return Error(kBadAppPacket, "telemetry: content type");
  const auto properties = read_bytes(reader, kPropertiesBytesMax);
  if (!properties) return Error(kBadAppPacket, "telemetry: properties");
  const auto body = read_bytes(reader, kPacketBytesMax);
  if (!body || !reader.at_end()) return Error(kBadAppPacket, "telemetry: body");
  if (!is_printable(as_text(*type))) return Error(kBadAppPacket, "telemetry: content type");
  if (!are_properties(as_text(*properties))) return Error(kBadAppPacket, "telemetry: properties");
  return FromApp(Telemetry{*id, as_text(*type), as_text(*properties), *body});
}

Result<FromApp> parse_answer(ByteReader& reader) {
  const auto id = reader.le<std::uint32_t>();
  const auto status = reader.le<std::uint16_t>();
  if (!id || !status) return Error(kBadAppPacket, "method answer: status");
  const auto body = read_bytes(reader, kPacketBytesMax);
  if (!body || !reader.at_end()) return Error(kBadAppPacket, "method answer: body");
  return FromApp(MethodAnswer{*id, *status, *body});
}

Result<FromApp> parse_under_way(ByteReader& reader) {
  const auto last_call = reader.le<std::uint32_t>();
  const auto count = reader.le<std::uint8_t>();
  if (!last_call || !count || *count > kUnderWayMax)
    return Error(kBadAppPacket, "under way: count");
  UnderWay out{*last_call, {}};
  for (std::size_t i = 0; i < *count; ++i) {
    const auto id = reader.le<std::uint32_t>();
    if (!id || std::ranges::count(out.ids, *id) != 0) return Error(kBadAppPacket, "under way: ids");
    out.ids.push_back(*id);
  }
  if (!reader.at_end()) return Error(kBadAppPacket, "under way: ids");
  return FromApp(std::move(out));
}

}  // namespace

Result<FromApp> parse_from_app(ByteView packet) {
  if (packet.size() > kPacketBytesMax) return Error(kBadAppPacket, "too large");
  ByteReader reader(packet);
  const auto type = reader.le<std::uint8_t>();
  if (!type) return Error(kBadAppPacket, "empty");
  switch (static_cast<Type>(*type)) {
    case Type::telemetry:
      return parse_telemetry(reader);
    case Type::method_answer:
      return parse_answer(reader);
    case Type::under_way:
      return parse_under_way(reader);
    default:
      return Error(kBadAppPacket, "type " + std::to_string(*type));
  }
}

Bytes encode(const TelemetryResult& result) {
  ByteWriter out = begin(Type::telemetry_result);
  out.le(result.id).le(static_cast<std::uint8_t>(result.accepted ? 0 : 1));
  put_bytes(out, as_bytes(result.reason.substr(0, kReasonBytesMax)));
  return out.take();
}

Bytes encode(const MethodCall& call) {
  PAVISE_CHECK(!call.name.empty() && call.name.size() <= kMethodNameBytesMax);
  PAVISE_CHECK(call.payload.size() <= kPayloadBytesMax);
  ByteWriter out = begin(Type::method_call);
  out.le(call.id);
  put_bytes(out, as_bytes(call.name));
  put_bytes(out, call.payload);
  return out.take();
}

Bytes encode_connection(bool online) {
  ByteWriter out = begin(Type::connection);
  out.le(static_cast<std::uint8_t>(online ? 1 : 0));
  return out.take();
}

Bytes encode_taken_over() {
  return begin(Type::taken_over).take();
}

}  // namespace pavise::app_channel
