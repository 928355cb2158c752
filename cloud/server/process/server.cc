#include "cloud/server/process/server.h"

#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "cloud/hub/transport/hub.h"
#include "cloud/security/attestation_service/attestation_service.h"
#include "cloud/security/registry/sqlite_registry.h"
#include "cloud/security/signer/client/signer_client.h"
#include "cloud/server/device_api/device_api.h"
#include "cloud/server/http/http_server.h"
#include "cloud/server/hub_access/log_telemetry.h"
#include "cloud/server/hub_access/store_twins.h"
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
  bool connected(const DeviceId& device) override { return hub_.connection(device).has_value(); }
  std::size_t connected_count() override { return hub_.connected_count(); }

 private:
  const hub::Hub& hub_;
};

TwinCalls twin_calls(hub::Hub& hub) {
  TwinCalls calls;
  calls.twin_json = [&hub](const DeviceId& device) { return hub.twin_json(device); };
  calls.merge_desired = [&hub](const DeviceId& device, std::string_view patch,
                               std::optional<std::uint64_t> if_version) {
    return hub.merge_desired(device, patch, if_version);
  };
  calls.forget = [&hub](const DeviceId& device) { return hub.forget(device); };
  return calls;
}

void log_hub_event(Log& log, std::string_view name, const hub::HubEvent& event) {
  log.write(Level::info, name,
            {{"device", event.device != nullptr ? event.device->text() : ""},
             {"tenant", event.tenant != nullptr ? event.tenant->text() : ""},
             {"peer", event.peer_address},
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
  Parts(const ServerOptions& options, Log& log, const Clock& clock)
      : options_(options), log_(log), clock_(clock) {}
  ~Parts();

  Status open();
  Status serve();
  Status finish();
  Ports ports() const;
  const std::string& shown_once() const { return shown_once_; }

 private:
  std::string path(std::string_view name) const {
    return options_.state_directory + "/" + std::string(name);
  }
  Status start_hub();
  Status start_listeners();
  Result<std::unique_ptr<http::HttpServer>> listen(std::uint16_t port, std::size_t body_bytes_max,
                                                   unsigned workers, http::Handler handler);
  void keep_house();
  void keep_house_once();

  const ServerOptions options_;
  Log& log_;
  const Clock& clock_;
  std::string shown_once_;

  std::unique_ptr<security::signer::Signer> signer_;
  ServerIdentity identity_;
  std::unique_ptr<security::Registry> registry_;
  std::unique_ptr<TokenAuthority> tokens_;
  // Outlives the hub, which it calls back: the hub detaches itself by its own shared state.
  std::unique_ptr<security::LiveAuthority> authority_;
  std::unique_ptr<security::Issuer> issuer_;
  std::unique_ptr<security::Tenancy> tenancy_;
  std::unique_ptr<security::ReleaseBook> releases_;
  std::unique_ptr<hub::SegmentLog> telemetry_log_;
  std::unique_ptr<hub::TwinStore> twin_store_;
  std::unique_ptr<hub::Hub> hub_;
  std::unique_ptr<LogTelemetry> telemetry_;
  std::unique_ptr<StoreTwins> twins_;
  std::unique_ptr<HubPresence> presence_;
  std::unique_ptr<security::AttestationService> attestation_;
  std::unique_ptr<DeviceApi> device_api_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<ManagementApi> management_api_;
  std::unique_ptr<http::HttpServer> device_listener_;
  std::unique_ptr<http::HttpServer> management_listener_;

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
  PAVISE_TRY_ASSIGN(identity_,
                    load_or_make_identity(options_.state_directory, names, *signer_, clock_));
  PAVISE_TRY_ASSIGN(registry_, security::open_sqlite_registry({.path = path("registry.db")}));
  PAVISE_TRY_ASSIGN(tokens_, TokenAuthority::load(*registry_, clock_));
  PAVISE_TRY_ASSIGN(authority_, security::LiveAuthority::load(*registry_, clock_));
  issuer_ = std::make_unique<security::Issuer>(*registry_, *signer_, *authority_, clock_);
  tenancy_ = std::make_unique<security::Tenancy>(*registry_, *signer_, *authority_, clock_);
  PAVISE_TRY_ASSIGN(releases_, security::ReleaseBook::load(*registry_, clock_));
  PAVISE_TRY_ASSIGN(auto directory, hub::open_log_directory(path("telemetry")));
  PAVISE_TRY_ASSIGN(telemetry_log_, hub::SegmentLog::open(std::move(directory), {}, clock_));
  PAVISE_TRY_ASSIGN(twin_store_, hub::open_sqlite_twin_store(path("twins.db")));
  return {};
}

Status Server::Parts::start_hub() {
  hub::HubOptions options;
  options.address = options_.listen;
  options.port = options_.hub_port;
  options.host_name = options_.host_name;
  options.certificate_chain_pem = identity_.chain_pem;
  options.private_key_pem = SecretBytes::copy_of(identity_.key_pem.view());
  options.on_session = [this](const hub::HubEvent& event) {
    log_hub_event(log_, "hub.session", event);
  };
  options.on_closed = [this](const hub::HubEvent& event) {
    log_hub_event(log_, "hub.closed", event);
  };
  PAVISE_TRY_ASSIGN(hub_, hub::Hub::start(std::move(options), *authority_, *telemetry_log_,
                                          *twin_store_, clock_));
  telemetry_ = std::make_unique<LogTelemetry>(*telemetry_log_);
  twins_ = std::make_unique<StoreTwins>(twin_calls(*hub_));
  presence_ = std::make_unique<HubPresence>(*hub_);
  return {};
}

Result<std::unique_ptr<http::HttpServer>> Server::Parts::listen(std::uint16_t port,
                                                                std::size_t body_bytes_max,
                                                                unsigned workers,
                                                                http::Handler handler) {
  http::Options options;
  options.address = options_.listen;
  options.port = port;
  options.certificate_chain_pem = identity_.chain_pem;
  options.private_key_pem = SecretBytes::copy_of(identity_.key_pem.view());
  options.worker_threads = workers;
  options.limits.body_bytes_max = body_bytes_max;
  return http::HttpServer::start(std::move(options), std::move(handler));
}

Status Server::Parts::start_listeners() {
  attestation_ = std::make_unique<security::AttestationService>(
      *registry_, *issuer_, *releases_, *authority_, clock_,
      security::AttestationServiceOptions{.hub_host = options_.host_name,
                                          .hub_port = hub_->port()});
  device_api_ = std::make_unique<DeviceApi>(*attestation_, log_);
  PAVISE_TRY_ASSIGN(device_listener_, listen(options_.device_port, http::kDeviceBodyBytesMax,
                                             kDeviceWorkers, [this](const http::Request& request) {
                                               return device_api_->handle(request);
                                             }));
  services_ = std::make_unique<Services>(
      Services{*registry_, *tenancy_, *issuer_, *releases_, *tokens_, *telemetry_, *twins_,
               *presence_, clock_, [this] { return ports(); }, clock_.now_s()});
  management_api_ = std::make_unique<ManagementApi>(*services_, log_);
  PAVISE_TRY_ASSIGN(
      management_listener_,
      listen(options_.management_port, http::kManagementBodyBytesMax, kManagementWorkers,
             [this](const http::Request& request) { return management_api_->handle(request); }));
  return {};
}

Status Server::Parts::serve() {
  PAVISE_TRY(start_hub());
  return start_listeners();
}

Ports Server::Parts::ports() const {
  // The management listener may be asked before its own start has returned.
  const std::uint16_t management =
      management_listener_ ? management_listener_->port() : options_.management_port;
  return {management, device_listener_->port(), hub_->port()};
}

// Only now: a start that fails must not use up the one time the token is shown.
Status Server::Parts::finish() {
  if (tokens_->empty() || options_.new_admin_token) {
    const std::string name =
        tokens_->empty() ? "administrator" : "administrator-" + std::to_string(clock_.now_s());
    PAVISE_TRY_ASSIGN(const NewToken token, tokens_->create("pavise-server", name,
                                                            security::Role::administrator, {}, {}));
    shown_once_ = token.secret;
  }
  const Ports open_ports = ports();
  const std::string text = "{\"management\":" + std::to_string(open_ports.management) +
                           ",\"device\":" + std::to_string(open_ports.device) +
                           ",\"hub\":" + std::to_string(open_ports.hub) + "}\n";
  PAVISE_TRY(write_file(path(kPortsFile), as_bytes(text), 0644));
  log_.write(Level::info, "server.ready",
             {{"management_port", std::to_string(open_ports.management)},
              {"device_port", std::to_string(open_ports.device)},
              {"hub_port", std::to_string(open_ports.hub)}});
  housekeeper_ = std::thread([this] { keep_house(); });
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
  if (const Status kept = telemetry_log_->apply_retention(); !kept)
    report("telemetry.not_tidied", kept.error());
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
  if (hub_) hub_->stop();
}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, Log& log,
                                              const Clock& clock) {
  auto parts = std::make_unique<Parts>(options, log, clock);
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
