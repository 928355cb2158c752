// device, telemetry, twin
#include <boost/json.hpp>
#include <chrono>
#include <map>
#include <thread>

#include "cli/program/input.h"
#include "cli/program/verb.h"
#include "cli/view/text.h"
#include "cli/view/views.h"
#include "common/base/bytes.h"

namespace pavise::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kVoucherSizeMax = 8192;
constexpr std::int64_t kServerWaitMaxMs = 30'000;

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct ListArguments {
  std::string tenant, state, after;
  int limit = 100;
};

struct DeviceArguments {
  std::string device;
  std::string reason = "revoked by its owner";
  bool history = false;
  int limit = 20;
};

struct ClaimArguments {
  std::string voucher, tenant;
};

struct WatchArguments {
  std::string device, from = "latest";
  int count = 0, timeout_s = 0;
};

struct TwinArguments {
  std::string device, desired, if_match;
  std::vector<std::string> set;
};

// The voucher as the base64 that the API wants: from a file of either form, or given as text.
Result<std::string> voucher_text(const std::string& given) {
  std::string text = given;
  if (given.size() < 200 || given == "-") {  // no voucher is that short
    PAVISE_TRY_ASSIGN(text, read_text_file(given, kVoucherSizeMax));
  }
  std::string compact;
  for (const char c : text)
    if (std::string_view(" \t\r\n").find(c) == std::string_view::npos) compact.push_back(c);
  if (from_base64(compact)) return compact;
  return to_base64(as_bytes(text));
}

Exit with_device(Session& session, const std::string& prefix, const std::string& rest,
                 std::string_view method, Session::View view, std::string body = {}) {
  const auto id = session.device_id(prefix);
  if (!id) return session.exit();
  return session.call_and_show(view, method, "/devices/" + *id + rest, std::move(body));
}

Exit claim(Session& session, const ClaimArguments& arguments) {
  const auto voucher = voucher_text(arguments.voucher);
  if (!voucher) return session.fail(voucher.error());
  return session.call_and_show(
      &view::device, "POST", "/devices/claim",
      json::serialize(json::object{{"tenant", arguments.tenant}, {"voucher", *voucher}}));
}

std::string revoked_text(const json::value& answer, bool) {
  const json::value* count =
      answer.is_object() ? answer.as_object().if_contains("revoked") : nullptr;
  return "certificates revoked: " + (count == nullptr ? "-" : json::serialize(*count)) + "\n";
}

