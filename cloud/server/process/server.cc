#include "cloud/server/process/server.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "cloud/security/attestation_service/attestation_service.h"
#include "cloud/security/registry/sqlite_registry.h"
#include "cloud/security/signer/client/signer_client.h"
#include "cloud/server/bootstrap/state_layout.h"
#include "cloud/server/device_api/device_api.h"
#include "cloud/server/http/http_server.h"
#include "cloud/server/hub_access/hub_twins.h"
#include "cloud/server/hub_access/log_telemetry.h"
#include "cloud/server/hub_house/hub_house.h"
#include "cloud/server/metrics/metrics_page.h"
#include "cloud/server/routes/management_api.h"

namespace pavise::server {
namespace {

constexpr std::chrono::milliseconds kSignerRetry{50};
constexpr std::chrono::seconds kHousekeeping{60};
constexpr UnixSeconds kCertificatesKeptS = 30LL * 24 * 3600;  // after their end, for questions
constexpr UnixSeconds kWarnBeforeS = 14LL * 24 * 3600;
// They wait for the disk and the signer most of the time, and share both when they meet.
constexpr unsigned kDeviceWorkers = 32;
constexpr unsigned kManagementWorkers = 4;

class HubPresence final : public Presence {
 public:
  explicit HubPresence(const hub::Hub& hub) : hub_(hub) {}
  bool connected(const TenantId& tenant, const DeviceId& device) override {
    const auto identity = iothub::Identity::make(iothub::HubName::of_tenant(tenant), device.text());
    return hub_.connection(*identity).has_value();
  }
  std::size_t connected_count() override { return hub_.connected_count(); }

 private:
  const hub::Hub& hub_;
};

void log_hub_event(Log& log, std::string_view name, const hub::HubEvent& event) {
  log.write(Level::info, name,
            {{"device", event.device},
             {"hub", std::string(event.hub)},
             {"tenant", event.tenant != nullptr ? event.tenant->text() : ""},
             {"connection", event.connection_id},
             {"protocol", std::string(to_string(event.protocol))},
             {"peer", std::string(event.peer_address)},
             {"tracking_id", std::string(event.tracking_id)},
             {"code", event.reason != nullptr ? std::string(event.reason->code()) : ""},
             {"reason", event.reason != nullptr ? event.reason->message() : ""}});
}

// The signer may be starting beside us.
Status wait_for_signer(security::signer::Signer& signer, const Clock& clock) {
  const std::int64_t deadline_ms = clock.steady_ms() + kSignerPatienceMs;
  for (;;) {
    const auto authorities = signer.list();
    if (authorities) return {};
    if (!authorities.error().is(security::signer::kSignerUnreachable)) return authorities.error();
    if (clock.steady_ms() >= deadline_ms) return Error(kSignerAbsent, authorities.error().detail());
    std::this_thread::sleep_for(kSignerRetry);
  }
}

}  // namespace

// Members are made from top to bottom and end in the opposite order.
class Server::Parts {
 public:
  Parts(const ServerOptions& options, std::shared_ptr<const hub::s3_store::Settings> file_store,
        Log& log, const Clock& clock)
      : options_(options), file_store_(std::move(file_store)), log_(log), clock_(clock) {}
  ~Parts();

  Status open();
  Status serve();
  Status finish();
  Ports ports() const;
  const std::string& shown_once() const { return shown_once_; }

 private:
  Storage storage() const;
  void note_commit(const hub::LogProgress& progress);
  std::string path(std::string_view name) const {
    return data_directory(options_.state_directory) + "/" + std::string(name);
  }
  Status open_hub();
  Status take_over_twins();
  Status start_hub();
  Status start_listeners();
  Result<std::unique_ptr<http::HttpServer>> listen(std::uint16_t port, std::size_t body_bytes_max,
                                                   unsigned workers, http::Handler handler,
                                                   http::HeadJudge judge_head = {});
  Status hint_at_unseen_token();
  std::string metrics_text(metrics::Format format);
  void keep_house();
  void keep_house_once();

