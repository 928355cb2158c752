#include "device/agent/methods.h"

#include <algorithm>
#include <array>
#include <utility>

#include "device/agent/errors.h"
#include "protocol/json/json_view.h"

namespace pavise::agent {
namespace {

constexpr std::string_view kFamily = "pavise.apps.";

// ---- JSON
// ----------------------------------------------------------------------------------------

std::string quoted(std::string_view text) {
  std::string out;
  json::append_json_string(out, text);
  return out;
}

std::string number(std::string_view name, std::uint64_t value) {
  return ",\"" + std::string(name) + "\":" + std::to_string(value);
}

std::string text(std::string_view name, std::string_view value) {
  return ",\"" + std::string(name) + "\":" + quoted(value);
}

std::string body_of(const apps_ipc::AppStatus& app) {
  std::string out = "{\"name\":" + quoted(app.name);
  out += text("component_id", app.component_id.text());
  out += text("version", app.version);
  out += text("state", apps_ipc::to_string(app.state));
  out += number("restarts", app.restarts);
  if (app.memory_bytes != 0) out += number("memory_bytes", app.memory_bytes);
  out += number("memory_limit_bytes", app.memory_limit_bytes);
  out += number("missed_health", app.missed_health);
  out += text("last_event", app.last_event);
  out += text("policy_digest", to_hex(app.policy_digest));
  return out + "}";
}

std::string body_of(const apps_ipc::LogLine& line) {
  return "{\"sequence\":" + std::to_string(line.sequence) + number("boot_ms", line.boot_ms) +
         text("text", line.text) + "}";
}

template <class Item>
std::string list_of(const std::vector<Item>& items) {
  std::string out = "[";
  for (const Item& item : items) {
    if (out.size() > 1) out += ",";
    out += body_of(item);
  }
  return out + "]";
}

std::string error_body(std::string_view code, std::string_view message, std::string_view next) {
  return "{\"error\":{\"code\":" + quoted(code) + text("message", message) + text("next", next) +
         "}}";
}

// ---- outcomes
// ------------------------------------------------------------------------------------

int status_of(const Error& error) {
  if (error.is(kBadMethodPayload)) return 400;
  if (error.is(kUnknownMethod) || error.is(kNoApps)) return 404;
  if (error.is(kLauncherSilent)) return 504;
  if (error.is(kLauncherGone)) return 503;
  return 502;
}

// `show` makes the body of a result.
template <class T, class Show>
MethodAnswer answered(const Result<apps_ipc::Answer<T>>& outcome, Show show) {
  if (!outcome) return method_refused(status_of(outcome.error()), outcome.error());
  if (const auto* refusal = std::get_if<apps_ipc::Refusal>(&*outcome))
    return {refusal->code == apps_ipc::kUnknownApp.code ? 404 : 409,
            error_body(refusal->code, refusal->reason, refusal->next_step)};
  return {200, show(std::get<T>(*outcome))};
}

// ---- payloads
// ------------------------------------------------------------------------------------

struct Payload {
  std::string name;
  std::uint64_t after = 0;
};

// The members of `wanted`, each at most once and nothing else; "name" is needed if it is wanted.
Result<Payload> read_payload(std::string_view payload, std::span<const std::string_view> wanted) {
  const bool name_wanted = std::ranges::find(wanted, "name") != wanted.end();
  if (payload.size() > kMethodRequestBytesMax)
    return Error(kBadMethodPayload, "longer than " + std::to_string(kMethodRequestBytesMax));
  Payload out;
  if (payload.empty() || payload == "null") payload = "{}";
  const auto view = json::JsonView::parse(payload);
  if (!view) return Error(kBadMethodPayload, "no JSON");
  if (view->kind() != json::JsonView::Kind::object) return Error(kBadMethodPayload, "no object");
  std::vector<std::string_view> seen;
  json::JsonWalk walk(*view);
  while (const auto step = walk.next()) {
    if (std::ranges::find(wanted, step->name) == wanted.end())
      return Error(kBadMethodPayload, "a member that the method does not have");
    if (std::ranges::find(seen, step->name) != seen.end())
      return Error(kBadMethodPayload, "a member twice");
    seen.push_back(step->name);
    if (step->name == "name") {
      out.name = step->value.string().value_or("");
    } else {
      const auto after = step->value.integer();
      if (!after || *after < 0) return Error(kBadMethodPayload, "after: a number from 0 on");
      out.after = static_cast<std::uint64_t>(*after);
    }
  }
  if (name_wanted && !manifest::is_app_name(out.name))
    return Error(kBadMethodPayload, "name: that of an app");
  return out;
}

// ---- methods
// -------------------------------------------------------------------------------------

MethodAnswer list(std::string_view payload, AppsPort& apps) {
  const auto read = read_payload(payload, {});
  if (!read) return method_refused(400, read.error());
  return answered(apps.list(),
                  [](const apps_ipc::AppList& list) { return "{\"apps\":" + list_of(list) + "}"; });
}

template <class Act>
MethodAnswer act(std::string_view payload, AppsPort& apps) {
  constexpr std::array<std::string_view, 1> kWanted = {"name"};
  auto read = read_payload(payload, kWanted);
  if (!read) return method_refused(400, read.error());
  const std::string head = "{\"name\":" + quoted(read->name);
  return answered(apps.act(Act{std::move(read->name)}), [&](const apps_ipc::Acted& acted) {
    return head + text("state", apps_ipc::to_string(acted.state)) + "}";
  });
}

MethodAnswer logs(std::string_view payload, AppsPort& apps) {
  constexpr std::array<std::string_view, 2> kWanted = {"name", "after"};
  const auto read = read_payload(payload, kWanted);
  if (!read) return method_refused(400, read.error());
  return answered(
      apps.logs({.name = read->name, .after = read->after}), [&](const apps_ipc::LogPage& page) {
        return "{\"name\":" + quoted(read->name) + number("oldest", page.oldest) +
               number("newest", page.newest) + ",\"lines\":" + list_of(page.lines) + "}";
      });
}

}  // namespace

MethodAnswer answer_method(std::string_view name, std::string_view payload, AppsPort& apps) {
  constexpr std::pair<std::string_view, MethodAnswer (*)(std::string_view, AppsPort&)> kMethods[] =
      {{"list", &list},
       {"start", &act<apps_ipc::Start>},
       {"stop", &act<apps_ipc::Stop>},
       {"restart", &act<apps_ipc::Restart>},
       {"logs", &logs}};
  if (name.starts_with(kFamily))
    for (const auto& [verb, method] : kMethods)
      if (name.substr(kFamily.size()) == verb) return method(payload, apps);
  return method_refused(404, kUnknownMethod);
}

MethodAnswer method_refused(int status, const Error& error) {
  std::string message(error.info().what);
  if (!error.detail().empty()) message.append(" (").append(error.detail()).append(")");
  return {status, error_body(error.code(), message, error.info().next_step)};
}

MethodAnswer method_refused_as_busy() {
  return method_refused(429, kMethodsBusy);
}

}  // namespace pavise::agent
