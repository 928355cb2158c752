// The hub with everything it stands on.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/hub/access/hub_gatekeeper.h"
#include "cloud/hub/configurations/applier_thread.h"
#include "cloud/hub/data/store_data.h"
#include "cloud/hub/device_events/event_pump.h"
#include "cloud/hub/events/retention.h"
#include "cloud/hub/files/file_house.h"
#include "cloud/hub/jobs/job_runner.h"
#include "cloud/hub/rest/rest_pool.h"
#include "cloud/hub/routing/router.h"
#include "cloud/hub/s3_store/settings.h"
#include "cloud/hub/store/sqlite_hub_store.h"
#include "cloud/hub/transfers/transfer_runner.h"
#include "cloud/hub/transport/hub.h"
#include "cloud/security/authority/device_authority.h"

namespace pavise::server {

struct HubHouseOptions {
  std::string log_directory;
  std::string database_path;
  std::string files_directory;
  // Where the bytes of uploaded files go; null: into files_directory.
  std::shared_ptr<const hub::s3_store::Settings> file_store = {};
  // Objects there cannot be listed or removed for now; null: they can again. May be empty.
  std::function<void(const Error*)> on_file_store_failure = {};
  std::vector<TenantId> tenants;  // each gets the hub of its attested devices
  std::string host_name;          // of the server itself
  std::string listen = "127.0.0.1";
  std::uint16_t mqtt_port = 8883;
  std::optional<std::uint16_t> amqp_port;
  std::optional<std::uint16_t> https_port;
  std::string certificate_chain_pem;
  SecretBytes private_key_pem;
  // Called on the hub's threads; must not block. May be empty.
  std::function<void(const hub::HubEvent&)> on_session = {};
  std::function<void(const hub::HubEvent&)> on_closed = {};
  std::function<void(const hub::HubEvent&)> on_refused = {};
  std::function<void(const hub::rest::Refusal&)> on_refused_call = {};
  // A step of the jobs' runner failed and is done again.
  std::function<void(const Error&)> on_job_failure = {};
  // Configurations could not be applied for now; may be empty.
  std::function<void(const Error&)> on_configuration_failure = {};
  // Whether messages are brought to the endpoints of routes.
  bool message_routing = false;
  // An endpoint took no messages for now, or a message was dropped; may be empty.
  std::function<void(const iothub::HubName&, std::string_view endpoint, const Error&)>
      on_routing_failure = {};
};

// All functions are thread-safe.
class HubHouse {
 public:
  // Opens the data; nothing is served yet. Errors of the log and the store.
  static Result<std::unique_ptr<HubHouse>> open(HubHouseOptions options,
                                                security::DeviceAuthority& authority,
                                                const Clock& clock);
  ~HubHouse();  // stop()
  HubHouse(const HubHouse&) = delete;
  HubHouse& operator=(const HubHouse&) = delete;

  // Begins to listen. hub::kHubStartFailed.
  Status start();
  // Ends every connection, answers what is under way, waits for the threads. Idempotent.
  void stop();

  // Precondition: started.
  hub::Hub& hub() { return *hub_; }
  hub::SegmentLog& log() { return *log_; }
  hub::Retention& retention() { return *retention_; }
  hub::store::StoreQueue& queue() { return *queue_; }
  hub::HubGatekeeper& gatekeeper() { return *gatekeeper_; }
  const hub::rest::RestPool& rest() const { return *rest_; }
  hub::files::FileHouse& files() { return *files_; }
  // Hubs, routes or endpoints changed.
  void routing_changed();
  const hub::routing::Board& endpoints() const { return endpoints_; }

 private:
  HubHouse(HubHouseOptions options, security::DeviceAuthority& authority, const Clock& clock)
      : options_(std::move(options)), authority_(authority), clock_(clock) {}
  Status open_data();
  hub::files::FileHouseOptions file_options();
  hub::rest::Services rest_services();
  hub::jobs::JobServices job_services();
  hub::transfers::TransferServices transfer_services();
  void invoke_method(hub::MethodInvocation invocation, const hub::MethodBroker::Done& done);
  void desired_changed(const iothub::Identity& identity, std::uint64_t version, std::string body);
  bool connected(const iothub::Identity& identity);
  void start_applier();
  void start_router();

  HubHouseOptions options_;
  security::DeviceAuthority& authority_;
  const Clock& clock_;
  // Members are made from top to bottom. What answers into the hub ends before it; until the hub
  // has started, and after it has stopped, nobody is told.
  std::unique_ptr<hub::SegmentLog> log_;
  std::unique_ptr<hub::store::HubStore> store_;
  std::unique_ptr<hub::Retention> retention_;
  std::unique_ptr<hub::files::FileHouse> files_;
  std::unique_ptr<hub::HubGatekeeper> gatekeeper_;
  std::atomic<hub::Hub*> running_{nullptr};
  std::unique_ptr<hub::Hub> hub_;
  std::unique_ptr<hub::store::StoreQueue> queue_;
  std::unique_ptr<hub::EventPump> events_;  // ends after the data, which tells of the last ones
  std::unique_ptr<hub::StoreData> data_;
  std::unique_ptr<hub::jobs::JobRunner> jobs_;
  std::unique_ptr<hub::transfers::TransferRunner> transfers_;
  hub::configurations::Board board_;
  std::unique_ptr<hub::configurations::Applier> applier_;
  std::unique_ptr<hub::configurations::ApplierThread> applier_thread_;
  std::unique_ptr<hub::rest::RestPool> rest_;
  hub::routing::Board endpoints_;
  std::unique_ptr<hub::routing::Router> router_;
};

// The hub of a tenant's attested devices: makes it if it is missing.
Status ensure_tenant_hub(hub::store::StoreQueue& queue, const TenantId& tenant);

}  // namespace pavise::server
