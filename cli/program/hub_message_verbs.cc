// hub invoke-device-method, invoke-module-method, c2d-message, monitor-events
#include <boost/json.hpp>
#include <chrono>

#include "cli/program/hub_verb.h"
#include "cli/program/input.h"
#include "cli/view/hub_views.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

constexpr std::int64_t kServerWaitMaxMs = 30'000;
constexpr std::size_t kMessageFileSizeMax = 64UL * 1024;

struct MethodArguments {
  IdentityArguments identity;
  std::string name, payload = "null";
  int response_s = 30, connect_s = 0;
};

struct MessageArguments {
  IdentityArguments identity;
  std::string data, file, properties, ack, message_id, correlation_id, user_id, type, encoding;
  std::int64_t expiry_ms = 0;
};

struct MonitorArguments {
  std::string hub, device, from = "latest";
  int count = 0, timeout_s = 0;
};

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Exit invoke(Session& session, const MethodArguments& a) {
  const auto payload = json_argument(a.payload, "--method-payload");
  if (!payload) return session.fail(payload.error());
  return hub_show(session, a.identity.hub, &view::method_result, "POST",
                  a.identity.twin_path() + "/methods",
                  json::serialize(json::object{{"methodName", a.name},
                                               {"payload", *payload},
                                               {"responseTimeoutInSeconds", a.response_s},
                                               {"connectTimeoutInSeconds", a.connect_s}}),
                  {}, std::chrono::seconds(a.response_s + a.connect_s));
}

// "key=value;key=value", as application properties in headers.
Status put_properties(const std::string& text, std::vector<net::HttpHeader>& out) {
  std::string_view left = text;
  while (!left.empty()) {
    const std::size_t end = left.find(';');
    const std::string_view pair = left.substr(0, end);
    left = end == std::string_view::npos ? std::string_view() : left.substr(end + 1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return Error(kBadArgument, "--properties wants KEY=VALUE;KEY=VALUE");
    out.push_back({"iothub-app-" + std::string(pair.substr(0, equals)),
                   std::string(pair.substr(equals + 1))});
  }
  return {};
}

Exit send(Session& session, const MessageArguments& a) {
  std::vector<net::HttpHeader> headers;
  if (const Status put = put_properties(a.properties, headers); !put)
    return session.fail(put.error());
  const auto header = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) headers.push_back({name, value});
  };
  header("iothub-ack", a.ack);
  header("iothub-messageid", a.message_id);
  header("iothub-correlationid", a.correlation_id);
  header("iothub-userid", a.user_id);
  header("iothub-contenttype", a.type);
  header("iothub-contentencoding", a.encoding);
  header("iothub-expiry", a.expiry_ms == 0 ? "" : std::to_string(a.expiry_ms));
  std::string body = a.data;
  if (!a.file.empty()) {
    auto text = read_text_file(a.file, kMessageFileSizeMax);
    if (!text) return session.fail(text.error());
    body = *std::move(text);
  }
  return hub_do(session, a.identity.hub, "sent", "POST",
                a.identity.path() + "/messages/devicebound", std::move(body), std::move(headers));
}

