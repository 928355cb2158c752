// hub top
#include <boost/json.hpp>
#include <chrono>
#include <thread>

#include "cli/program/hub_verb.h"
#include "cli/view/hub_top.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

constexpr double kIntervalMinS = 0.1;
constexpr double kIntervalMaxS = 3600;
constexpr std::string_view kClearScreen = "\x1b[H\x1b[2J";

struct TopArguments {
  std::string hub;
  double interval_s = 2;
  bool once = false;
};

Exit top(Session& session, const TopArguments& a) {
  const std::string target =
      a.hub.empty() ? "/activity" : "/hubs/" + url_encode(a.hub) + "/activity";
  auto before = session.call("GET", target);
  while (before) {
    std::this_thread::sleep_for(std::chrono::duration<double>(a.interval_s));
    auto now = session.call("GET", target);
    if (!now) break;
    const json::value shown = view::with_rates(*before, *now);
    if (session.json()) {
      session.print(json::serialize(shown) + "\n");
    } else {
      if (session.in_place() && !a.once) session.print(kClearScreen);
      session.print(view::hub_top(shown, session.colour()));
    }
    if (a.once) return Exit::ok;
    before = std::move(now);
  }
  return session.exit();
}

}  // namespace

void add_top_verb(CLI::App& hub, Action& run) {
  auto arguments = std::make_shared<TopArguments>();
  CLI::App* verb = add_verb(hub, "top", "connections, rates, slowest calls and errors, now",
                            "  pavise hub top\n"
                            "  pavise hub top -n plant-1 --interval 10\n"
                            "  pavise hub top --once -o json");
  verb->add_option("-n,--hub-name", arguments->hub, "only this hub (default: all)");
  verb->add_option("--interval", arguments->interval_s, "seconds between two looks (default: 2)")
      ->check(CLI::Range(kIntervalMinS, kIntervalMaxS));
  verb->add_flag("--once", arguments->once, "show one interval and end");
  on_verb(verb, run, arguments, &top);
}

}  // namespace pavise::cli
