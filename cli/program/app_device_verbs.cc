// app list, logs, start, stop, restart, stats: what apps do on a device. The device's agent answers
// methods of its own (api/methods.cddl), which travel as any other through its tenant's hub.
#include <boost/json.hpp>
#include <chrono>
#include <optional>
#include <thread>

#include "cli/program/app_verb.h"
#include "cli/view/app_views.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

constexpr int kAnswerS = 10;  // the device gives its launcher a few seconds
constexpr std::string_view kClearScreen = "\x1b[H\x1b[2J";

struct DeviceArguments {
  std::string device, app;
};

struct LogArguments {
  DeviceArguments of;
  std::uint64_t since = 0;
  bool follow = false;
  int count = 0;
  double interval_s = 1;
};

struct StatsArguments {
  DeviceArguments of;
  bool watch = false;
  int count = 0;
  double interval_s = 2;
};

struct Device {
  std::string id, hub;
  bool connected = false;
};

void wait_s(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

// nullptr when there is no such member, or `value` is no object.
const json::value* find(const json::value& value, std::string_view name) {
  const json::object* object = value.if_object();
  return object == nullptr ? nullptr : object->if_contains(name);
}

std::string text_of(const json::value& value, std::string_view name) {
  const json::value* found = find(value, name);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

std::uint64_t number_of(const json::value& value, std::string_view name) {
  const json::value* found = find(value, name);
  boost::system::error_code failed;
  const auto out = found == nullptr ? 0 : found->to_number<std::uint64_t>(failed);
  return failed ? 0 : out;
}

// The hub of a device is that of its tenant; nullopt after printing why there is none.
std::optional<Device> find_device(Session& session, const std::string& prefix) {
  const auto id = session.device_id(prefix);
  if (!id) return std::nullopt;
  const auto answer = session.call("GET", "/devices/" + *id);
  if (!answer) return std::nullopt;
  const std::string tenant = text_of(*answer, "tenant");
  if (tenant.empty()) {
    session.fail(kDeviceWithoutOwner);
    return std::nullopt;
  }
  const json::value* connected = find(*answer, "connected");
  return Device{*id, "tenant-" + tenant, connected != nullptr && *connected == json::value(true)};
}

Exit refused_by_hub(Session& session, const Device& device, const ApiReply& reply) {
  const ApiError error = read_hub_error(reply);
  // A hub knows a device as online for methods while it listens for them; older images do not.
  if (error.code == "DeviceNotOnline")
    return session.fail(device.connected ? kImageWithoutMethods : kDeviceAway);
  if (reply.status == 504) return session.fail(kDeviceSilent);
  return session.fail(error, reply.status);
}

Exit refused_by_device(Session& session, const json::value& payload, std::uint64_t status) {
  const json::value* error = find(payload, "error");
  if (error == nullptr || text_of(*error, "code").empty())
    return session.fail(
        Error(kBadDeviceAnswer, "status " + std::to_string(status) + " and no reason"));
  if (text_of(*error, "code") == "PV-AGT-020") return session.fail(kImageWithoutMethods);
  return session.fail({.code = text_of(*error, "code"),
                       .message = text_of(*error, "message"),
                       .detail = "",
                       .next = text_of(*error, "next"),
                       .tracking_id = ""},
                      static_cast<int>(std::min<std::uint64_t>(status, 599)));
}

// What the device answered; nullopt after printing why not.
std::optional<json::value> ask(Session& session, const Device& device, std::string_view method,
                               const json::value& payload) {
  const json::object call{{"methodName", "pavise.apps." + std::string(method)},
                          {"payload", payload},
                          {"responseTimeoutInSeconds", kAnswerS},
                          {"connectTimeoutInSeconds", 0}};
  const auto reply =
      session.hub_reply(device.hub, "POST", "/twins/" + url_encode(device.id) + "/methods",
                        json::serialize(call), {}, std::chrono::seconds(kAnswerS));
  if (!reply) return std::nullopt;
  if (!reply->good()) {
    refused_by_hub(session, device, *reply);
    return std::nullopt;
  }
  boost::system::error_code failed;
  const json::value answer = json::parse(reply->body, failed);
  const json::value* result = failed ? nullptr : find(answer, "payload");
  const std::uint64_t status = failed ? 0 : number_of(answer, "status");
  if (result == nullptr || status == 0) {
    session.fail(Error(kBadDeviceAnswer, "no answer of a method"));
    return std::nullopt;
  }
  if (status == 200) return *result;
  refused_by_device(session, *result, status);
  return std::nullopt;
}

Exit show(Session& session, Session::View view, const json::value& answer) {
  session.print(session.json() ? json::serialize(answer) + "\n" : view(answer, session.colour()));
  return Exit::ok;
}

Exit list(Session& session, const DeviceArguments& a) {
  const auto device = find_device(session, a.device);
  const auto answer = device ? ask(session, *device, "list", nullptr) : std::nullopt;
  return answer ? show(session, &view::apps, *answer) : session.exit();
}

Exit act(Session& session, const DeviceArguments& a, std::string_view method) {
  const auto device = find_device(session, a.device);
  const auto answer =
      device ? ask(session, *device, method, json::object{{"name", a.app}}) : std::nullopt;
  return answer ? show(session, &view::app_acted, *answer) : session.exit();
}

// The list with only the app that was named, if one was.
std::optional<json::value> only(const json::value& answer, const std::string& app) {
  if (app.empty()) return answer;
  const json::value* all = find(answer, "apps");
  if (all != nullptr && all->is_array())
    for (const json::value& one : all->as_array())
      if (text_of(one, "name") == app) return json::object{{"apps", json::array{one}}};
  return std::nullopt;
}

Exit stats(Session& session, const StatsArguments& a) {
  const auto device = find_device(session, a.of.device);
  if (!device) return session.exit();
  for (int left = a.watch ? a.count : 1;; --left) {
    const auto answer = ask(session, *device, "list", nullptr);
    if (!answer) return session.exit();
    const auto shown = only(*answer, a.of.app);
    if (!shown) return session.fail(Error(kNoSuchApp, a.of.app));
    if (a.watch && session.in_place() && !session.json()) session.print(kClearScreen);
    show(session, &view::app_stats, *shown);
    if (left == 1) return Exit::ok;
    wait_s(a.interval_s);
  }
}

// Prints one page of lines; false once it was the last of `left` (0: all). `after` moves to the
// last one; a device whose lines lead nowhere does not move it.
bool print_page(Session& session, const json::value& page, std::uint64_t& after, int& left) {
  const std::uint64_t oldest = number_of(page, "oldest");
  if (after > 0 && oldest > after + 1)
    session.note("lines " + std::to_string(after + 1) + " to " + std::to_string(oldest - 1) +
                 " are no longer kept\n");
  const json::value* lines = find(page, "lines");
  if (lines == nullptr || !lines->is_array()) return true;
  for (const json::value& line : lines->as_array()) {
    session.print(session.json() ? json::serialize(line) + "\n" : view::app_line(line));
    after = std::max(after, number_of(line, "sequence"));
    if (left == 1) return false;
    if (left > 0) --left;
  }
  return true;
}

Exit logs(Session& session, const LogArguments& a) {
  const auto device = find_device(session, a.of.device);
  if (!device) return session.exit();
  std::uint64_t after = a.since;
  int left = a.count;
  while (true) {
    const auto page =
        ask(session, *device, "logs", json::object{{"name", a.of.app}, {"after", after}});
    if (!page) return session.exit();
    const std::uint64_t newest = number_of(*page, "newest");
    if (newest < after) {
      session.note("the device started anew: its lines count from 1 again\n");
      after = 0;
      if (newest > 0) continue;
    }
    const std::uint64_t before = after;
    if (!print_page(session, *page, after, left)) return Exit::ok;
    if (after > before && after < newest) continue;
    if (!a.follow) return Exit::ok;
    wait_s(a.interval_s);
  }
}

void add_device_option(CLI::App* verb, DeviceArguments& a) {
  verb->add_option("DEVICE", a.device, "id, or the first characters of it")->required();
}

CLI::Option* add_app_option(CLI::App* verb, DeviceArguments& a) {
  return verb->add_option("APP", a.app, "its name, as app list shows it");
}

void add_act_verb(CLI::App& app, Action& run, const std::string& name, const std::string& about) {
  auto arguments = std::make_shared<DeviceArguments>();
  CLI::App* verb = add_verb(app, name, about, "  pavise app " + name + " 3fa81c0b blink");
  add_device_option(verb, *arguments);
  add_app_option(verb, *arguments)->required();
  on_verb(verb, run, arguments,
          [name](Session& session, const DeviceArguments& a) { return act(session, a, name); });
}

void add_logs_verb(CLI::App& app, Action& run) {
  auto arguments = std::make_shared<LogArguments>();
  CLI::App* verb = add_verb(app, "logs", "what an app wrote: number, seconds since start, text",
                            "  pavise app logs 3fa81c0b blink\n"
                            "  pavise app logs 3fa81c0b blink --follow\n"
                            "  pavise app logs 3fa81c0b blink --since 1200 -o json");
  add_device_option(verb, arguments->of);
  add_app_option(verb, arguments->of)->required();
  verb->add_flag("-f,--follow", arguments->follow, "wait for more, until it is interrupted");
  verb->add_option("--since", arguments->since, "only lines after this number")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{INT64_MAX}));
  verb->add_option("--count", arguments->count, "end after so many lines")
      ->check(CLI::Range(1, 1'000'000));
  verb->add_option("--interval", arguments->interval_s, "seconds between two looks (default: 1)")
      ->check(CLI::Range(0.1, 3600.0));
  on_verb(verb, run, arguments, &logs);
}

