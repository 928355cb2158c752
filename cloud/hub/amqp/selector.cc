#include "cloud/hub/amqp/selector.h"

#include <charconv>

namespace pavise::hub {
namespace {

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The three names, and the spelling of az iot.
enum class Field { offset, sequence_number, enqueued_time };
std::optional<Field> field_of(std::string_view name) {
  constexpr std::string_view kPrefix = "amqp.annotation.";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  if (name == "x-opt-offset") return Field::offset;
  if (name == "x-opt-sequence-number") return Field::sequence_number;
  if (name == "x-opt-enqueued-time" || name == "x-opt-enqueuedtimeutc") return Field::enqueued_time;
  return std::nullopt;
}

}  // namespace

Result<StartAt> StartAt::parse(std::string_view selector) {
  if (selector.size() > kSelectorSizeMax) return kBadFilter;
  const std::size_t compare = selector.find('>');
  if (compare == std::string_view::npos) return kBadFilter;
  const auto field = field_of(trim(selector.substr(0, compare)));
  if (!field) return kBadFilter;
  std::string_view value = selector.substr(compare + 1);
  const bool inclusive = value.starts_with('=');
  if (inclusive) value.remove_prefix(1);
  value = trim(value);
  if (value.size() >= 2 && value.front() == '\'' && value.back() == '\'')
    value = trim(value.substr(1, value.size() - 2));
  if (*field == Field::offset && value == "@latest") return StartAt{.by = By::end};
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (value.empty() || error != std::errc{} || end != value.data() + value.size())
    return kBadFilter;
  if (!inclusive && number < INT64_MAX) ++number;
  number = std::max<std::int64_t>(number, 0);
  if (*field == Field::enqueued_time) return StartAt{.by = By::time, .time_ms = number};
  if (number == 0) return StartAt{};
  return StartAt{.by = By::offset, .offset = static_cast<std::uint64_t>(number)};
}

Result<StartAt> StartAt::from_filter(const amqp::Map& filter) {
  const amqp::Value* value = amqp::find(filter, kSelectorFilter);
  if (value == nullptr) return StartAt{};
  if (const auto* described = value->as<amqp::Described>()) value = described->value.get();
  const auto text = amqp::text_of(*value);
  if (!text) return kBadFilter;
  return parse(*text);
}

}  // namespace pavise::hub
