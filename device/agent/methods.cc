#include "device/agent/methods.h"

#include <algorithm>
#include <array>
#include <utility>

#include "device/agent/debug_methods.h"
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
  out += text("source", apps_ipc::to_string(app.source));
  out += text("content_digest", to_hex(app.content_digest));
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
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  Bytes data;
  Digest256 sha256{};
};

Status take_number(const json::JsonWalk::Step& member, std::uint64_t& out) {
  const auto number = member.value.integer();
  if (!number || *number < 0)
    return Error(kBadMethodPayload, std::string(member.name) + ": a number from 0 on");
  out = static_cast<std::uint64_t>(*number);
  return {};
}

Status take_member(const json::JsonWalk::Step& member, Payload& out) {
  if (member.name == "after") return take_number(member, out.after);
  if (member.name == "size") return take_number(member, out.size);
  if (member.name == "offset") return take_number(member, out.offset);
  std::string text = member.value.string().value_or("");
  if (member.name == "name") {
    if (!manifest::is_app_name(text)) return Error(kBadMethodPayload, "name: that of an app");
    out.name = std::move(text);
  } else if (member.name == "data") {
    auto data = from_base64(text);
    if (!data || data->empty() || data->size() > apps_ipc::kPartBytesMax)
      return Error(kBadMethodPayload, "data: base64 of 1 to 65536 bytes");
    out.data = *std::move(data);
  } else {
    const auto digest = from_hex(text);
    if (!digest || digest->size() != sizeof(Digest256))
      return Error(kBadMethodPayload, "sha256: 64 hexadecimal digits");
    std::ranges::copy(*digest, out.sha256.begin());
  }
  return {};
}

// The members of `wanted`, each at most once and nothing else; all but "after" are needed.
Result<Payload> read_payload(std::string_view payload, std::span<const std::string_view> wanted,
                             std::size_t bytes_max = kMethodRequestBytesMax) {
  if (payload.size() > bytes_max)
    return Error(kBadMethodPayload, "longer than " + std::to_string(bytes_max));
  Payload out;
  if (payload.empty() || payload == "null") payload = "{}";
  const auto view = json::JsonView::parse(payload);
  if (!view) return Error(kBadMethodPayload, "no JSON");
  if (view->kind() != json::JsonView::Kind::object) return Error(kBadMethodPayload, "no object");
  std::vector<std::string_view> seen;
  json::JsonWalk walk(*view);
  while (const auto step = walk.next()) {
    const auto known = std::ranges::find(wanted, step->name);
    if (known == wanted.end())
      return Error(kBadMethodPayload, "a member that the method does not have");
    if (std::ranges::find(seen, step->name) != seen.end())
      return Error(kBadMethodPayload, "a member twice");
    seen.push_back(*known);
    PAVISE_TRY(take_member(*step, out));
  }
  for (const std::string_view name : wanted)
    if (name != "after" && std::ranges::find(seen, name) == seen.end())
      return Error(kBadMethodPayload, std::string(name) + " is missing");
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

MethodAnswer receive(std::string_view payload, AppsPort& apps) {
  constexpr std::array<std::string_view, 3> kWanted = {"size", "offset", "data"};
  auto read = read_payload(payload, kWanted, kPartRequestBytesMax);
  if (!read) return method_refused(400, read.error());
  return answered(
      apps.receive({.size = read->size, .offset = read->offset, .data = std::move(read->data)}),
      [](const apps_ipc::Received& received) {
        return "{\"received\":" + std::to_string(received.bytes) + "}";
      });
}

MethodAnswer install(std::string_view payload, AppsPort& apps) {
  constexpr std::array<std::string_view, 2> kWanted = {"size", "sha256"};
  const auto read = read_payload(payload, kWanted);
  if (!read) return method_refused(400, read.error());
  return answered(apps.install({.size = read->size, .sha256 = read->sha256}),
                  [](const apps_ipc::Installed& installed) {
                    std::string out = "{\"name\":" + quoted(installed.name);
                    out += text("version", installed.version);
                    out += text("state", apps_ipc::to_string(installed.state));
                    if (!installed.replaced.empty()) out += text("replaced", installed.replaced);
                    return out + "}";
                  });
}

MethodAnswer remove(std::string_view payload, AppsPort& apps) {
  constexpr std::array<std::string_view, 1> kWanted = {"name"};
  auto read = read_payload(payload, kWanted);
  if (!read) return method_refused(400, read.error());
  const std::string head = "{\"name\":" + quoted(read->name);
  return answered(apps.remove({std::move(read->name)}), [&](const apps_ipc::Removed& removed) {
    return head + text("state", removed.left == apps_ipc::AppSource::image ? "image" : "removed") +
           "}";
  });
}

MethodAnswer grant(std::string_view payload, AppsPort& apps) {
  const auto read = read_grant_payload(payload);
  if (!read) return method_refused(400, read.error());
  return answered(apps.grant(*read),
                  [](const apps_ipc::GrantTaken& taken) { return debug_body_of(taken); });
}

MethodAnswer debug(std::string_view payload, AppsPort& apps) {
  const auto read = read_debug_payload(payload);
  if (!read) return method_refused(400, read.error());
  return answered(apps.debug(*read), [&read](const apps_ipc::DebugBegun& begun) {
    return debug_body_of(begun, read->name);
  });
}

MethodAnswer exchange(std::string_view payload, AppsPort& apps) {
  const auto read = read_exchange_payload(payload);
  if (!read) return method_refused(400, read.error());
  return answered(apps.exchange(*read),
                  [](const apps_ipc::Exchanged& exchanged) { return debug_body_of(exchanged); });
}

}  // namespace

MethodAnswer answer_method(std::string_view name, std::string_view payload, AppsPort& apps) {
  constexpr std::pair<std::string_view, MethodAnswer (*)(std::string_view, AppsPort&)> kMethods[] =
      {{"list", &list},
       {"start", &act<apps_ipc::Start>},
       {"stop", &act<apps_ipc::Stop>},
       {"restart", &act<apps_ipc::Restart>},
       {"logs", &logs},
       {"receive", &receive},
       {"install", &install},
       {"remove", &remove},
       {"grant", &grant},
       {"debug", &debug},
       {"debug.exchange", &exchange}};
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
