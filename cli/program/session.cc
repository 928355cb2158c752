#include "cli/program/session.h"

#include <algorithm>
#include <boost/json.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "cli/pkcs11/errors.h"
#include "cli/view/text.h"
#include "common/base/ascii.h"

namespace pavise::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kIdSize = 64;
constexpr std::size_t kIdPrefixMin = 4;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// The greatest id before every id that begins with `prefix`; empty when there is none.
std::string id_before(std::string prefix) {
  for (std::size_t i = prefix.size(); i-- > 0;) {
    if (prefix[i] == '0') {
      prefix[i] = 'f';
      continue;
    }
    prefix[i] = prefix[i] == 'a' ? '9' : static_cast<char>(prefix[i] - 1);
    prefix.append(kIdSize - prefix.size(), 'f');
    return prefix;
  }
  return {};
}

Exit exit_of(int status) {
  switch (status) {
    case 401:
    case 403:
      return Exit::refused;
    case 404:
      return Exit::not_found;
    case 409:
    case 412:
    case 422:
      return Exit::not_acceptable;
    default:
      return Exit::failed;
  }
}

Exit exit_of(const Error& error) {
  if (error.is(kUnknownId) || error.is(kNoSuchApp)) return Exit::not_found;
  if (error.is(kDeviceAway) || error.is(kImageWithoutMethods) || error.is(kDeviceWithoutOwner) ||
      error.is(kOtherOwner))
    return Exit::not_acceptable;
  if (error.is(kAmbiguousId) || error.is(kBadArgument) || error.is(kUnknownContext) ||
      error.is(kNothingSigns) || error.is(kNoSuchDevice) || error.is(kWrongLine) ||
      error.is(kPackageIsFolder) || error.is(kNameTaken) || error.is(net::kBadUrl))
    return Exit::usage;
  if (error.is(pkcs11::kBadUri) || error.is(pkcs11::kPinInUri)) return Exit::usage;
  if (error.code().starts_with("PV-MAN-") || error.code().starts_with("PV-IMG-") ||
      error.code().starts_with("PV-ERF-"))
    return Exit::not_acceptable;
  return error.code().starts_with("PV-NET-") ? Exit::unreachable : Exit::failed;
}

std::vector<std::string> ids_with(const json::value& answer, std::string_view list,
                                  std::string_view key, std::string_view prefix) {
  std::vector<std::string> out;
  const json::object* object = answer.if_object();
  const json::value* items = object == nullptr ? nullptr : object->if_contains(list);
  if (items == nullptr || !items->is_array()) return out;
  for (const json::value& item : items->as_array()) {
    const json::value* id = item.is_object() ? item.as_object().if_contains(key) : nullptr;
    if (id != nullptr && id->is_string() && std::string_view(id->as_string()).starts_with(prefix))
      out.emplace_back(id->as_string());
  }
  return out;
}

}  // namespace

struct Progress::Impl {
  Streams& streams;
  std::string what;
  std::mutex mutex;
  std::condition_variable ended_changed;
  bool ended = false;
  bool shown = false;
  std::thread thread;

  void watch() {
    std::unique_lock lock(mutex);
    const auto over = [this] { return ended; };
    for (int seconds = 2;
         !ended_changed.wait_for(lock, std::chrono::seconds(seconds == 2 ? 2 : 1), over);
         ++seconds) {
      streams.err("\r\x1b[K" + what + " ... " + std::to_string(seconds) + " s");
      shown = true;
    }
    if (shown) streams.err("\r\x1b[K");
  }
};

Progress::Progress(Streams& streams, std::string what) {
  if (!streams.progress) return;
  impl_ = std::make_unique<Impl>(streams, std::move(what));
  impl_->thread = std::thread([this] { impl_->watch(); });
}

void Progress::say(std::string what) {
  if (impl_ == nullptr) return;
  const std::lock_guard lock(impl_->mutex);
  impl_->what = std::move(what);
}

