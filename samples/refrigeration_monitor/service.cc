#include "samples/refrigeration_monitor/service.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace refrigeration_monitor {
namespace {

constexpr const char* kFile = "state";
constexpr std::size_t kBytesPerTurn = 512;  // then others have their turn
constexpr std::uint32_t kBaudRate = 9600;

// What cannot be read counts as nothing: the app watches by its usual limits then, and says so.
Kept read_kept() {
  std::string text(kKeptBytesMax, '\0');
  const ssize_t size = pavise_storage_read(kFile, text.data(), text.size());
  if (size == -ENOENT) return {};
  if (size >= 0) text.resize(static_cast<std::size_t>(size));
  if (auto kept = size >= 0 ? Kept::parse(text) : std::nullopt) return *kept;
  pavise_log(PAVISE_LOG_ERROR, "what was kept cannot be read: the limits are the usual ones");
  return {};
}

}  // namespace

Service::Service(std::string port)
    : port_name_(std::move(port)), kept_(read_kept()), watch_(kept_.limits, pavise_now_ms()) {}

Service::~Service() {
  pavise_hub_close(hub_);
}

std::string Service::run() {
  int failed = loop_.on_end_request([this] { loop_.stop(); });
  if (failed == 0) failed = loop_.every(kTickMs, [this] { on_tick(); });
  if (failed != 0) return std::strerror(-failed);
  pavise_hub_handlers handlers{};
  handlers.telemetry_result = [](void* context, std::uint32_t, bool accepted, const char* reason) {
    if (!accepted) static_cast<Service*>(context)->on_refused(reason);
  };
  handlers.method_called = [](void* context, std::uint32_t id, const char* name,
                              const void* payload, size_t size) {
    static_cast<Service*>(context)->on_method(id, name, {static_cast<const char*>(payload), size});
  };
  failed = pavise_hub_open(loop_.get(), &handlers, this, &hub_);
  if (failed != 0) pavise_log(PAVISE_LOG_WARNING, "no hub: %s", std::strerror(-failed));
  kept_ms_ = pavise_now_ms();
  on_tick();
  failed = loop_.run();
  keep();
  return failed == 0 ? "" : std::strerror(-failed);
}

void Service::on_tick() {
  if (!port_) open_port();
  judge();
  const std::int64_t now_ms = pavise_now_ms();
  if (now_ms >= next_report_ms_) report("periodic");
  if (now_ms - kept_ms_ >= kKeepEveryMs) keep();
  (void)pavise_health_well();
}

void Service::open_port() {
  pavise_uart_config config = pavise_uart_usual();
  config.baud_rate = kBaudRate;
  port_ = pavise::Descriptor(pavise_uart_open(port_name_.c_str(), &config));
  int failed = port_ ? 0 : port_.get();
  if (failed == 0)
    failed = loop_.on_io(
        port_.get(), PAVISE_IO_READABLE, [this](std::uint32_t events) { on_port(events); },
        &port_event_);
  if (failed == 0) {
    pavise_log(PAVISE_LOG_INFO, "%s: open", port_name_.c_str());
  } else {
    port_ = {};
    if (failed != port_error_)
      pavise_log(PAVISE_LOG_ERROR, "%s: %s", port_name_.c_str(), std::strerror(-failed));
  }
  port_error_ = failed;
}

void Service::close_port(const char* why) {
  pavise_log(PAVISE_LOG_ERROR, "%s: %s", port_name_.c_str(), why);
  loop_.remove(port_event_);
  port_event_ = nullptr;
  port_ = {};
  lines_ = {};
}

void Service::on_port(std::uint32_t events) {
  std::array<char, kBytesPerTurn> bytes{};
  const ssize_t size = ::read(port_.get(), bytes.data(), bytes.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR) && (events & PAVISE_IO_CLOSED) == 0) return;
  if (size <= 0) {
    close_port(size == 0 ? "hung up" : std::strerror(errno));
    return;
  }
  const std::int64_t now_ms = pavise_now_ms();
  for (const char byte : std::string_view(bytes.data(), static_cast<std::size_t>(size)))
    if (const auto line = lines_.take(byte)) watch_.take(parse_line(*line), now_ms);
  judge();
}

void Service::judge() {
  const Alarms alarms = watch_.alarms(pavise_now_ms());
  if (alarms == told_) return;
  told_ = alarms;
  pavise_log(alarms.any() ? PAVISE_LOG_WARNING : PAVISE_LOG_INFO, "alarms:%s%s%s%s",
             alarms.warm ? " warm" : "", alarms.door ? " door" : "", alarms.sensor ? " sensor" : "",
             alarms.any() ? "" : " none");
  report("alarm");
  keep();
}

void Service::report(const char* reason) {
  if (hub_ == nullptr) return;
  const std::string body = report_json(now());
  const std::array<pavise_hub_property, 2> properties{
      {{"reason", reason}, {"alarm", told_.any() ? "true" : "false"}}};
  pavise_telemetry message{};
  message.content_type = "application/json";
  message.properties = properties.data();
  message.property_count = properties.size();
  message.body = body.data();
  message.body_size = body.size();
  const int failed = pavise_hub_send_telemetry(hub_, &message, nullptr);
  next_report_ms_ = pavise_now_ms() + kReportEveryMs;
  if (failed != 0) on_refused(std::strerror(-failed));
}

// Each report says all: it need not be kept, only made again.
void Service::on_refused(const char* why) {
  ++kept_.not_accepted;
  next_report_ms_ = std::min(next_report_ms_, pavise_now_ms() + kRetryMs);
  pavise_log(PAVISE_LOG_WARNING, "a report was not accepted: %s", why);
}

void Service::keep() {
  kept_ms_ = pavise_now_ms();
  kept_.limits = watch_.limits();
  if (watch_.reading()) kept_.last = watch_.reading();
  const std::string text = kept_.text();
  const int failed = pavise_storage_replace(kFile, text.data(), text.size());
  if (failed != 0) pavise_log(PAVISE_LOG_ERROR, "storage: %s", std::strerror(-failed));
}

void Service::on_method(std::uint32_t id, std::string_view name, std::string_view payload) {
  if (name == "status") return answer(id, 200, report_json(now()));
  if (name != "set_limits") return answer(id, 404, "{\"error\":\"no such method\"}");
  const auto limits = parse_limits(payload, watch_.limits());
  if (!limits) return answer(id, 400, "{\"error\":\"see the README for limits and their ranges\"}");
  watch_.set_limits(*limits);
  pavise_log(PAVISE_LOG_INFO, "limits were set");
  keep();
  judge();
  answer(id, 200, report_json(now()));
}

void Service::answer(std::uint32_t id, std::uint16_t status, const std::string& body) {
  const int failed = pavise_hub_answer(hub_, id, status, body.data(), body.size());
  if (failed != 0) pavise_log(PAVISE_LOG_WARNING, "not answered: %s", std::strerror(-failed));
}

}  // namespace refrigeration_monitor
