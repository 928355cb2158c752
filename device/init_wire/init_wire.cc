#include "device/init_wire/init_wire.h"

namespace pavise::device {
namespace {

enum class Type : std::uint8_t { restart = 1, power_off = 2, set_clock = 3 };

Result<InitWord> parse_clock(ByteReader& reader) {
  const auto to_ms = reader.le<std::uint64_t>();
  if (!to_ms || !reader.at_end()) return Error(kBadInitWord, "length");
  if (*to_ms < static_cast<std::uint64_t>(kClockEarliestMs) ||
      *to_ms > static_cast<std::uint64_t>(kClockLatestMs))
    return Error(kBadInitWord, "time");
  return InitWord(SetClock{static_cast<UnixMillis>(*to_ms)});
}

}  // namespace

Bytes encode(const InitWord& word) {
  ByteWriter out;
  if (const auto* clock = std::get_if<SetClock>(&word))
    out.le(static_cast<std::uint8_t>(Type::set_clock)).le(static_cast<std::uint64_t>(clock->to_ms));
  else
    out.le(static_cast<std::uint8_t>(
        std::holds_alternative<RestartDevice>(word) ? Type::restart : Type::power_off));
  return out.take();
}

Result<InitWord> parse_init_word(ByteView packet) {
  ByteReader reader(packet);
  const auto type = reader.le<std::uint8_t>();
  if (!type) return Error(kBadInitWord, "empty");
  if (static_cast<Type>(*type) == Type::set_clock) return parse_clock(reader);
  if (!reader.at_end()) return Error(kBadInitWord, "length");
  if (static_cast<Type>(*type) == Type::restart) return InitWord(RestartDevice{});
  if (static_cast<Type>(*type) == Type::power_off) return InitWord(PowerOffDevice{});
  return Error(kBadInitWord, "type");
}

}  // namespace pavise::device
