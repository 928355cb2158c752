#include "device/agent/agent.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "common/base/clock_ahead.h"
#include "device/agent/errors.h"
#include "device/agent/methods.h"
#include "device/agent/twin.h"

namespace pavise::agent {
namespace {

// The first acknowledgement is news, later ones only now and then.
constexpr std::uint64_t kLogEveryAcknowledged = 100;
constexpr std::int64_t kGoodSessionMs = 60'000;
// How far the clock may be ahead of what the service said: it began its certificate in the past.
constexpr UnixSeconds kClockAheadMaxS = 3600;
constexpr std::int64_t kTellTimeEveryMs = 60'000;
// Methods that came together are served up to these bounds; the rest may call again. Pings and
// telemetry go out in between.
constexpr int kMethodsAtATimeMax = 8;
constexpr int kWaitsForAppsMax = 30;
constexpr std::int64_t kWaitForAppsMs = 1'000;
constexpr std::int64_t kMethodsAtATimeMs = 2'000;

std::string utc_text(UnixSeconds at) {
  const std::time_t time = at;
  std::tm parts{};
  char text[32] = "?";
  if (gmtime_r(&time, &parts) != nullptr)
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// Texts of the other side go to the console: one line, printable, bounded.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, 300));
  std::ranges::replace_if(out, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return out;
}

}  // namespace

Agent::Agent(AgentOptions options, AgentPorts ports)
    : options_(std::move(options)),
      ports_(std::move(ports)),
      attest_backoff_(ports_.random),
      hub_backoff_(ports_.random),
      time_floor_(options_.time_floor),
      clock_ahead_ms_(options_.clock_ahead_ms.value_or(pavise::clock_ahead_ms(ports_.clock))),
      interval_s_(options_.telemetry_interval_s) {
  attest_at_ms_ = connect_at_ms_ = telemetry_at_ms_ = ports_.clock.steady_ms();
}

// Before the service's word as no app has set it: one that an app put far ahead would end the
// certificates, ours and the service's.
UnixSeconds Agent::wall_s() const {
  return vouched_ ? ports_.clock.now_s() : (clock_ahead_ms_ + ports_.clock.steady_ms()) / 1000;
}

UnixSeconds Agent::now_s() const {
  const UnixSeconds wall = wall_s();
  if (clock_source() == ClockSource::wall) return wall;
  return vouched_ ? known_s() : std::max(wall, time_floor_);
}

// It is later.
UnixSeconds Agent::known_s() const {
  if (!vouched_) return time_floor_;
  const std::int64_t since_ms = ports_.clock.steady_ms() - vouched_->steady_ms;
  return std::max(vouched_->at + since_ms / 1000, time_floor_);
}

ClockSource Agent::clock_source() const {
  const UnixSeconds wall = wall_s();
  // A clock that fits, perhaps set right meanwhile, needs no correction.
  if (vouched_)
    return wall >= known_s() && wall <= known_s() + kClockAheadMaxS ? ClockSource::wall
                                                                    : ClockSource::certificate;
  if (certificate_ != nullptr && wall >= certificate_->not_before && wall < certificate_->not_after)
    return ClockSource::wall;
  return wall < time_floor_ ? ClockSource::image : ClockSource::wall;
}

bool Agent::certificate_usable() const {
  return certificate_ != nullptr && judgement_ != Judgement::not_asked &&
         now_s() < certificate_->not_after;
}

bool Agent::renewal_due() const {
  if (certificate_ == nullptr || judgement_ != Judgement::judged) return true;
  if (apps_ != apps_attested_) return true;
  const UnixSeconds now = now_s();
  const UnixSeconds life = certificate_->not_after - certificate_->not_before;
  return now >= certificate_->renew_at || certificate_->not_after - now <= life / 3;
}

std::string Agent::next_try(std::int64_t wait_ms) const {
  return "; next try in " + std::to_string((wait_ms + 999) / 1000) + " s";
}

std::int64_t Agent::step() {
  if (!loaded_) load_certificate();
  std::int64_t now_ms = ports_.clock.steady_ms();
  serve_apps(now_ms);
  tell_time(now_ms);
  if (renewal_due() && now_ms >= attest_at_ms_) {
    attest(now_ms);
    now_ms = ports_.clock.steady_ms();
  }
  if (connection_ != nullptr) {
    serve(now_ms);
    return 0;
  }
  if (certificate_usable() && now_ms >= connect_at_ms_) {
    connect(now_ms);
    return 0;
  }
  std::int64_t due_ms =
      certificate_usable() && !renewal_due()
          ? connect_at_ms_
          : (certificate_usable() ? std::min(connect_at_ms_, attest_at_ms_) : attest_at_ms_);
  due_ms = std::min(due_ms, tell_time_due_ms());
  return std::max<std::int64_t>(0, due_ms - ports_.clock.steady_ms());
}

void Agent::load_certificate() {
  loaded_ = true;
  auto stored = ports_.store.load();
  if (!stored) {
    ports_.log.line(stored.error().message());
    return;
  }
  std::optional<DeviceCertificate>& kept = *stored;
  if (!kept) return;
  certificate_ = std::make_unique<const DeviceCertificate>(*std::move(kept));
  // It was issued in the past, so it is later now than its beginning.
  time_floor_ = std::max(time_floor_, certificate_->not_before);
}

// Apps that may set the clock are held to it. Again and again: a launcher that was started anew
// knows nothing.
void Agent::tell_time(std::int64_t now_ms) {
  if (now_ms < tell_time_due_ms()) return;
  tell_time_at_ms_ = now_ms + kTellTimeEveryMs;
  (void)ports_.apps
      .tell_time(
          {.later_than_s = std::min(static_cast<std::uint64_t>(known_s()), apps_ipc::kTimeMaxS),
           .vouched = vouched_.has_value()})
      .has_value();
}

std::int64_t Agent::tell_time_due_ms() const {
  return waits_for_apps_ < kWaitsForAppsMax ? INT64_MAX : tell_time_at_ms_;
}

// The launcher answers when it has all apps measured: evidence of before would not name them. One
// that stays silent costs half a minute, not the device's certificate.
bool Agent::apps_are_measured(std::int64_t now_ms) {
  if (waits_for_apps_ == kWaitsForAppsMax) return true;
  const auto listed = ports_.apps.list();
  if (!listed && listed.error().is(kLauncherSilent) && ++waits_for_apps_ < kWaitsForAppsMax) {
    attest_at_ms_ = now_ms + kWaitForAppsMs;
    return false;
  }
  waits_for_apps_ = kWaitsForAppsMax;
  return true;
}

// Those that come later the service should know before long, too, not at the next renewal. At most
// one attestation for each app of a boot.
void Agent::look_at_apps() {
  if (const auto apps = ports_.monitor.measured_apps()) apps_ = *apps;
}

void Agent::attest(std::int64_t now_ms) {
  if (!apps_are_measured(now_ms)) return;
  // Before the evidence is made: an app that comes in between is noticed afterwards.
  look_at_apps();
  auto outcome = ports_.attester.attest(now_s());
  if (!outcome) return attest_failed(outcome.error(), now_ms);
  if (const auto* refusal = std::get_if<Refusal>(&*outcome)) {
    const std::int64_t wait_ms = attest_backoff_.next_ms(refusal->retry);
    attest_at_ms_ = now_ms + wait_ms;
    // "later" is about the service's load, not about this device.
    if (judgement_ != Judgement::judged && refusal->retry != Retry::later) {
      certificate_.reset();
      ports_.store.erase();
      leave_hub();
    }
    ports_.log.line("refused " + printable(refusal->code) + ": " + printable(refusal->reason) +
                    next_try(wait_ms));
    return;
  }
  auto& certificate = std::get<DeviceCertificate>(*outcome);
  if (certificate.not_after <= time_floor_)
    return attest_failed(Error(kCertificateUnusable, "it ended before " + utc_text(time_floor_)),
                         now_ms);
  accept(std::move(certificate), now_ms);
}

void Agent::attest_failed(const Error& error, std::int64_t now_ms) {
  if (judgement_ == Judgement::not_asked) judgement_ = Judgement::unreachable;
  const std::int64_t wait_ms = attest_backoff_.next_ms(error.retry());
  attest_at_ms_ = now_ms + wait_ms;
  ports_.log.line("attestation failed: " + error.message() + next_try(wait_ms));
}

void Agent::accept(DeviceCertificate certificate, std::int64_t now_ms) {
  judgement_ = Judgement::judged;
  apps_attested_ = apps_;
  certificate_ = std::make_unique<const DeviceCertificate>(std::move(certificate));
  certificate_proven_ = false;
  time_floor_ = std::max(time_floor_, certificate_->issued_after);
  // As of now, not of when it was asked: it is later for certain.
  vouched_ = Vouched{.at = certificate_->issued_after + 1, .steady_ms = ports_.clock.steady_ms()};
  tell_time_at_ms_ = now_ms;
  if (!kernel_to_certificate_ms_) kernel_to_certificate_ms_ = ports_.system.since_kernel_start_ms();
  ports_.log.line("attested, certificate until " + utc_text(certificate_->not_after));
  if (auto saved = ports_.store.save(*certificate_); !saved)
    ports_.log.line(saved.error().message());  // it works from memory until the next start
  // The pace of the next attestation slackens only when the hub takes the certificate: a hub that
  // rejects every fresh one must not make us attest in a circle.
  attest_at_ms_ = now_ms + attest_backoff_.next_ms(Retry::later);
  leave_hub();
  connect_at_ms_ = std::max(now_ms, connect_at_ms_);
}

void Agent::connect(std::int64_t now_ms) {
  auto connection = ports_.connector.connect(*certificate_, now_s());
  if (!connection) return hub_lost(connection.error(), now_ms);
  connection_ = *std::move(connection);
  session_ =
      std::make_unique<HubSession>(HubSessionOptions{.device_id = options_.device.text(),
                                                     .hub_host = certificate_->hub_host,
                                                     .agent_version = options_.version},
                                   queue_, ports_.app_traffic.outbox(), ports_.clock.steady_ms());
}

void Agent::forget_connection() {
  ports_.app_traffic.hub_left();
  connection_.reset();
  session_.reset();
}

// What they send goes with the next exchange.
void Agent::serve_apps(std::int64_t now_ms) {
  ports_.app_traffic.turn(now_ms);
  for (const AnsweredCall& call : ports_.app_traffic.take_answers())
    if (session_ != nullptr)
      session_->answer_method(call.request_id, call.answer.status, call.answer.body);
}

void Agent::leave_hub() {
  if (connection_ != nullptr && session_->connected())
    (void)connection_->write(session_->farewell()).has_value();
  forget_connection();
}

void Agent::hub_lost(const Error& error, std::int64_t now_ms) {
  // Only a session that lasted shows that the hub is well; one that it drops at once does not.
  if (online() && now_ms - connected_since_ms_ >= kGoodSessionMs) hub_backoff_.reset();
  forget_connection();
  const std::int64_t wait_ms = hub_backoff_.next_ms(error.retry());
  connect_at_ms_ = now_ms + wait_ms;
  if (error.retry() == Retry::after_reattest) {
    certificate_.reset();
    ports_.store.erase();
  }
  ports_.log.line("no connection to the hub: " + error.message() + next_try(wait_ms));
}

void Agent::serve(std::int64_t now_ms) {
  if (!certificate_usable())
    return hub_lost(Error(kHubNotAuthorized, "our certificate has expired"), now_ms);
  if (auto served = exchange(now_ms); !served) hub_lost(served.error(), ports_.clock.steady_ms());
}

Status Agent::exchange(std::int64_t now_ms) {
  if (session_->connected() && now_ms >= telemetry_at_ms_) queue_telemetry(now_ms);
  PAVISE_TRY(session_->on_time(now_ms));
  PAVISE_TRY(flush());
  std::int64_t wake_ms = session_->next_wake_ms();
  if (session_->connected()) wake_ms = std::min(wake_ms, telemetry_at_ms_);
  if (renewal_due()) wake_ms = std::min(wake_ms, attest_at_ms_);
  wake_ms = std::min({wake_ms, tell_time_due_ms(), ports_.app_traffic.next_wake_ms()});
  std::array<std::byte, 4096> buffer;
  const std::int64_t timeout_ms = std::max<std::int64_t>(0, wake_ms - ports_.clock.steady_ms());
  PAVISE_TRY_ASSIGN(const std::size_t size,
                    connection_->read(buffer, timeout_ms, ports_.app_traffic.polled()));
  if (size == 0) return {};
  PAVISE_TRY(session_->feed(ByteView(buffer).first(size), ports_.clock.steady_ms()));
  handle_events();
  return flush();
}

Status Agent::flush() {
  const Bytes output = session_->take_output();
  return output.empty() ? Status{} : connection_->write(output);
}

void Agent::handle_events() {
  const std::int64_t methods_until_ms = ports_.clock.steady_ms() + kMethodsAtATimeMs;
  int methods = 0;
  for (const HubEvent& event : session_->take_events()) {
    if (std::holds_alternative<HubConnected>(event)) {
      connected_since_ms_ = ports_.clock.steady_ms();
      ports_.app_traffic.hub_came();
      ports_.log.line("connected to hub " + certificate_->hub_host);
      const SystemInfo system = ports_.system.read();
      session_->report(reported_facts({.os_release = system.os_release,
                                       .agent_version = options_.version,
                                       .boot_id = system.boot_id}));
    } else if (std::holds_alternative<TelemetryAcknowledged>(event)) {
      if (!std::exchange(certificate_proven_, true)) attest_backoff_.reset();
      ++acknowledged_;
      if (acknowledged_ == 1 || acknowledged_ % kLogEveryAcknowledged == 0)
        ports_.log.line("telemetry " + std::to_string(acknowledged_) + " acknowledged");
    } else if (const auto* of_app = std::get_if<AppTelemetryAcknowledged>(&event)) {
      if (!std::exchange(certificate_proven_, true)) attest_backoff_.reset();
      ports_.app_traffic.acknowledged(of_app->message);
    } else if (const auto* twin = std::get_if<TwinReceived>(&event)) {
      on_desired(twin->desired);
    } else if (const auto* patch = std::get_if<DesiredChanged>(&event)) {
      on_desired(patch->patch);
    } else if (const auto* call = std::get_if<MethodCalled>(&event)) {
      if (AppTraffic::is_for_app(call->name))
        ports_.app_traffic.call(call->name, call->request_id, call->payload,
                                ports_.clock.steady_ms());
      else
        answer(*call,
               ++methods <= kMethodsAtATimeMax && ports_.clock.steady_ms() < methods_until_ms);
    }
  }
}

void Agent::answer(const MethodCalled& call, bool is_served) {
  const MethodAnswer made =
      is_served ? answer_method(call.name, call.payload, ports_.apps) : method_refused_as_busy();
  session_->answer_method(call.request_id, made.status, made.body);
}

void Agent::on_desired(const std::string& text) {
  const auto desired = json::JsonView::parse(text);
  if (!desired) return;  // the session hands out checked objects only
  const DesiredOutcome outcome =
      handle_desired(*desired, interval_s_, options_.telemetry_interval_s);
  if (outcome.telemetry_interval_s) {
    interval_s_ = *outcome.telemetry_interval_s;
    telemetry_at_ms_ =
        std::min(telemetry_at_ms_, ports_.clock.steady_ms() + std::int64_t{interval_s_} * 1000);
    ports_.log.line("telemetry every " + std::to_string(interval_s_) + " s");
  }
  if (!outcome.reported_patch.empty()) session_->report(outcome.reported_patch);
}

void Agent::queue_telemetry(std::int64_t now_ms) {
  look_at_apps();
  telemetry_at_ms_ = now_ms + std::int64_t{interval_s_} * 1000;
  queue_.push(telemetry_json({.system = ports_.system.read(),
                              .monitor_pss_kib = ports_.monitor.monitor_pss_kib(),
                              .kernel_to_certificate_ms = kernel_to_certificate_ms_,
                              .clock = clock_source(),
                              .sequence = ++sequence_,
                              .dropped = queue_.dropped(),
                              .agent_version = options_.version}));
}

}  // namespace pavise::agent
