#include "device/agent/app_traffic.h"

#include <sys/socket.h>

#include <algorithm>

#include "common/ipc/descriptors.h"
#include "device/agent/errors.h"
#include "protocol/iothub/property_bag.h"
#include "protocol/json/json_view.h"
#include "protocol/manifest/manifest.h"

namespace pavise::agent {
namespace {

constexpr std::string_view kOwnFamily = "pavise.";
constexpr std::size_t kIntroductionBytesMax = 64;  // names are shorter
constexpr char kHadAnAgent = '+';                  // behind the name
// Names by which clients ask a hub that is set to it to break their connection: it is the device's.
constexpr std::string_view kFaultFamily = "aziothub_";

bool is_seqpacket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

// What the hub is sent, or why the app's properties cannot be. The hub ends the connection of a
// device that sends what it does not read, so all its limits are kept here.
Result<std::string> properties_of(const AppTelemetry& message) {
  PAVISE_TRY_ASSIGN(const iothub::PropertyBag own, iothub::PropertyBag::parse(message.properties));
  for (const iothub::Property& property : own.all()) {
    const std::string name = lower(property.name);
    if (name == kAppProperty || name.starts_with(kFaultFamily))
      return Error(kAppProperties, "a name that only the device may use");
  }
  // Ours first: who looks for a name takes the first.
  iothub::PropertyBag bag;
  if (!message.content_type.empty()) bag.add("$.ct", message.content_type);
  if (message.content_type == "application/json") bag.add("$.ce", "utf-8");  // RFC 8259
  bag.add(kAppProperty, message.app);
  if (bag.all().size() + own.all().size() > iothub::kPropertiesMax)
    return Error(kAppProperties, "more than " +
                                     std::to_string(iothub::kPropertiesMax - bag.all().size()) +
                                     " besides the device's own");
  for (const iothub::Property& property : own.all()) bag.add(property.name, property.value);
  std::string out = bag.encode();
  if (out.size() > iothub::kPropertyBagSizeMax) return Error(kAppProperties, "too long");
  return out;
}

}  // namespace

UniqueFd inherited_app_introductions(int fd) {
  return is_seqpacket(fd) ? UniqueFd(fd) : UniqueFd();
}

std::vector<pollfd> AppTraffic::polled() const {
  std::vector<pollfd> out = channels_.polled();
  if (launcher_) out.push_back({launcher_.get(), POLLIN, 0});
  return out;
}

std::int64_t AppTraffic::next_wake_ms() const {
  std::int64_t out = channels_.next_wake_ms();
  for (const Call& call : calls_) out = std::min(out, call.until_ms);
  return out;
}

// ---- channels
// -------------------------------------------------------------------------------------

bool AppTraffic::take_introduction() {
  if (!launcher_) return false;
  auto packet = ipc::receive_with_descriptors(launcher_.get(), kIntroductionBytesMax);
  if (packet && packet->descriptors.size() == 1) {
    introduce(as_text(packet->packet), std::move(packet->descriptors.front()));
    return true;
  }
  if (!packet && packet.error().is(ipc::kTimedOut)) return false;
  log_.line("the launcher of apps sent what is no app's channel");
  if (packet || packet.error().is(ipc::kPacketTooLong)) return true;
  launcher_.reset();
  return false;
}

void AppTraffic::introduce(std::string_view name, UniqueFd socket) {
  const bool had_an_agent = name.ends_with(kHadAnAgent);
  if (had_an_agent) name.remove_suffix(1);
  if (!manifest::is_app_name(name) || !is_seqpacket(socket.get()))
    return log_.line("the launcher of apps sent what is no app's channel");
  // Its last start is over, whatever it was asked.
  if (const auto before = channels_.find_channel(name)) {
    give_up_calls(*before);
    channels_.remove(name);
  }
  if (channels_.size() >= kAppChannelsMax) {
    end_for_all(socket);
    return log_.line("app " + std::string(name) + " has no channel to the hub: there are too many");
  }
  if (had_an_agent)
    channels_.take_over(std::string(name), std::move(socket));
  else
    channels_.add(std::string(name), std::move(socket));
}

void AppTraffic::turn(std::int64_t now_ms) {
  for (std::size_t i = 0; i < kIntroductionsPerTurn && take_introduction(); ++i) {
  }
  for (AppEvent& event : channels_.turn(now_ms)) std::visit([&](auto& each) { take(each); }, event);
  std::erase_if(calls_, [&](const Call& call) {
    if (now_ms < call.until_ms) return false;
    channels_.forget(call.channel, call.id);
    refuse(call.request_id, 504, kAppSilent);
    return true;
  });
}

void AppTraffic::take(const AppChannelEnded& end) {
  give_up_calls(end.channel);
  if (end.broken)
    log_.line("app " + end.app + " loses its channel to the hub: " + end.broken->message());
}

void AppTraffic::take(const AppHeldBack& held) {
  log_.line("app " + held.app + " sends more than " + std::to_string(kAppUnitsPerSecond) +
            " messages in a second: it has to wait");
}

// ---- messages
// -------------------------------------------------------------------------------------

void AppTraffic::take(AppTelemetry& message) {
  auto properties = properties_of(message);
  if (!properties)
    return channels_.finish(message.channel, message.id, false, properties.error().message());
  if (!outbox_.push({.id = {message.channel, message.id},
                     .app = std::move(message.app),
                     .properties = *std::move(properties),
                     .body = std::move(message.body)}))
    channels_.finish(message.channel, message.id, false, Error(kAppOutboxFull).message());
}

void AppTraffic::acknowledged(const AppMessageId& message) {
  channels_.finish(message.channel, message.id, true, {});
}

// ---- methods
// --------------------------------------------------------------------------------------

bool AppTraffic::is_for_app(std::string_view method) {
  return !method.starts_with(kOwnFamily) && method.contains('.');
}

void AppTraffic::refuse(std::string_view request_id, int status, const Error& error) {
  answers_.push_back({std::string(request_id), method_refused(status, error)});
}

void AppTraffic::call(std::string_view method, std::string_view request_id,
                      std::string_view payload, std::int64_t now_ms) {
  const std::size_t point = std::min(method.find('.'), method.size());
  const std::string_view app = method.substr(0, point);
  const std::string_view name = method.substr(std::min(point + 1, method.size()));
  if (!channels_.find_channel(app)) return refuse(request_id, 404, kNoAppChannel);
  if (name.empty() || name.size() > app_channel::kMethodNameBytesMax)
    return refuse(request_id, 404, kUnknownMethod);
  if (payload.size() > app_channel::kPayloadBytesMax)
    return refuse(
        request_id, 400,
        Error(kBadMethodPayload, "longer than " + std::to_string(app_channel::kPayloadBytesMax)));
  const auto made = channels_.call(app, name, as_bytes(payload));
  if (!made) return refuse(request_id, 429, kMethodsBusy);
  calls_.push_back(
      {std::string(request_id), made->first, made->second, now_ms + kAppMethodTimeoutMs});
}

void AppTraffic::take(const AppMethodAnswer& answer) {
  const auto found = std::ranges::find_if(calls_, [&](const Call& call) {
    return call.channel == answer.channel && call.id == answer.id;
  });
  if (found == calls_.end()) return;
  const std::string request_id = std::move(found->request_id);
  calls_.erase(found);
  // Services read it as JSON.
  const std::string_view body = as_text(answer.body);
  if (!body.empty() && !json::JsonView::parse(body)) return refuse(request_id, 502, kAppAnswer);
  answers_.push_back({request_id, {answer.status, std::string(body)}});
}

void AppTraffic::give_up_calls(AppChannelId channel) {
  std::erase_if(calls_, [&](const Call& call) {
    if (call.channel != channel) return false;
    refuse(call.request_id, 503, kAppGone);
    return true;
  });
}

// ---- the hub
// --------------------------------------------------------------------------------------

void AppTraffic::hub_came() {
  channels_.set_online(true);
}

void AppTraffic::hub_left() {
  channels_.set_online(false);
  for (const Call& call : calls_) channels_.forget(call.channel, call.id);
  calls_.clear();
  answers_.clear();
}

}  // namespace pavise::agent