  const ServerOptions options_;
  const std::shared_ptr<const hub::s3_store::Settings> file_store_;
  Log& log_;
  const Clock& clock_;
  LimitedLog strangers_log_{log_, clock_};               // of who did not prove who it is
  LimitedLog device_log_{log_, clock_, Level::warning};  // evidence comes from anybody
  std::string shown_once_;

  SecurityCounters security_counters_;
  std::unique_ptr<security::signer::Signer> signer_;
  std::unique_ptr<CountingSigner> counting_signer_;
  ServerIdentity identity_;
  std::unique_ptr<security::Registry> registry_;
  std::unique_ptr<TokenAuthority> tokens_;
  // Outlives the hub, which it calls back: the hub detaches itself by its own shared state.
  std::unique_ptr<security::LiveAuthority> authority_;
  std::unique_ptr<security::Issuer> issuer_;
  std::unique_ptr<security::Tenancy> tenancy_;
  std::unique_ptr<security::ReleaseBook> releases_;
  std::unique_ptr<HubHouse> hub_house_;
  std::unique_ptr<LogTelemetry> telemetry_;
  std::unique_ptr<HubTwins> twins_;
  std::unique_ptr<HubPresence> presence_;
  std::unique_ptr<security::AttestationService> attestation_;
  std::unique_ptr<DeviceApi> device_api_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<ManagementApi> management_api_;
  std::unique_ptr<http::HttpServer> device_listener_;
  std::unique_ptr<http::HttpServer> management_listener_;
  // Its workers may ask for it before its start has returned.
  std::atomic<std::uint16_t> management_port_{options_.management_port};

