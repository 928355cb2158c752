#include "samples/refrigeration_monitor/kept.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace refrigeration_monitor {
namespace {

template <class Number>
std::optional<Number> parse_whole(std::string_view word) {
  Number value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size()) return {};
  if (std::to_string(value) != word) return {};  // one spelling
  return value;
}

// Words with one space or end of line between them.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}
  bool take(std::string_view literal) {
    if (!text_.starts_with(literal)) return false;
    text_.remove_prefix(literal.size());
    return true;
  }
  template <class Number>
  bool take(char end, Number& out) {
    const std::size_t at = text_.find(end);
    if (at == std::string_view::npos) return false;
    const auto value = parse_whole<Number>(text_.substr(0, at));
    text_.remove_prefix(at + 1);
    if (value) out = *value;
    return value.has_value();
  }
  bool empty() const { return text_.empty(); }

 private:
  std::string_view text_;
};

// As much of JSON (RFC 8259) as an object of numbers is.
class Json {
 public:
  explicit Json(std::string_view text) : text_(text) {}
  bool take(char c) {
    skip();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  // Without escapes: no name that is known has any.
  std::optional<std::string_view> name() {
    if (!take('"')) return {};
    const std::size_t end = text_.find('"');
    if (end == std::string_view::npos) return {};
    const std::string_view out = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return out;
  }
  std::string_view number() {
    skip();
    const std::size_t end = std::min(text_.find_first_not_of("-.0123456789"), text_.size());
    const std::string_view out = text_.substr(0, end);
    text_.remove_prefix(end);
    return out;
  }
  bool at_end() {
    skip();
    return text_.empty();
  }

 private:
  void skip() { text_.remove_prefix(std::min(text_.find_first_not_of(" \t\r\n"), text_.size())); }
  std::string_view text_;
};

// 8, 8.5 and 8.25 are numbers; the sensor writes 8.25 only.
std::optional<int> parse_degrees(std::string_view number) {
  const std::size_t point = number.find('.');
  std::string text(number);
  if (point == std::string_view::npos)
    text += ".00";
  else if (number.size() - point == 2)
    text += '0';
  return text == "-0.00" ? 0 : parse_celsius(text);
}

constexpr std::array<std::string_view, 4> kMembers{"warm_above_c", "warm_for_s", "door_for_s",
                                                   "silent_for_s"};

bool set_member(std::size_t member, std::string_view number, Limits& limits) {
  if (member == 0) {
    const auto degrees = parse_degrees(number);
    if (degrees) limits.warm_above_centi_celsius = *degrees;
    return degrees.has_value();
  }
  const auto seconds = parse_whole<std::uint32_t>(number);
  if (!seconds) return false;
  (member == 1   ? limits.warm_for_s
   : member == 2 ? limits.door_for_s
                 : limits.silent_for_s) = *seconds;
  return true;
}

std::string limits_json(const Limits& limits) {
  return "{\"warm_above_c\":" + celsius_text(limits.warm_above_centi_celsius) +
         ",\"warm_for_s\":" + std::to_string(limits.warm_for_s) +
         ",\"door_for_s\":" + std::to_string(limits.door_for_s) +
         ",\"silent_for_s\":" + std::to_string(limits.silent_for_s) + '}';
}

std::string flag(bool value) {
  return value ? "true" : "false";
}

}  // namespace

std::string Kept::text() const {
  std::string out = "limits " + std::to_string(limits.warm_above_centi_celsius) + ' ' +
                    std::to_string(limits.warm_for_s) + ' ' + std::to_string(limits.door_for_s) +
                    ' ' + std::to_string(limits.silent_for_s) + "\nnot_accepted " +
                    std::to_string(not_accepted) + '\n';
  if (last)
    out += "last " + std::to_string(last->centi_celsius) + ' ' +
           std::to_string(last->humidity_percent) + ' ' + (last->door_open ? "1" : "0") + '\n';
  return out;
}

std::optional<Kept> Kept::parse(std::string_view text) {
  if (text.size() > kKeptBytesMax) return {};
  Kept out;
  Words words(text);
  Limits& limits = out.limits;
  if (!words.take("limits ") || !words.take(' ', limits.warm_above_centi_celsius) ||
      !words.take(' ', limits.warm_for_s) || !words.take(' ', limits.door_for_s) ||
      !words.take('\n', limits.silent_for_s) || !limits.valid() || !words.take("not_accepted ") ||
      !words.take('\n', out.not_accepted))
    return {};
  if (words.empty()) return out;
  Reading last;
  unsigned door = 0;
  if (!words.take("last ") || !words.take(' ', last.centi_celsius) ||
      !words.take(' ', last.humidity_percent) || !words.take('\n', door) || !words.empty())
    return {};
  if (last.centi_celsius < kCentiCelsiusMin || last.centi_celsius > kCentiCelsiusMax ||
      last.humidity_percent > kHumidityPercentMax || door > 1)
    return {};
  last.door_open = door == 1;
  out.last = last;
  return out;
}

std::optional<Limits> parse_limits(std::string_view json, const Limits& before) {
  if (json.size() > kLimitsTextBytesMax) return {};
  Limits out = before;
  std::array<bool, kMembers.size()> seen{};
  Json text(json);
  if (!text.take('{')) return {};
  do {
    const auto name = text.name();
    if (!name) return {};
    const auto member =
        static_cast<std::size_t>(std::ranges::find(kMembers, *name) - kMembers.begin());
    if (member == kMembers.size() || seen.at(member)) return {};
    seen.at(member) = true;
    if (!text.take(':') || !set_member(member, text.number(), out)) return {};
  } while (text.take(','));
  if (!text.take('}') || !text.at_end() || !out.valid()) return {};
  return out;
}

std::string report_json(const Report& report) {
  const Alarms alarms = report.watch.alarms(report.now_ms);
  const LineCounts& counts = report.watch.counts();
  const auto& last = report.watch.reading() ? report.watch.reading() : report.kept.last;
  std::string out =
      "{\"temperature_c\":" + (last ? celsius_text(last->centi_celsius) : "null") +
      ",\"humidity_percent\":" + (last ? std::to_string(last->humidity_percent) : "null") +
      ",\"door_open\":" + (last ? flag(last->door_open) : "null");
  // Of now, and not of before a start or a silence.
  out += ",\"fresh\":" + flag(report.watch.reading().has_value() && !alarms.sensor);
  out += ",\"alarms\":{\"warm\":" + flag(alarms.warm) + ",\"door\":" + flag(alarms.door) +
         ",\"sensor\":" + flag(alarms.sensor) + '}';
  out += ",\"limits\":" + limits_json(report.watch.limits());
  out += ",\"lines\":{\"good\":" + std::to_string(counts.good) +
         ",\"broken\":" + std::to_string(counts.broken) +
         ",\"impossible\":" + std::to_string(counts.impossible) + '}';
  return out + ",\"not_accepted\":" + std::to_string(report.kept.not_accepted) + '}';
}

}  // namespace refrigeration_monitor