Exit monitor(Session& session, const MonitorArguments& a) {
  const auto name = session.hub_name(a.hub);
  if (!name) return session.exit();
  const std::int64_t end_ms = a.timeout_s > 0 ? steady_ms() + a.timeout_s * 1000LL : INT64_MAX;
  std::string from = a.from;
  int left = a.count;
  while (true) {
    const std::int64_t wait_ms =
        std::clamp<std::int64_t>(end_ms - steady_ms(), 0, kServerWaitMaxMs);
    const auto answer = session.call("GET",
                                     with_query("/hubs/" + url_encode(*name) + "/telemetry",
                                                {{"device", a.device},
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
    for (const json::value& item : list->as_array()) {
      session.print(session.json() ? json::serialize(item) + "\n"
                                   : view::hub_event(item, session.colour()));
      if (left == 1) return Exit::ok;
      if (left > 0) --left;
    }
    from = json::serialize(*next);
    if (steady_ms() >= end_ms) return Exit::ok;
  }
}

void add_message_options(CLI::App* verb, MessageArguments& a) {
  verb->add_option("--data,--da", a.data, "the message");
  verb->add_option("--data-file-path,--dfp", a.file, "file with the message");
  verb->add_option("-p,--properties", a.properties, "KEY=VALUE;KEY=VALUE");
  verb->add_option("--ack", a.ack, "which feedback is wanted: none, positive, negative or full")
      ->check(CLI::IsMember({"none", "positive", "negative", "full"}));
  verb->add_option("--expiry,--expiry-time-utc", a.expiry_ms, "Unix milliseconds when it ends")
      ->check(CLI::PositiveNumber);
  verb->add_option("--mid,--message-id", a.message_id, "id of the message");
  verb->add_option("--cid,--correlation-id", a.correlation_id, "what it belongs to");
  verb->add_option("--uid,--user-id", a.user_id, "who sends it");
  verb->add_option("--ct,--content-type", a.type, "such as application/json");
  verb->add_option("--ce,--content-encoding", a.encoding, "such as utf-8");
}

}  // namespace

void add_method_verb(CLI::App& hub, Action& run, bool of_module) {
  const std::string what = of_module ? "module" : "device";
  auto arguments = std::make_shared<MethodArguments>();
  CLI::App* verb = add_verb(hub, "invoke-" + what + "-method",
                            "call a method and show what the " + what + " answers",
                            "  pavise hub invoke-" + what + "-method -n plant-1 -d thermo-1" +
                                (of_module ? " -m reader" : "") +
                                " --method-name reboot --method-payload '{\"in_s\":5}'");
  add_identity_options(verb, arguments->identity, of_module);
  verb->add_option("--mn,--method-name", arguments->name, "name of the method")->required();
  verb->add_option("--mp,--method-payload", arguments->payload, "JSON, or @FILE");
  verb->add_option("--to,--timeout", arguments->response_s, "seconds to wait for its answer")
      ->check(CLI::Range(5, 300));
  verb->add_option("--connect-timeout", arguments->connect_s, "seconds to wait until it is online")
      ->check(CLI::Range(0, 300));
  on_device_verb(verb, run, arguments, &invoke);
}

void add_c2d_verbs(CLI::App& hub, Action& run) {
  CLI::App* noun = add_noun(hub, "c2d-message", "messages that wait for a device");
  auto sent = std::make_shared<MessageArguments>();
  CLI::App* verb = add_verb(*noun, "send", "queue a message for a device",
                            "  pavise hub c2d-message send -n plant-1 -d thermo-1 --data hello\n"
                            "  pavise hub c2d-message send -n plant-1 -d thermo-1 --data '{}' "
                            "--ct application/json -p colour=red --ack full");
  add_identity_options(verb, sent->identity, false);
  verb->add_option("-m,--module-id", sent->identity.module_id, "to this module of it");
  add_message_options(verb, *sent);
  on_device_verb(verb, run, sent, &send);

  auto purged = std::make_shared<IdentityArguments>();
  CLI::App* purge = add_verb(*noun, "purge", "remove all messages that wait for a device",
                             "  pavise hub c2d-message purge -n plant-1 -d thermo-1");
  add_identity_options(purge, *purged, false);
  on_device_verb(purge, run, purged, [](Session& session, const IdentityArguments& a) {
    return hub_show(session, a.hub, &view::purged, "DELETE", a.device_path() + "/commands");
  });
}

void add_monitor_verb(CLI::App& hub, Action& run) {
  auto arguments = std::make_shared<MonitorArguments>();
  CLI::App* verb =
      add_verb(hub, "monitor-events", "telemetry of a hub as it arrives",
               "  pavise hub monitor-events -n plant-1\n"
               "  pavise hub monitor-events -n plant-1 -d thermo-1 --from 0 --count 10 "
               "--timeout 30 -o json");
  add_hub_option(verb, arguments->hub);
  verb->add_option("-d,--device-id", arguments->device, "only of this device");
  verb->add_option("--count", arguments->count, "end after so many messages")
      ->check(CLI::Range(1, 1000));
  verb->add_option("-t,--timeout", arguments->timeout_s, "end after so many seconds")
      ->check(CLI::Range(1, 86'400));
  verb->add_option("--from", arguments->from, "offset to begin at, or latest")
      ->check([](const std::string& text) {
        const bool number =
            !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
        return number || text == "latest" ? "" : "a number or latest";
      });
  on_device_verb(verb, run, arguments, &monitor);
}

}  // namespace pavise::cli
