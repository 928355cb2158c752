#include "cli/program/app_device.h"

#include <algorithm>
#include <chrono>

#include "protocol/manifest/app_name.h"

namespace pavise::cli {

namespace json = boost::json;

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

const json::value* app_named(const json::value& list, std::string_view name) {
  const json::value* all = find(list, "apps");
  if (all == nullptr || !all->is_array()) return nullptr;
  for (const json::value& one : all->as_array())
    if (text_of(one, "name") == name) return &one;
  return nullptr;
}

bool can_be_app(Session& session, const std::string& name) {
  if (manifest::is_app_name(name)) return true;
  session.fail(Error(kNoSuchApp, name));
  return false;
}

std::optional<AppDevice> find_app_device(Session& session, const std::string& given) {
  const auto id = session.device_id(given);
  if (!id) return std::nullopt;
  const auto answer = session.call("GET", "/devices/" + *id);
  if (!answer) return std::nullopt;
  std::string tenant = text_of(*answer, "tenant");
  if (tenant.empty()) {
    session.fail(kDeviceWithoutOwner);
    return std::nullopt;
  }
  std::string hub = "tenant-" + tenant;
  return AppDevice{*id, std::move(tenant), std::move(hub)};
}

std::string AppAnswer::refusal() const {
  const json::value* error = kind == Kind::refused ? find(payload, "error") : nullptr;
  return error == nullptr ? std::string() : text_of(*error, "code");
}

namespace {

AppAnswer call_once(Session& session, const AppDevice& device, const AppCall& call) {
  using Kind = AppAnswer::Kind;
  const json::object body{{"methodName", "pavise.apps." + std::string(call.method)},
                          {"payload", call.payload},
                          {"responseTimeoutInSeconds", call.answer_s},
                          {"connectTimeoutInSeconds", call.connect_s}};
  const auto reply = session.hub_reply(
      device.hub, "POST", "/twins/" + url_encode(device.id) + "/methods", json::serialize(body), {},
      std::chrono::seconds(call.answer_s + call.connect_s));
  if (!reply) return {};
  if (!reply->good()) {
    const ApiError error = read_hub_error(*reply);
    if (error.code == "DeviceNotOnline") return {.kind = Kind::away};
    if (reply->status == 504 || error.code == "DeviceConnectionClosedRemotely")
      return {.kind = Kind::interrupted};
    session.fail(error, reply->status);
    return {};
  }
  boost::system::error_code failed;
  const json::value answer = json::parse(reply->body, failed);
  const json::value* result = failed ? nullptr : find(answer, "payload");
  const std::uint64_t status = failed ? 0 : number_of(answer, "status");
  if (result == nullptr || status == 0) {
    session.fail(Error(kBadDeviceAnswer, "no answer of a method"));
    return {};
  }
  return {status == 200 ? Kind::good : Kind::refused, status, *result};
}

Exit refused(Session& session, const AppAnswer& answer) {
  const std::string code = answer.refusal();
  if (code.empty())
    return session.fail(
        Error(kBadDeviceAnswer, "status " + std::to_string(answer.status) + " and no reason"));
  if (code == "PV-AGT-020") return session.fail(kImageWithoutMethods);
  const json::value& error = *find(answer.payload, "error");
  return session.fail({.code = code,
                       .message = text_of(error, "message"),
                       .detail = "",
                       .next = text_of(error, "next"),
                       .tracking_id = ""},
                      static_cast<int>(std::min<std::uint64_t>(answer.status, 599)));
}

// A hub knows a device as online for methods while it listens for them; older images do not.
Exit away(Session& session, const AppDevice& device) {
  const auto shown = session.call("GET", "/devices/" + device.id);
  if (!shown) return session.exit();
  const json::value* connected = find(*shown, "connected");
  return session.fail(connected != nullptr && *connected == json::value(true) ? kImageWithoutMethods
                                                                              : kDeviceAway);
}

}  // namespace

AppAnswer call_app_device(Session& session, const AppDevice& device, const AppCall& call) {
  constexpr int kCallsMax = 3;
  for (int calls = 1;; ++calls) {
    AppAnswer answer = call_once(session, device, call);
    if (answer.kind != AppAnswer::Kind::interrupted || !call.reads_only || calls == kCallsMax)
      return answer;
  }
}

Exit tell(Session& session, const AppDevice& device, const AppAnswer& answer) {
  switch (answer.kind) {
    case AppAnswer::Kind::good:
      return Exit::ok;
    case AppAnswer::Kind::refused:
      return refused(session, answer);
    case AppAnswer::Kind::away:
      return away(session, device);
    case AppAnswer::Kind::interrupted:
      return session.fail(kDeviceSilent);
    case AppAnswer::Kind::failed:
      return session.exit();
  }
  return Exit::failed;
}

std::optional<json::value> ask(Session& session, const AppDevice& device, const AppCall& call) {
  AppAnswer answer = call_app_device(session, device, call);
  if (answer.good()) return std::move(answer.payload);
  tell(session, device, answer);
  return std::nullopt;
}

Exit show_app_answer(Session& session, Session::View view, const json::value& answer) {
  session.print(session.json() ? json::serialize(answer) + "\n" : view(answer, session.colour()));
  return Exit::ok;
}

}  // namespace pavise::cli