Progress::~Progress() {
  if (impl_ == nullptr) return;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ended = true;
  }
  impl_->ended_changed.notify_all();
  impl_->thread.join();
}

Result<Context> Session::context() const {
  PAVISE_TRY_ASSIGN(const Contexts contexts, load_contexts(context_path()));
  return contexts.find(options_.context);
}

void Session::pause(std::chrono::milliseconds time) {
  if (streams_.pause)
    streams_.pause(time);
  else
    std::this_thread::sleep_for(time);
}

Result<ApiClient*> Session::client() {
  if (!client_) {
    PAVISE_TRY_ASSIGN(const Context context, this->context());
    PAVISE_TRY_ASSIGN(client_,
                      ApiClient::create(context, std::chrono::seconds(options_.timeout_s)));
  }
  return &*client_;
}

std::optional<json::value> Session::call(std::string_view method, const std::string& target,
                                         std::string body, std::vector<net::HttpHeader> headers,
                                         net::Millis extra_wait) {
  auto ready = client();
  if (!ready) {
    fail(ready.error());
    return std::nullopt;
  }
  auto reply = [&] {
    const bool quiet = works_ > 0 || extra_wait.count() > 0;  // waiting is what was asked for
    std::optional<Progress> progress;
    if (!quiet) progress.emplace(streams_, "waiting for " + (*ready)->url().host);
    return (*ready)->call(method, target, std::move(body), std::move(headers), extra_wait);
  }();
  return answer_of(reply, &read_api_error);
}

bool Session::is_good(const Result<ApiReply>& reply, ApiError (*read_error)(const ApiReply&)) {
  if (!reply)
    fail(reply.error());
  else if (!reply->good())
    fail(read_error(*reply), exit_of(reply->status));
  return reply && reply->good();
}

std::optional<json::value> Session::answer_of(const Result<ApiReply>& reply,
                                              ApiError (*read_error)(const ApiReply&)) {
  if (!is_good(reply, read_error)) return std::nullopt;
  last_body_ = reply->body;
  last_continuation_ = reply->continuation;
  if (last_body_.empty()) return json::value(json::object());  // 204
  boost::system::error_code failed;
  json::value answer = json::parse(last_body_, failed);
  if (failed) {
    fail(Error(kBadAnswer, failed.message()));
    return std::nullopt;
  }
  return answer;
}

std::optional<std::string> Session::hub_name(const std::string& given) {
  if (!given.empty()) return given;
  const auto answer = call("GET", "/hubs");
  if (!answer) return std::nullopt;
  std::vector<std::string> names;
  for (std::string& name : ids_with(*answer, "hubs", "name", ""))
    if (!name.starts_with("tenant-")) names.push_back(std::move(name));
  if (names.size() == 1) return names[0];
  fail(Error(kWhichHub, names.empty() ? "there is none" : "there are several"));
  return std::nullopt;
}

Result<HubAccess> Session::read_access(const json::value& answer) const {
  const json::object* object = answer.if_object();
  const auto member = [&](std::string_view name) {
    const json::value* value = object == nullptr ? nullptr : object->if_contains(name);
    return value == nullptr ? json::value() : *value;
  };
  const json::value token = member("token");
  const json::value host = member("host_name");
  const json::value ports = member("ports");
  const json::value* port = ports.is_object() ? ports.as_object().if_contains("https") : nullptr;
  if (!token.is_string() || !host.is_string() || port == nullptr || !port->is_int64())
    return Error(kBadAnswer, "no token");
  if (port->as_int64() == 0) return kHubNotServed;
  return HubAccess{std::string(host.as_string()), static_cast<std::uint16_t>(port->as_int64()),
                   std::string(token.as_string())};
}

