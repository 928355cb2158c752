#include "cli/view/hub_top.h"

#include <array>
#include <cmath>
#include <cstdio>

#include "cli/view/answer.h"

namespace pavise::cli::view {

namespace json = boost::json;

namespace {

constexpr std::size_t kRowsMax = 10;  // of the slowest, and of the errors
constexpr double kMilliseconds = 1000;

double number(const json::value& value) {
  boost::system::error_code failed;
  const double out = value.to_number<double>(failed);
  return failed ? 0 : out;
}

// Sum over the members of an object, or the number itself.
double total(const json::value& value) {
  if (!value.is_object()) return number(value);
  double sum = 0;
  for (const auto& [name, each] : value.get_object())
    sum += each.is_object() ? number(member(each, "count")) : number(each);
  return sum;
}

const json::value& hub_named(const json::value& answer, const json::value& name) {
  static const json::value kNone;
  for (const json::value& each : items(answer, "hubs"))
    if (member(each, "hub") == name) return each;
  return kNone;
}

std::string decimal(double value) {
  std::array<char, 48> out{};
  const char* const format = value == 0 || value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f";
  std::snprintf(out.data(), out.size(), format, value);
  return out.data();
}

std::string bytes(double value) {
  constexpr std::array<const char*, 4> kUnits = {" B", " KiB", " MiB", " GiB"};
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return decimal(value) + kUnits[unit];
}

std::string name_of(const json::value& hub) {
  return member(hub, "hub").is_null() ? "(none)" : text(hub, "hub");
}

void add_hub(Table& table, const json::value& hub) {
  const json::value& rates = member(hub, "rates");
  const json::value& now = member(hub, "connections");
  const auto rate = [&](std::string_view name) { return decimal(number(member(rates, name))); };
  table.add({name_of(hub), text(now, "mqtt"), text(now, "amqp"), text(now, "https"),
             text(now, "mqtt-websocket"), text(now, "amqp-websocket"), rate("connects"),
             rate("messages_in"), bytes(number(member(rates, "bytes_in"))), rate("messages_out"),
             bytes(number(member(rates, "bytes_out"))), rate("operations")});
}

void add_slowest(Table& table, const json::value& hub, std::size_t& left) {
  for (const json::value& each : items(hub, "slowest")) {
    if (left == 0) return;
    --left;
    const bool good = member(each, "code").is_null();
    table.add({name_of(hub), text(each, "operation"), text(each, "device"),
               member(each, "name").is_null() ? "-" : text(each, "name"),
               decimal(number(member(each, "milliseconds"))) + " ms",
               Cell(good ? "ok" : text(each, "code"), good ? Mood::good : Mood::bad),
               text(each, "ended")});
  }
}

void add_errors(Table& table, const json::value& hub, std::size_t& left) {
  for (const json::value& each : items(hub, "errors")) {
    if (left == 0) return;
    --left;
    table.add({name_of(hub), Cell(text(each, "code"), Mood::bad), text(each, "count"),
               text(each, "what")});
  }
}

}  // namespace

json::value with_rates(const json::value& earlier, const json::value& later) {
  const double seconds =
      (number(member(later, "steady_ms")) - number(member(earlier, "steady_ms"))) / kMilliseconds;
  json::value out = later;
  if (!out.is_object() || !member(out, "hubs").is_array()) return out;
  for (json::value& hub : out.get_object().at("hubs").get_array()) {
    if (!hub.is_object()) continue;
    const json::value& before = hub_named(earlier, member(hub, "hub"));
    json::object rates;
    for (const char* name :
         {"connects", "messages_in", "bytes_in", "messages_out", "bytes_out", "operations"}) {
      const double grown = total(member(hub, name)) - total(member(before, name));
      // The server has started anew in between: there is no rate.
      rates[name] = seconds > 0 && grown >= 0 ? grown / seconds : 0;
    }
    hub.get_object()["rates"] = std::move(rates);
  }
  return out;
}

std::string hub_top(const json::value& answer, bool colour) {
  Table hubs({"HUB", "MQTT", "AMQP", "HTTPS", "MQTT-WS", "AMQP-WS", "CONNECTS/S", "IN/S",
              "BYTES IN/S", "OUT/S", "BYTES OUT/S", "CALLS/S"});
  Table slowest({"HUB", "SLOWEST", "DEVICE", "NAME", "TIME", "OUTCOME", "ENDED"});
  Table errors({"HUB", "ERROR", "COUNT", "MEANING"});
  std::size_t slow_left = kRowsMax;
  std::size_t errors_left = kRowsMax;
  for (const json::value& hub : items(answer, "hubs")) {
    add_hub(hubs, hub);
    add_slowest(slowest, hub, slow_left);
    add_errors(errors, hub, errors_left);
  }
  std::string out = text(answer, "time") + "\n" + hubs.text(colour);
  if (!slowest.empty()) out += "\n" + slowest.text(colour);
  if (!errors.empty()) out += "\n" + errors.text(colour);
  return out;
}

}  // namespace pavise::cli::view
