#include "protocol/app_wire/app_wire.h"

#include "protocol/manifest/app_name.h"

namespace pavise::app_wire {
namespace {

static_assert(kPeerNameBytesMax == manifest::kNameLengthMax);

enum class Type : std::uint8_t {
  well = 1,
  connect = 2,
  power = 3,
  defer = 4,
  set_time = 5,
  answer = 129,
  connection = 130,
  going_down = 131,
  update_waits = 132,
};

ByteWriter begin(Type type) {
  ByteWriter out;
  out.le(static_cast<std::uint8_t>(type));
  return out;
}

void put_text(ByteWriter& out, std::string_view text) {
  out.le(static_cast<std::uint16_t>(text.size())).raw(as_bytes(text));
}

Result<FromApp> parse_connect(std::uint32_t id, ByteReader& reader) {
  const auto size = reader.le<std::uint16_t>();
  const auto name = reader.take(size.value_or(0));
  if (!name || !reader.at_end()) return Error(kBadWord, "connect: length");
  // So it can be told as it is.
  if (!manifest::is_app_name(as_text(*name))) return Error(kBadWord, "connect: name");
  return FromApp(Connect{id, std::string(as_text(*name))});
}

Result<FromApp> parse_power(std::uint32_t id, ByteReader& reader) {
  const auto action = reader.le<std::uint8_t>();
  if (!action || !reader.at_end()) return Error(kBadWord, "power: length");
  if (*action < static_cast<std::uint8_t>(PowerAction::restart) ||
      *action > static_cast<std::uint8_t>(PowerAction::power_saver))
    return Error(kBadWord, "power: action");
  return FromApp(Power{id, static_cast<PowerAction>(*action)});
}

Result<FromApp> parse_defer(std::uint32_t id, ByteReader& reader) {
  const auto ms = reader.le<std::uint32_t>();
  if (!ms || !reader.at_end()) return Error(kBadWord, "defer: length");
  return FromApp(Defer{id, *ms});
}

Result<FromApp> parse_set_time(std::uint32_t id, ByteReader& reader) {
  const auto unix_ms = reader.le<std::uint64_t>();
  if (!unix_ms || !reader.at_end()) return Error(kBadWord, "set time: length");
  if (*unix_ms > kUnixMsMax) return Error(kBadWord, "set time: time");
  return FromApp(SetTime{id, *unix_ms});
}

}  // namespace

Result<FromApp> parse_from_app(ByteView packet) {
  if (packet.size() > kPacketBytesMax) return Error(kBadWord, "too long");
  ByteReader reader(packet);
  const auto type = reader.le<std::uint8_t>();
  if (!type) return Error(kBadWord, "empty");
  if (static_cast<Type>(*type) == Type::well) {
    if (!reader.at_end()) return Error(kBadWord, "well: length");
    return FromApp(Well{});
  }
  const auto id = reader.le<std::uint32_t>();
  if (!id || *id == 0) return Error(kBadWord, "id");
  switch (static_cast<Type>(*type)) {
    case Type::connect:
      return parse_connect(*id, reader);
    case Type::power:
      return parse_power(*id, reader);
    case Type::defer:
      return parse_defer(*id, reader);
    case Type::set_time:
      return parse_set_time(*id, reader);
    default:
      return FromApp(Unknown{*id});
  }
}

Bytes encode(const Answer& answer) {
  ByteWriter out = begin(Type::answer);
  out.le(answer.id).le(static_cast<std::uint8_t>(answer.outcome)).le(answer.value);
  return out.take();
}

Bytes encode(const Connection& connection) {
  PAVISE_CHECK(!connection.peer.empty() && connection.peer.size() <= kPeerNameBytesMax);
  ByteWriter out = begin(Type::connection);
  out.le(connection.id);
  put_text(out, connection.peer);
  return out.take();
}

Bytes encode(const GoingDown& event) {
  ByteWriter out = begin(Type::going_down);
  out.le(static_cast<std::uint8_t>(event.cause)).le(event.ms);
  return out.take();
}

Bytes encode(const UpdateWaits& event) {
  PAVISE_CHECK(event.version.size() <= kVersionBytesMax);
  ByteWriter out = begin(Type::update_waits);
  put_text(out, event.version);
  out.le(event.ms).le(event.ms_max);
  return out.take();
}

}  // namespace pavise::app_wire