bool Session::open_hub(const std::string& hub) {
  constexpr int kTokenSeconds = 600;  // longer than any call may take
  const auto answer =
      call("POST", "/hubs/" + url_encode(hub) + "/token",
           json::serialize(json::object{{"policy", "iothubowner"}, {"seconds", kTokenSeconds}}));
  if (!answer) return false;
  const auto opened = [&]() -> Status {
    PAVISE_TRY_ASSIGN(HubAccess access, read_access(*answer));
    PAVISE_TRY_ASSIGN(const Context context, this->context());
    PAVISE_TRY_ASSIGN(hub_client_, HubClient::create(context, std::move(access),
                                                     std::chrono::seconds(options_.timeout_s)));
    return {};
  }();
  if (!opened) fail(opened.error());
  return opened.has_value();
}

std::optional<ApiReply> Session::hub_reply(const std::string& hub, std::string_view method,
                                           const std::string& target, const std::string& body,
                                           const std::vector<net::HttpHeader>& headers,
                                           net::Millis extra_wait) {
  bool token_is_new = !hub_client_;
  while (true) {
    if (!hub_client_ && !open_hub(hub)) return std::nullopt;
    auto reply = [&] {
      std::optional<Progress> progress;
      if (works_ == 0) progress.emplace(streams_, "waiting for " + hub);
      return hub_client_->call(method, target, body, headers, extra_wait);
    }();
    if (!reply) {
      fail(reply.error());
      return std::nullopt;
    }
    if (reply->status != 401 || token_is_new) return *std::move(reply);
    hub_client_.reset();
    token_is_new = true;
  }
}

std::optional<json::value> Session::hub_call(const std::string& hub, std::string_view method,
                                             const std::string& target, std::string body,
                                             std::vector<net::HttpHeader> headers,
                                             net::Millis extra_wait) {
  auto reply = hub_reply(hub, method, target, body, headers, extra_wait);
  if (!reply) return std::nullopt;
  return answer_of(*std::move(reply), &read_hub_error);
}

std::optional<json::value> Session::hub_pages(const std::string& hub, std::string_view method,
                                              const std::string& target, const std::string& body,
                                              std::size_t rows_max) {
  constexpr std::size_t kPageMax = 1000;
  json::array all;
  std::string from;
  do {
    const std::size_t left = rows_max == 0 ? kPageMax : std::min(kPageMax, rows_max - all.size());
    std::vector<net::HttpHeader> headers{{"x-ms-max-item-count", std::to_string(left)}};
    if (!from.empty()) headers.push_back({"x-ms-continuation", from});
    const auto page = hub_call(hub, method, target, body, std::move(headers));
    if (!page) return std::nullopt;
    if (!page->is_array()) {
      fail(Error(kBadAnswer, "no list"));
      return std::nullopt;
    }
    for (const json::value& row : page->as_array()) all.push_back(row);
    from = last_continuation_;
  } while (!from.empty() && (rows_max == 0 || all.size() < rows_max));
  last_body_ = json::serialize(all);
  return json::value(std::move(all));
}

std::optional<std::string> Session::hub_bytes(const std::string& hub, std::string_view method,
                                              const std::string& target,
                                              std::vector<net::HttpHeader> headers) {
  if (!hub_client_ && !open_hub(hub)) return std::nullopt;
  auto reply = hub_client_->call(method, target, {}, std::move(headers));
  if (!is_good(reply, &read_hub_error)) return std::nullopt;
  return std::move(reply->body);
}

Exit Session::call_and_show(View view, std::string_view method, const std::string& target,
                            std::string body, std::vector<net::HttpHeader> headers) {
  const auto answer = call(method, target, std::move(body), std::move(headers));
  return answer ? show(view, *answer) : exit_;
}

Exit Session::show(View view, const json::value& answer) {
  if (!json()) {
    print(view(answer, colour()));
  } else {
    print(last_body_);
    if (!last_body_.ends_with('\n')) print("\n");
  }
  return Exit::ok;
}