  std::optional<std::uint64_t> commit_notes_;
  mutable std::mutex refused_mutex_;
  std::optional<Error> telemetry_refused_;  // under refused_mutex_

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread housekeeper_;
};

Status Server::Parts::open() {
  ::unlink(path(kPortsFile).c_str());
  PAVISE_TRY_ASSIGN(const ServerNames names, options_.names());
  signer_ = security::signer::make_signer_client({.socket_path = options_.signer_socket});
  PAVISE_TRY(wait_for_signer(*signer_, clock_));
  PAVISE_TRY_ASSIGN(identity_, load_or_make_identity(data_directory(options_.state_directory),
                                                     names, *signer_, clock_));
  PAVISE_TRY_ASSIGN(registry_, security::open_sqlite_registry({.path = path("registry.db")}));
  PAVISE_TRY_ASSIGN(tokens_, TokenAuthority::load(*registry_, clock_));
  PAVISE_TRY_ASSIGN(authority_, security::LiveAuthority::load(*registry_, clock_));
  counting_signer_ = std::make_unique<CountingSigner>(*signer_, security_counters_);
  issuer_ = std::make_unique<security::Issuer>(*registry_, *counting_signer_, *authority_, clock_);
  tenancy_ = std::make_unique<security::Tenancy>(*registry_, *signer_, *authority_, clock_);
  PAVISE_TRY_ASSIGN(releases_, security::ReleaseBook::load(*registry_, clock_));
  return open_hub();
}

Status Server::Parts::open_hub() {
  HubHouseOptions options{.log_directory = path("telemetry"),
                          .database_path = path("hub.db"),
                          .files_directory = path("files"),
                          .tenants = {},
                          .host_name = options_.host_name,
                          .listen = options_.listen,
                          .mqtt_port = options_.hub_port,
                          .amqp_port = options_.hub_amqp_port,
                          .https_port = options_.hub_https_port,
                          .certificate_chain_pem = identity_.chain_pem,
                          .private_key_pem = SecretBytes::copy_of(identity_.key_pem.view())};
  PAVISE_TRY_ASSIGN(const auto tenants, registry_->tenants());
  for (const auto& tenant : tenants) options.tenants.push_back(tenant.id);
  options.on_session = [this](const hub::HubEvent& event) {
    log_hub_event(log_, "hub.session", event);
  };
  options.on_closed = [this](const hub::HubEvent& event) {
    log_hub_event(event.let_in ? log_ : strangers_log_, "hub.closed", event);
  };
  options.on_refused = [this](const hub::HubEvent& event) {
    log_hub_event(event.let_in ? log_ : strangers_log_, "hub.refused", event);
  };
  options.on_refused_call = [this](const hub::rest::Refusal& refusal) {
    Log& log = refusal.stranger.empty() ? log_ : strangers_log_;
    log.write(Level::info, "hub.refused",
              {{"device", std::string(refusal.device)},
               {"hub", refusal.hub != nullptr ? refusal.hub->text() : ""},
               {"protocol", "https"},
               {"call", std::string(refusal.call)},
               {"peer", std::string(refusal.stranger)},
               {"tracking_id", std::string(refusal.tracking_id)},
               {"code", std::string(refusal.error.code())},
               {"reason", refusal.error.message()}});
  };
  options.on_job_failure = [this](const Error& error) {
    log_.write(Level::warning, "hub.job_step_failed",
               {{"code", std::string(error.code())}, {"reason", error.message()}});
  };
  options.on_configuration_failure = [this](const Error& error) {
    log_.write(Level::warning, "hub.configuration_step_failed",
               {{"code", std::string(error.code())}, {"reason", error.message()}});
  };
  options.file_store = file_store_;
  options.on_file_store_failure = [this](const Error* error) {
    if (error == nullptr) return log_.write(Level::info, "files.store_works_again", {});
    log_.write(Level::warning, "files.store_failed",
               {{"code", std::string(error->code())}, {"reason", error->message()}});
  };
  options.message_routing = options_.message_routing;
  options.on_routing_failure = [this](const iothub::HubName& hub, std::string_view endpoint,
                                      const Error& error) {
    log_.write(Level::warning, "hub.routing_failed",
               {{"hub", hub.text()},
                {"endpoint", std::string(endpoint)},
                {"code", std::string(error.code())},
                {"reason", error.message()}});
  };
  PAVISE_TRY_ASSIGN(hub_house_, HubHouse::open(std::move(options), *authority_, clock_));
  commit_notes_ = hub_house_->log().subscribe(
      [this](const hub::LogProgress& progress) { note_commit(progress); });
  return take_over_twins();
}

// Before 0.1.0 twins had a database of their own. They go to the hub of the device's owner.
Status Server::Parts::take_over_twins() {
  const auto home_of = [this](const DeviceId& id) -> Result<std::optional<iothub::HubName>> {
    const auto device = registry_->device(id);
    if (!device && !device.error().is(security::kNotFound)) return device.error();
    if (!device || !device->tenant) return std::optional<iothub::HubName>();
    return std::optional(iothub::HubName::of_tenant(*device->tenant));
  };
  PAVISE_TRY_ASSIGN(const auto done, hub::store::import_twin_database(hub_house_->queue().store(),
                                                                      home_of, path("twins.db")));
  if (done != hub::store::TwinsImported{})
    log_.write(Level::info, "twins.imported",
               {{"taken", std::to_string(done.taken)},
                {"left", std::to_string(done.left)},
                {"reason", "the old database stays as data/twins.db.imported.bak"}});
  return {};
}

Status Server::Parts::start_hub() {
  PAVISE_TRY(hub_house_->start());
  telemetry_ = std::make_unique<LogTelemetry>(hub_house_->log(), &hub_house_->retention());
  twins_ = std::make_unique<HubTwins>(
      hub_house_->queue(),
      HubCalls{.desired_changed =
                   [house = hub_house_.get()](const iothub::Identity& identity,
                                              std::uint64_t version, std::string body) {
                     house->hub().desired_changed(identity, version, std::move(body));
                   },
               .forget = [house = hub_house_.get()](
                             const iothub::Identity& id) { house->hub().forget(id); },
               .rights_changed =
                   [house = hub_house_.get()](const hub::RightsChanged& change) {
                     house->gatekeeper().rights_changed(change);
                   }});
  presence_ = std::make_unique<HubPresence>(hub_house_->hub());
  return {};
}

Result<std::unique_ptr<http::HttpServer>> Server::Parts::listen(std::uint16_t port,
                                                                std::size_t body_bytes_max,
                                                                unsigned workers,
                                                                http::Handler handler,
                                                                http::HeadJudge judge_head) {
  http::Options options;
  options.address = options_.listen;
  options.port = port;
  options.certificate_chain_pem = identity_.chain_pem;
  options.private_key_pem = SecretBytes::copy_of(identity_.key_pem.view());
  options.worker_threads = workers;
  options.limits.body_bytes_max = body_bytes_max;
  options.judge_head = std::move(judge_head);
  return http::HttpServer::start(std::move(options), std::move(handler));
}

Status Server::Parts::start_listeners() {
  attestation_ = std::make_unique<security::AttestationService>(
      *registry_, *issuer_, *releases_, *authority_, clock_,
      security::AttestationServiceOptions{.hub_host = options_.host_name,
                                          .hub_port = hub_house_->hub().port()});
  device_api_ = std::make_unique<DeviceApi>(*attestation_, device_log_, security_counters_);
  PAVISE_TRY_ASSIGN(device_listener_, listen(options_.device_port, http::kDeviceBodyBytesMax,
                                             kDeviceWorkers, [this](const http::Request& request) {
                                               return device_api_->handle(request);
                                             }));
  services_ = std::make_unique<Services>(Services{
      *registry_, *tenancy_, *issuer_, *releases_, *tokens_, *telemetry_, *twins_, *presence_,
      clock_, [this] { return ports(); }, [this] { return storage(); }, clock_.now_s(),
      HubAdministration{
          .queue = hub_house_->queue(),
          .host_name = options_.host_name,
          .rights_changed =
              [this](const hub::RightsChanged& change) {
                hub_house_->gatekeeper().rights_changed(change);
              },
          .connected_count =
              [this](const iothub::HubName& hub) { return hub_house_->hub().connected_count(hub); },
          .made = [this](const iothub::HubName& hub) { hub_house_->hub().count_anew(hub); },
          .forget = [this](const iothub::HubName& hub) { hub_house_->hub().forget(hub); },
          .activity = [this] { return hub_house_->hub().activity(); },
          .routing = options_.message_routing,
          .routing_changed = [this] { hub_house_->routing_changed(); },
          .endpoint_health =
              [this](std::int64_t endpoint) { return hub_house_->endpoints().health(endpoint); }},
      [this](metrics::Format format) { return metrics_text(format); }});
  management_api_ = std::make_unique<ManagementApi>(*services_, log_);
  PAVISE_TRY_ASSIGN(
      management_listener_,
      listen(
          options_.management_port, http::kManagementBodyBytesMax, kManagementWorkers,
          [this](const http::Request& request) { return management_api_->handle(request); },
          [this](const http::Request& head) { return management_api_->judge_head(head); }));
  management_port_ = management_listener_->port();
  return {};
}

Status Server::Parts::serve() {
  PAVISE_TRY(start_hub());
  return start_listeners();
}

Ports Server::Parts::ports() const {
  return {management_port_, device_listener_->port(), hub_house_->hub().port(),
          hub_house_->hub().amqp_port(), hub_house_->hub().https_port()};
}

Storage Server::Parts::storage() const {
  Storage out;
  struct statvfs info{};
  if (::statvfs(options_.state_directory.c_str(), &info) == 0) {
    out.free_bytes = std::uint64_t{info.f_bavail} * info.f_frsize;
    out.size_bytes = std::uint64_t{info.f_blocks} * info.f_frsize;
  }
  const std::lock_guard lock(refused_mutex_);
  out.telemetry_refused = telemetry_refused_;
  return out;
}

std::string Server::Parts::metrics_text(metrics::Format format) {
  return metrics_page({.house = *hub_house_,
                       .security = security_counters_,
                       .started = services_->started,
                       .free_bytes = storage().free_bytes},
                      format);
}

// From the commit thread. Devices only learn that a message was not stored; the cause stands here,
// once, and in the status until a message is stored again.
void Server::Parts::note_commit(const hub::LogProgress& progress) {
  {
    const std::lock_guard lock(refused_mutex_);
    if (telemetry_refused_.has_value() == progress.error.has_value()) return;
    telemetry_refused_ = progress.error;
  }
  if (progress.error)
    log_.write(
        Level::error, "telemetry.refused",
        {{"code", std::string(progress.error->code())}, {"reason", progress.error->message()}});
  else
    log_.write(Level::info, "telemetry.stored_again", {});
}

// Only now: a start that fails must not use up the one time the token is shown.
Status Server::Parts::finish() {
  if (tokens_->empty() || options_.new_admin_token) {
    const std::string name =
        tokens_->empty() ? "administrator" : "administrator-" + std::to_string(clock_.now_s());
    PAVISE_TRY_ASSIGN(const NewToken token, tokens_->create("pavise-server", name,
                                                            security::Role::administrator, {}, {}));
    shown_once_ = token.secret;
  } else {
    PAVISE_TRY(hint_at_unseen_token());
  }
  const Ports open_ports = ports();
  const std::string text = "{\"management\":" + std::to_string(open_ports.management) +
                           ",\"device\":" + std::to_string(open_ports.device) +
                           ",\"hub\":" + std::to_string(open_ports.hub) +
                           ",\"hub_amqp\":" + std::to_string(open_ports.hub_amqp) +
                           ",\"hub_https\":" + std::to_string(open_ports.hub_https) + "}\n";
  PAVISE_TRY(write_file(path(kPortsFile), as_bytes(text), 0644));
  log_.write(Level::info, "server.ready",
             {{"management_port", std::to_string(open_ports.management)},
              {"device_port", std::to_string(open_ports.device)},
              {"hub_port", std::to_string(open_ports.hub)}});
  housekeeper_ = std::thread([this] { keep_house(); });
  return {};
}

// A server that was killed between making the first token and showing it has left one that nobody
// knows. It looks like a service that nobody has used yet.
Status Server::Parts::hint_at_unseen_token() {
  PAVISE_TRY_ASSIGN(const auto acts, registry_->audit(0, 2));
  if (acts.size() < 2)
    log_.write(Level::warning, "token.unused",
               {{"reason",
                 "the administrator's token was shown at the first start and has not changed "
                 "anything yet; if nobody saw it, start once with --new-admin-token"}});
  return {};
}

void Server::Parts::keep_house() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kHousekeeping, [this] { return stopping_; })) {
    lock.unlock();
    keep_house_once();
    lock.lock();
  }
}