void add_stats_verb(CLI::App& app, Action& run) {
  auto arguments = std::make_shared<StatsArguments>();
  CLI::App* verb = add_verb(app, "stats", "memory against its limit, restarts and health of apps",
                            "  pavise app stats 3fa81c0b\n"
                            "  pavise app stats 3fa81c0b blink -o json\n"
                            "  pavise app stats 3fa81c0b --watch --interval 5");
  add_device_option(verb, arguments->of);
  add_app_option(verb, arguments->of);
  verb->add_flag("--watch", arguments->watch, "show it again and again");
  verb->add_option("--interval", arguments->interval_s, "seconds between two looks (default: 2)")
      ->check(CLI::Range(0.1, 3600.0));
  verb->add_option("--count", arguments->count, "with --watch: end after so many looks")
      ->check(CLI::Range(1, 1'000'000));
  on_verb(verb, run, arguments, &stats);
}

}  // namespace

void add_app_device_verbs(CLI::App& app, Action& run) {
  auto arguments = std::make_shared<DeviceArguments>();
  CLI::App* verb = add_verb(app, "list", "apps of a device: version, state, memory, last event",
                            "  pavise app list 3fa81c0b\n  pavise app list 3fa81c0b -o json");
  add_device_option(verb, *arguments);
  on_verb(verb, run, arguments, &list);
  add_logs_verb(app, run);
  add_act_verb(app, run, "start", "start an app of a device");
  add_act_verb(app, run, "stop", "end an app of a device, until it is started or the device is");
  add_act_verb(app, run, "restart", "end an app of a device and start it again");
  add_stats_verb(app, run);
}

}  // namespace pavise::cli
