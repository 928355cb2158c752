// app list, logs, start, stop, restart, stats: what apps do on a device. The device's agent answers
// methods of its own (api/methods.cddl), which travel as any other through its tenant's hub.
#include <boost/json.hpp>
#include <optional>

#include "cli/program/app_device.h"
#include "cli/program/app_logs.h"
#include "cli/program/app_verb.h"
#include "cli/view/app_views.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

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

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::duration<double>(seconds));
}

Exit list(Session& session, const DeviceArguments& a) {
  const auto device = find_app_device(session, a.device);
  const auto answer =
      device ? ask(session, *device, {.method = "list", .payload = nullptr, .reads_only = true})
             : std::nullopt;
  return answer ? show_app_answer(session, &view::apps, *answer) : session.exit();
}

Exit act(Session& session, const DeviceArguments& a, std::string_view method) {
  if (!can_be_app(session, a.app)) return session.exit();
  const auto device = find_app_device(session, a.device);
  const auto answer =
      device ? ask(session, *device, {.method = method, .payload = json::object{{"name", a.app}}})
             : std::nullopt;
  return answer ? show_app_answer(session, &view::app_acted, *answer) : session.exit();
}

// The list with only the app that was named, if one was.
std::optional<json::value> only(const json::value& answer, const std::string& app) {
  if (app.empty()) return answer;
  const json::value* one = app_named(answer, app);
  if (one == nullptr) return std::nullopt;
  return json::object{{"apps", json::array{*one}}};
}

Exit stats(Session& session, const StatsArguments& a) {
  const auto device = find_app_device(session, a.of.device);
  if (!device) return session.exit();
  for (int left = a.watch ? a.count : 1;; --left) {
    const auto answer =
        ask(session, *device, {.method = "list", .payload = nullptr, .reads_only = true});
    if (!answer) return session.exit();
    const auto shown = only(*answer, a.of.app);
    if (!shown) return session.fail(Error(kNoSuchApp, a.of.app));
    if (a.watch && session.in_place() && !session.json()) session.print(kClearScreen);
    show_app_answer(session, &view::app_stats, *shown);
    if (left == 1) return Exit::ok;
    session.pause(milliseconds(a.interval_s));
  }
}

Exit logs(Session& session, const LogArguments& a) {
  if (!can_be_app(session, a.of.app)) return session.exit();
  const auto device = find_app_device(session, a.of.device);
  if (!device) return session.exit();
  AppLog log(a.of.app, a.since, a.count);
  while (true) {
    const AppLog::Read read = log.read(session, *device);
    if (read == AppLog::Read::failed) return session.exit();
    if (read == AppLog::Read::more) continue;
    if (read == AppLog::Read::enough || !a.follow) return Exit::ok;
    session.pause(milliseconds(a.interval_s));
  }
}

void add_device_option(CLI::App* verb, DeviceArguments& a) {
  verb->add_option("DEVICE", a.device, kDeviceHelp)->required();
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