void Server::Parts::keep_house_once() {
  authority_->forget_expired();
  const auto report = [this](std::string_view event, const Error& error) {
    log_.write(Level::error, event,
               {{"code", std::string(error.code())}, {"reason", error.message()}});
  };
  if (const auto forgotten =
          registry_->forget_expired_certificates(clock_.now_s() - kCertificatesKeptS);
      !forgotten)
    report("registry.not_tidied", forgotten.error());
  if (const Status kept = hub_house_->retention().apply(); !kept)
    report("telemetry.not_tidied", kept.error());
  if (const Status kept = hub_house_->files().keep(); !kept)
    report("files.not_tidied", kept.error());
  const UnixSeconds end = identity_.made + security::signer::kServerValidityS;
  if (end - clock_.now_s() < kWarnBeforeS)
    log_.write(Level::warning, "identity.ends",
               {{"reason", "the server's TLS certificate ends " + rfc3339(end) +
                               "; restart the server for a new one"}});
}

Server::Parts::~Parts() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (housekeeper_.joinable()) housekeeper_.join();
  ::unlink(path(kPortsFile).c_str());
  if (management_listener_) management_listener_->stop();
  if (device_listener_) device_listener_->stop();
  if (commit_notes_) hub_house_->log().unsubscribe(*commit_notes_);
  if (hub_house_) hub_house_->stop();
}

Result<std::unique_ptr<Server>> Server::start(
    const ServerOptions& options, std::shared_ptr<const hub::s3_store::Settings> file_store,
    Log& log, const Clock& clock) {
  auto parts = std::make_unique<Parts>(options, std::move(file_store), log, clock);
  PAVISE_TRY(parts->open());
  PAVISE_TRY(parts->serve());
  PAVISE_TRY(parts->finish());
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() = default;
Ports Server::ports() const {
  return parts_->ports();
}
const std::string& Server::shown_once() const {
  return parts_->shown_once();
}

}  // namespace pavise::server