std::optional<std::string> Session::device_id(const std::string& given) {
  if (is_device_name(given)) {
    const auto known = context();
    const std::string* const id = known ? known->device(given) : nullptr;
    if (id != nullptr) return *id;
    fail(known ? Error(kNoSuchDevice, given) : known.error());
    return std::nullopt;
  }
  std::string prefix = ascii_lowered(given);
  if (!is_hex(prefix)) {
    fail(Error(kNoSuchDevice, given));
    return std::nullopt;
  }
  if (prefix.size() > kIdSize || prefix.size() < kIdPrefixMin) {
    fail(Error(kBadArgument, "a device id has 4 to 64 hexadecimal characters"));
    return std::nullopt;
  }
  if (prefix.size() == kIdSize) return prefix;
  const auto answer =
      call("GET", with_query("/devices", {{"after", id_before(prefix)}, {"limit", "2"}}));
  if (!answer) return std::nullopt;
  const auto found = ids_with(*answer, "devices", "id", prefix);
  if (found.size() == 1) return found[0];
  fail(Error(found.empty() ? kUnknownId : kAmbiguousId, prefix));
  return std::nullopt;
}

std::string Session::hub_device(const std::string& hub, const std::string& given) const {
  if (!hub.starts_with("tenant-") || !is_device_name(given)) return given;
  const auto known = context();
  const std::string* const id = known ? known->device(given) : nullptr;
  return id == nullptr ? given : *id;
}

std::optional<std::string> Session::listed_id(const std::string& given, const std::string& target,
                                              std::string_view list, std::string_view key) {
  std::string prefix = ascii_lowered(given);
  if (!is_hex(prefix) || prefix.size() > kIdSize || prefix.size() < kIdPrefixMin) {
    fail(Error(kBadArgument, "an id has 4 to 64 hexadecimal characters"));
    return std::nullopt;
  }
  if (prefix.size() == kIdSize) return prefix;
  const auto answer = call("GET", target);
  if (!answer) return std::nullopt;
  const auto found = ids_with(*answer, list, key, prefix);
  if (found.size() == 1) return found[0];
  fail(Error(found.empty() ? kUnknownId : kAmbiguousId, prefix));
  return std::nullopt;
}

Exit Session::fail(const Error& error) {
  return fail(ApiError{.code = std::string(error.code()),
                       .message = std::string(error.info().what),
                       .detail = error.detail(),
                       .next = std::string(error.info().next_step),
                       .tracking_id = ""},
              exit_of(error));
}

Exit Session::fail(const ErrorInfo& info, std::string what, std::string next) {
  ApiError error{.code = "",
                 .message = std::move(what),
                 .detail = "",
                 .next = std::move(next),
                 .tracking_id = ""};
  if (json()) {
    error.detail = std::exchange(error.message, std::string(info.what));
    error.code = info.code;
  }
  return fail(error, exit_of(Error(info)));
}

Exit Session::fail(const ApiError& error, int status) {
  return fail(error, exit_of(status));
}

Exit Session::fail(const ApiError& error, Exit exit) {
  exit_ = exit;
  if (prints_once_) {
    std::string failure = error.code + error.message + error.detail;
    if (failure == last_failure_) return exit;
    last_failure_ = std::move(failure);
  }
  if (json()) {
    streams_.err(json::serialize(json::object{{"error",
                                               {{"code", error.code},
                                                {"message", error.message},
                                                {"detail", error.detail},
                                                {"next", error.next},
                                                {"tracking_id", error.tracking_id}}}}) +
                 "\n");
    return exit;
  }
  std::string text = "error: ";
  if (!error.code.empty()) text += error.code + ": ";
  text += error.message;
  if (!error.detail.empty()) text += " (" + error.detail + ")";
  streams_.err(safe_text(text) + "\n");
  if (!error.next.empty()) streams_.err("next:  " + safe_text(error.next) + "\n");
  if (!error.tracking_id.empty())
    streams_.err("trace: " + safe_text(error.tracking_id) + " in the server's log\n");
  return exit;
}

}  // namespace pavise::cli