// Prints a device when it is first seen and whenever its state or connection changes.
Exit watch_devices(Session& session, const WatchArguments& arguments) {
  std::string target = with_query("/devices", {{"limit", "1000"}});
  if (!arguments.device.empty()) {
    const auto id = session.device_id(arguments.device);
    if (!id) return session.exit();
    target = "/devices/" + *id;
  }
  const std::int64_t end_ms =
      arguments.timeout_s > 0 ? steady_ms() + arguments.timeout_s * 1000LL : INT64_MAX;
  std::map<std::string, std::string> seen;
  int printed = 0;
  while (true) {
    const auto answer = session.call("GET", target);
    if (!answer) return session.exit();
    const json::value* list =
        answer->is_object() ? answer->as_object().if_contains("devices") : nullptr;
    const json::array devices =
        list != nullptr && list->is_array() ? list->as_array() : json::array{*answer};
    for (const json::value& device : devices) {
      if (!device.is_object()) continue;
      const auto text = [&](std::string_view name) {
        const json::value* value = device.as_object().if_contains(name);
        return value == nullptr ? std::string() : json::serialize(*value);
      };
      const std::string now = text("state") + text("connected");
      std::string& before = seen[text("id")];
      if (before == now) continue;
      before = now;
      if (session.json()) {
        session.print(json::serialize(device) + "\n");
      } else {
        const std::string rows =
            view::devices(json::object{{"devices", {device}}}, session.colour());
        const std::size_t body = rows.find('\n') + 1;
        session.print((printed == 0 ? rows.substr(0, body) : "") +
                      rows.substr(body, rows.find('\n', body) + 1 - body));
      }
      if (++printed == arguments.count) return Exit::ok;
    }
    if (steady_ms() >= end_ms) return Exit::ok;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

Exit watch_telemetry(Session& session, const WatchArguments& arguments) {
  std::string device;
  if (!arguments.device.empty()) {
    const auto id = session.device_id(arguments.device);
    if (!id) return session.exit();
    device = *id;
  }
  std::int64_t now_ms = steady_ms();
  const std::int64_t end_ms =
      arguments.timeout_s > 0 ? now_ms + arguments.timeout_s * 1000LL : INT64_MAX;
  std::string from = arguments.from;
  int left = arguments.count;
  for (;; now_ms = steady_ms()) {
    const std::int64_t wait_ms = std::clamp<std::int64_t>(end_ms - now_ms, 0, kServerWaitMaxMs);
    const auto answer =
        session.call("GET",
                     with_query("/telemetry", {{"device", device},
                                               {"from", from},
                                               {"limit", left > 0 ? std::to_string(left) : ""},
                                               {"wait_ms", std::to_string(wait_ms)}}),
                     {}, {}, net::Millis(wait_ms));
    if (!answer) return session.exit();
    const json::object* page = answer->if_object();
    const json::value* list = page == nullptr ? nullptr : page->if_contains("items");
    const json::value* next = page == nullptr ? nullptr : page->if_contains("next_offset");
    if (list == nullptr || !list->is_array() || next == nullptr)
      return session.fail(Error(kBadAnswer, "no page of telemetry"));
    // With a count, programs get one page as it came, empty if nothing came in time.
    if (session.json() && arguments.count > 0) return session.show(nullptr, *answer);
    for (const json::value& item : list->as_array()) {
      session.print(session.json() ? json::serialize(item) + "\n"
                                   : view::telemetry_item(item, session.colour()));
      if (left > 0) --left;
      if (left == 0 && arguments.count > 0) return Exit::ok;
    }
    from = json::serialize(*next);
    if (steady_ms() >= end_ms) return Exit::ok;
  }
}

// name=value with the value as JSON if it is some, else as text; a.b=1 sets a member of a.
Status set_desired(json::object& desired, const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0)
    return Error(kBadArgument, "--set wants NAME=VALUE, not " + assignment);
  boost::system::error_code not_json;
  json::value value = json::parse(assignment.substr(equals + 1), not_json);
  if (not_json) value = json::string(assignment.substr(equals + 1));
  std::string path = assignment.substr(0, equals);
  json::object* at = &desired;
  for (std::size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.')) {
    json::value& child = (*at)[path.substr(0, dot)];
    if (!child.is_object()) child = json::object();
    at = &child.as_object();
    path.erase(0, dot + 1);
  }
  (*at)[path] = std::move(value);
  return {};
}

Result<std::string> twin_patch(const TwinArguments& arguments) {
  json::object patch;
  if (!arguments.desired.empty()) {
    PAVISE_TRY_ASSIGN(patch["desired"], object_argument(arguments.desired, "--desired"));
  }
  for (const std::string& assignment : arguments.set) {
    if (!patch.contains("desired")) patch["desired"] = json::object();
    PAVISE_TRY(set_desired(patch["desired"].as_object(), assignment));
  }
  if (patch.empty()) return Error(kBadArgument, "give --set or --desired");
  return json::serialize(patch);
}

Exit update_twin(Session& session, const TwinArguments& arguments) {
  const auto patch = twin_patch(arguments);
  if (!patch) return session.fail(patch.error());
  const auto id = session.device_id(arguments.device);
  if (!id) return session.exit();
  std::vector<net::HttpHeader> headers;
  if (!arguments.if_match.empty())
    headers.push_back({"If-Match", "\"" + arguments.if_match + "\""});
  return session.call_and_show(&view::twin, "PATCH", "/devices/" + *id + "/twin", *patch,
                               std::move(headers));
}

void add_watch_options(CLI::App* verb, const std::shared_ptr<WatchArguments>& arguments) {
  verb->add_option("DEVICE", arguments->device, kDeviceHelp);
  verb->add_option("--count", arguments->count, "end after so many lines")
      ->check(CLI::Range(1, 1000));
  verb->add_option("--timeout", arguments->timeout_s, "end after so many seconds")
      ->check(CLI::Range(1, 86'400));
}

// A verb that changes the state of one device and shows it.
void add_state_verb(CLI::App& device, Action& run, const std::string& name,
                    const std::string& about) {
  auto arguments = std::make_shared<DeviceArguments>();
  CLI::App* verb = add_verb(device, name, about, "  pavise device " + name + " 3fa81c0b");
  verb->add_option("DEVICE", arguments->device, kDeviceHelp)->required();
  on_verb(verb, run, arguments, [name](Session& session, const DeviceArguments& a) {
    return with_device(session, a.device, "/" + name, "POST", &view::device);
  });
}

void add_device_list(CLI::App& device, Action& run) {
  auto arguments = std::make_shared<ListArguments>();
  CLI::App* verb = add_verb(device, "list", "devices, by id",
                            "  pavise device list\n  pavise device list --state refused");
  verb->add_option("--tenant", arguments->tenant, "only devices of this tenant");
  verb->add_option("--state", arguments->state, "only devices in this state")
      ->check(CLI::IsMember({"disabled", "unclaimed", "waiting", "trusted", "refused"}));
  verb->add_option("--after", arguments->after, "only devices after this id (for the next page)");
  verb->add_option("--limit", arguments->limit, "at most so many")->check(CLI::Range(1, 1000));
  on_verb(verb, run, arguments, [](Session& session, const ListArguments& a) {
    return session.call_and_show(&view::devices, "GET",
                                 with_query("/devices", {{"tenant", a.tenant},
                                                         {"state", a.state},
                                                         {"after", a.after},
                                                         {"limit", std::to_string(a.limit)}}));
  });
}

void add_device_evidence(CLI::App& device, Action& run) {
  auto arguments = std::make_shared<DeviceArguments>();
  CLI::App* verb =
      add_verb(device, "evidence", "the last verdict: each check and measurement in words",
               "  pavise device evidence 3fa81c0b\n  pavise device evidence 3fa81c0b --history");
  verb->add_option("DEVICE", arguments->device, kDeviceHelp)->required();
  verb->add_flag("--history", arguments->history, "earlier verdicts, newest first");
  verb->add_option("--limit", arguments->limit, "at most so many of them")
      ->check(CLI::Range(1, 1000));
  on_verb(verb, run, arguments, [](Session& session, const DeviceArguments& a) {
    return a.history ? with_device(session, a.device,
                                   "/evidence/history?limit=" + std::to_string(a.limit), "GET",
                                   &view::evidence_history)
                     : with_device(session, a.device, "/evidence", "GET", &view::evidence);
  });
}

void add_device_revoke(CLI::App& device, Action& run) {
  auto arguments = std::make_shared<DeviceArguments>();
  CLI::App* verb = add_verb(device, "revoke", "revoke all its certificates; it may attest again",
                            "  pavise device revoke 3fa81c0b --reason \"key may be known\"");
  verb->add_option("DEVICE", arguments->device, kDeviceHelp)->required();
  verb->add_option("--reason", arguments->reason, "for the audit");
  on_verb(verb, run, arguments, [](Session& session, const DeviceArguments& a) {
    return with_device(session, a.device, "/revoke-certificates", "POST", &revoked_text,
                       json::serialize(json::object{{"reason", a.reason}}));
  });
}

}  // namespace

void add_device_verbs(CLI::App& program, Action& run) {
  CLI::App* device = add_noun(program, "device", "devices: whose they are and how they are");
  add_device_list(*device, run);

  auto shown = std::make_shared<DeviceArguments>();
  CLI::App* show = add_verb(*device, "show", "one device", "  pavise device show 3fa81c0b");
  show->add_option("DEVICE", shown->device, kDeviceHelp)->required();
  on_verb(show, run, shown, [](Session& session, const DeviceArguments& a) {
    return with_device(session, a.device, "", "GET", &view::device);
  });

  add_device_name_verb(*device, run);

  auto claimed = std::make_shared<ClaimArguments>();
  CLI::App* verb = add_verb(*device, "claim", "become its owner by the voucher that came with it",
                            "  pavise device claim voucher.txt --tenant acme\n"
                            "  pavise device claim - --tenant acme < voucher.cbor");
  verb->add_option("VOUCHER", claimed->voucher, "file, its text, or - for standard input")
      ->required();
  verb->add_option("--tenant", claimed->tenant, "the new owner")->required();
  on_verb(verb, run, claimed, &claim);

  auto watched = std::make_shared<WatchArguments>();
  CLI::App* watch = add_verb(*device, "watch", "a line whenever a device changes its state",
                             "  pavise device watch\n  pavise device watch 3fa81c0b --timeout 60");
  add_watch_options(watch, watched);
  on_verb(watch, run, watched, &watch_devices);

  add_device_evidence(*device, run);
  add_state_verb(*device, run, "enable", "let it attest and speak again");
  add_state_verb(*device, run, "disable", "disconnect it within a second and refuse it");
  add_device_revoke(*device, run);
  add_state_verb(*device, run, "release",
                 "give up ownership; only a fresh voucher claims it again");
}

void add_telemetry_verbs(CLI::App& program, Action& run) {
  CLI::App* telemetry = add_noun(program, "telemetry", "what devices send");
  auto arguments = std::make_shared<WatchArguments>();
  CLI::App* verb = add_verb(*telemetry, "watch", "messages as they arrive",
                            "  pavise telemetry watch\n  pavise telemetry watch 3fa81c0b --from 0\n"
                            "  pavise telemetry watch 3fa81c0b --count 1 --timeout 30 -o json");
  add_watch_options(verb, arguments);
  verb->add_option("--from", arguments->from, "offset to begin at, or latest")
      ->check([](const std::string& text) {
        const bool number =
            !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
        return number || text == "latest" ? "" : "a number or latest";
      });
  on_verb(verb, run, arguments, &watch_telemetry);
}

void add_twin_verbs(CLI::App& program, Action& run) {
  CLI::App* twin = add_noun(program, "twin", "what owner and device want each other to know");
  auto shown = std::make_shared<TwinArguments>();
  CLI::App* show =
      add_verb(*twin, "show", "desired and reported properties", "  pavise twin show 3fa81c0b");
  show->add_option("DEVICE", shown->device, kDeviceHelp)->required();
  on_verb(show, run, shown, [](Session& session, const TwinArguments& a) {
    return with_device(session, a.device, "/twin", "GET", &view::twin);
  });

  auto updated = std::make_shared<TwinArguments>();
  CLI::App* update = add_verb(*twin, "update", "merge into the twin; the value null removes",
                              "  pavise twin update 3fa81c0b --set telemetry_interval_s=10\n"
                              "  pavise twin update 3fa81c0b --desired @desired.json --if-match 7");
  update->add_option("DEVICE", updated->device, kDeviceHelp)->required();
  update->add_option("--set", updated->set, "NAME=VALUE of a desired property; may be repeated")
      ->take_all();
  update->add_option("--desired", updated->desired, "JSON object, or @FILE");
  update->add_option("--if-match", updated->if_match, "only if this is still its ETag");
  on_verb(update, run, updated, &update_twin);
}

}  // namespace pavise::cli
