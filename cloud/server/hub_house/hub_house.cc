#include "cloud/server/hub_house/hub_house.h"

#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/routing_sinks/make_sink.h"
#include "cloud/hub/s3_store/s3_depot.h"
#include "cloud/hub/session/close_reasons.h"

namespace pavise::server {

namespace {
// They wait most of their time for a commit that they share.
constexpr unsigned kRestThreads = 16;
// They wait for the disk or an object store; so many parts of files are on their way there at once.
constexpr unsigned kFileThreads = 8;
constexpr std::int64_t kHourMs = 3'600'000;

std::vector<hub::HubRetention> retention_of_hubs(const hub::store::HubStore& store) {
  std::vector<hub::HubRetention> out;
  for (const auto& each : store.index().hubs()) {
    const hub::store::HubSettings& settings = each->hub.settings;
    out.push_back({each->hub.name.text(), each->hub.created_ms, settings.retention_hours * kHourMs,
                   settings.retention_bytes_max});
  }
  return out;
}
}  // namespace

Result<std::unique_ptr<HubHouse>> HubHouse::open(HubHouseOptions options,
                                                 security::DeviceAuthority& authority,
                                                 const Clock& clock) {
  std::unique_ptr<HubHouse> house(new HubHouse(std::move(options), authority, clock));
  PAVISE_TRY(house->open_data());
  return house;
}

HubHouse::~HubHouse() {
  stop();
}

Status HubHouse::open_data() {
  PAVISE_TRY_ASSIGN(auto directory, hub::open_log_directory(options_.log_directory));
  PAVISE_TRY_ASSIGN(log_, hub::SegmentLog::open(std::move(directory), {}, clock_));
  PAVISE_TRY_ASSIGN(store_,
                    hub::store::open_sqlite_hub_store({.path = options_.database_path}, clock_));
  queue_ = std::make_unique<hub::store::StoreQueue>(*store_);
  for (const TenantId& tenant : options_.tenants) PAVISE_TRY(ensure_tenant_hub(*queue_, tenant));
  retention_ = std::make_unique<hub::Retention>(*log_, clock_,
                                                [this] { return retention_of_hubs(*store_); });
  // A failure is no reason not to start; the server's housekeeping meets and reports it again.
  (void)retention_->apply().has_value();
  PAVISE_TRY_ASSIGN(files_, hub::files::FileHouse::open(file_options(), store_->index(), clock_));
  gatekeeper_ =
      std::make_unique<hub::HubGatekeeper>(store_->index(), authority_, options_.host_name, clock_);
  events_ = std::make_unique<hub::EventPump>(*queue_, *log_, clock_);
  data_ = std::make_unique<hub::StoreData>(
      *queue_, clock_,
      hub::DataListener{.message_waiting =
                            [this](const iothub::Identity& identity) {
                              if (hub::Hub* const hub = running_.load())
                                hub->message_waiting(identity);
                            },
                        .service_message_waiting =
                            [this](const iothub::HubName& name, hub::ServiceQueue queue) {
                              if (hub::Hub* const hub = running_.load())
                                hub->service_message_waiting(name, queue);
                            },
                        .is_connected =
                            [this](const iothub::Identity& identity) {
                              hub::Hub* const hub = running_.load();
                              return hub != nullptr && hub->connection(identity).has_value();
                            }});
  PAVISE_TRY_ASSIGN(jobs_, hub::jobs::JobRunner::create(job_services()));
  transfers_ = std::make_unique<hub::transfers::TransferRunner>(transfer_services());
  rest_ = std::make_unique<hub::rest::RestPool>(rest_services(), kRestThreads, kFileThreads);
  return {};
}

hub::files::FileHouseOptions HubHouse::file_options() {
  hub::files::FileHouseOptions out{.folder = options_.files_directory,
                                   .depot_failed = options_.on_file_store_failure};
  if (options_.file_store)
    out.depot = [this](const std::string& name) -> Result<std::unique_ptr<hub::files::ByteDepot>> {
      return std::unique_ptr<hub::files::ByteDepot>(
          std::make_unique<hub::s3_store::S3Depot>(options_.file_store, name, clock_));
    };
  return out;
}

hub::rest::Services HubHouse::rest_services() {
  return {
      .queue = *queue_,
      .gatekeeper = *gatekeeper_,
      .log = *log_,
      .clock = clock_,
      .desired_changed =
          [this](const iothub::Identity& identity, std::uint64_t version, std::string body) {
            desired_changed(identity, version, std::move(body));
          },
      .message_waiting =
          [this](const iothub::Identity& identity) {
            if (hub::Hub* const hub = running_.load()) hub->message_waiting(identity);
          },
      .service_message_waiting =
          [this](const iothub::HubName& name, hub::ServiceQueue queue) {
            if (hub::Hub* const hub = running_.load()) hub->service_message_waiting(name, queue);
          },
      .forget =
          [this](const iothub::Identity& identity) {
            if (hub::Hub* const hub = running_.load()) hub->forget(identity);
          },
      .rights_changed =
          [this](const hub::RightsChanged& change) { gatekeeper_->rights_changed(change); },
      .device_active = [this](const iothub::Identity& identity) { data_->note_active(identity); },
      .connected = [this](const iothub::Identity& identity) { return connected(identity); },
      .connected_count = [this](const iothub::HubName& name) -> std::uint64_t {
        hub::Hub* const hub = running_.load();
        return hub == nullptr ? 0 : hub->connected_count(name);
      },
      .invoke_method =
          [this](hub::MethodInvocation invocation, const hub::MethodBroker::Done& done) {
            invoke_method(std::move(invocation), done);
          },
      .refused =
          [this](const hub::rest::Refusal& refusal) {
            if (hub::Hub* const hub = running_.load())
              hub->count_refused_call(refusal.hub, refusal.error.info());
            if (options_.on_refused_call) options_.on_refused_call(refusal);
          },
      .stored =
          [this](const iothub::HubName& name, std::uint64_t messages, std::uint64_t bytes) {
            if (hub::Hub* const hub = running_.load()) hub->count_messages(name, messages, bytes);
          },
      .jobs_changed = [this] { jobs_->changed(); },
      .transfers_changed = [this] { transfers_->changed(); },
      .configuration_counts = [this](const iothub::HubName& name,
                                     std::string_view id) { return board_.counts(name, id); },
      .files = files_.get()};
}

hub::jobs::JobServices HubHouse::job_services() {
  return {.queue = *queue_,
          .clock = clock_,
          .invoke_method =
              [this](hub::MethodInvocation invocation, const hub::MethodBroker::Done& done) {
                invoke_method(std::move(invocation), done);
              },
          .desired_changed =
              [this](const iothub::Identity& identity, std::uint64_t version, std::string body) {
                desired_changed(identity, version, std::move(body));
              },
          .connected = [this](const iothub::Identity& identity) { return connected(identity); },
          .failed = options_.on_job_failure};
}

hub::transfers::TransferServices HubHouse::transfer_services() {
  return {.queue = *queue_,
          .files = *files_,
          .clock = clock_,
          .desired_changed =
              [this](const iothub::Identity& identity, std::uint64_t version, std::string body) {
                desired_changed(identity, version, std::move(body));
              },
          .forget =
              [this](const iothub::Identity& identity) {
                if (hub::Hub* const hub = running_.load()) hub->forget(identity);
              },
          .rights_changed =
              [this](const hub::RightsChanged& change) { gatekeeper_->rights_changed(change); },
          .failed = options_.on_job_failure};
}

void HubHouse::invoke_method(hub::MethodInvocation invocation,
                             const hub::MethodBroker::Done& done) {
  hub::Hub* const hub = running_.load();
  if (hub == nullptr) return done(hub::kHubStopped);
  hub->invoke_method(std::move(invocation), done);
}

void HubHouse::desired_changed(const iothub::Identity& identity, std::uint64_t version,
                               std::string body) {
  if (hub::Hub* const hub = running_.load())
    hub->desired_changed(identity, version, std::move(body));
}

bool HubHouse::connected(const iothub::Identity& identity) {
  hub::Hub* const hub = running_.load();
  return hub != nullptr && hub->connection(identity).has_value();
}

void HubHouse::start_applier() {
  applier_ = std::make_unique<hub::configurations::Applier>(
      *queue_, clock_, board_,
      hub::configurations::Wiring{
          .document =
              [this](const hub::store::TwinRecord& twin) {
                return hub::rest::twin_document(twin, connected(twin.identity.id));
              },
          .desired_changed =
              [this](const iothub::Identity& identity, std::uint64_t version, std::string body) {
                desired_changed(identity, version, std::move(body));
              }});
  applier_thread_ = std::make_unique<hub::configurations::ApplierThread>(
      *applier_, clock_, options_.on_configuration_failure);
}

void HubHouse::start_router() {
  if (!options_.message_routing) return;
  const auto twin_of = [this](const iothub::Identity& id) -> std::optional<query::Document> {
    std::string text;
    const auto read = store_->read([&](hub::store::HubReader& reader) -> Status {
      PAVISE_TRY_ASSIGN(const auto twin, reader.twin(id));
      text = hub::rest::twin_document(twin, connected(id));
      return {};
    });
    auto document = read ? query::Document::parse(text) : Result<query::Document>(read.error());
    if (!document) return std::nullopt;
    return *std::move(document);
  };
  router_ = std::make_unique<hub::routing::Router>(
      hub::routing::Wiring{.queue = *queue_,
                           .log = *log_,
                           .retention = retention_.get(),
                           .clock = clock_,
                           .board = endpoints_,
                           .twin = twin_of,
                           .failed = options_.on_routing_failure},
      &hub::routing::make_sink);
  router_->start();
}

void HubHouse::routing_changed() {
  if (router_) router_->changed();
}

Status HubHouse::start() {
  hub::HubOptions options;
  options.address = options_.listen;
  options.port = options_.mqtt_port;
  options.amqp_port = options_.amqp_port;
  options.https_port = options_.https_port;
  options.http = rest_.get();
  options.retention = retention_.get();
  options.certificate_chain_pem = options_.certificate_chain_pem;
  options.private_key_pem = std::move(options_.private_key_pem);
  options.on_session = options_.on_session;
  options.on_closed = options_.on_closed;
  options.on_refused = options_.on_refused;
  PAVISE_TRY_ASSIGN(hub_, hub::Hub::start(std::move(options), *gatekeeper_, *log_, *data_, clock_));
  running_ = hub_.get();
  jobs_->start();
  transfers_->start();
  files_->start();
  start_applier();
  start_router();
  return {};
}

void HubHouse::stop() {
  // What waits for an object store would hold up the end of all that is below.
  if (files_) files_->stop();
  // Before the hub: a part that is begun while it ends would fail without having been tried.
  if (jobs_) jobs_->stop();
  if (transfers_) transfers_->stop();
  if (hub_) hub_->stop();
  // What is under way answers into the hub's inboxes, which are there until the hub itself goes.
  rest_.reset();
  transfers_.reset();
  jobs_.reset();
  router_.reset();
  applier_thread_.reset();
  applier_.reset();
  data_.reset();
  events_.reset();
  queue_.reset();
  running_ = nullptr;
}

Status ensure_tenant_hub(hub::store::StoreQueue& queue, const TenantId& tenant) {
  const auto name = iothub::HubName::of_tenant(tenant);
  if (queue.store().index().hub(name) != nullptr) return {};
  return queue.call([&](hub::store::HubTransaction& transaction) -> Status {
    const auto created = transaction.create_hub(name, tenant, {});
    if (created || created.error().is(hub::store::kHubExists)) return {};
    return created.error();
  });
}

}  // namespace pavise::server
