// Private to the store: HubTransaction over one SQLite connection.
#pragma once

#include <optional>
#include <variant>

#include "cloud/hub/store/hub_store.h"
#include "common/sqlite/database.h"

namespace pavise::hub::store {

// What a transaction does to the index once it is committed.
struct HubPut {
  std::shared_ptr<const HubAuth> hub;
};
struct HubRemoved {
  iothub::HubName name;
};
struct IdentityPut {
  iothub::Identity id;
  IdentityAuth auth;
};
struct IdentityRemoved {
  iothub::Identity id;
};
using IndexChange = std::variant<HubPut, HubRemoved, IdentityPut, IdentityRemoved>;

void apply(IndexChange&& change, IdentityIndex& index);
IdentityAuth auth_of(const IdentityRecord& record);

// Not thread-safe; used by one operation after the other.
class SqliteTransaction final : public HubTransaction {
 public:
  SqliteTransaction(sqlite::Database& db, const Clock& clock) : db_(db), clock_(clock) {}

  // Forgets what the operation before noted.
  void begin() {
    failure_.reset();
    changes_.clear();
    touched_ = {};
  }
  // Set when the database failed during the operation, whatever the operation made of it.
  const std::optional<Error>& failure() const { return failure_; }
  std::vector<IndexChange> take_changes() { return std::move(changes_); }
  Touched take_touched() { return std::move(touched_); }
  // Every hub and identity, for a new index.
  Status load(IdentityIndex& index);
  // Ends the locks that a former process held for its connections, without counting a delivery.
  Status end_stale_locks();
  // Tells the end of the connections that a former process had told of and did not see end.
  Status end_stale_connections();

  Status attempt(const std::function<Status()>& work) override;

  Result<HubRecord> hub(const iothub::HubName& name) override;
  Result<std::vector<HubRecord>> hubs() override;
  Result<std::vector<PolicyRecord>> policies(const iothub::HubName& hub) override;
  Result<HubRecord> create_hub(const iothub::HubName& name, const TenantId& tenant,
                               const HubSettings& settings) override;
  Result<HubRecord> update_hub(const iothub::HubName& name, const HubSettings& settings,
                               const IfMatch& if_match) override;
  Status delete_hub(const iothub::HubName& name, const IfMatch& if_match) override;
  Result<PolicyRecord> create_policy(const iothub::HubName& hub,
                                     const PolicyRecord& policy) override;
  Result<PolicyRecord> update_policy(const iothub::HubName& hub,
                                     const PolicyRecord& policy) override;
  Status delete_policy(const iothub::HubName& hub, std::string_view name) override;

  Result<IdentityRecord> identity(const iothub::Identity& id) override;
  Result<std::vector<IdentityRecord>> devices(const iothub::HubName& hub,
                                              const Page& page) override;
  Result<std::vector<IdentityRecord>> modules(const iothub::Identity& device) override;
  Result<IdentityCounts> count_identities(const iothub::HubName& hub) override;
  Result<IdentityRecord> create_identity(const iothub::Identity& id,
                                         const IdentityFields& fields) override;
  Result<IdentityRecord> update_identity(const iothub::Identity& id, const IdentityFields& fields,
                                         const IfMatch& if_match) override;
  Result<std::vector<iothub::Identity>> delete_identity(const iothub::Identity& id,
                                                        const IfMatch& if_match) override;
  Result<IdentityRecord> ensure_attested(const iothub::Identity& device) override;
  Status note_activity(std::span<const Activity> activities) override;
  Result<std::vector<KeptSubscriptions>> kept_subscriptions() override;
  Status keep_subscriptions(const KeptSubscriptions& kept) override;

  Result<TwinRecord> twin(const iothub::Identity& id) override;
  Result<std::string> device_twin(const iothub::Identity& id) override;
  using HubTransaction::twins;
  Result<std::vector<TwinRecord>> twins(const iothub::HubName& hub, bool of_modules,
                                        const Page& page, const TwinParts& parts) override;
  Result<std::uint64_t> merge_reported(const iothub::Identity& id, std::string_view patch_json,
                                       std::optional<std::uint64_t> if_version) override;
  Result<TwinChanged> change_twin(const iothub::Identity& id, std::string_view body_json,
                                  TwinChangeKind kind, const IfMatch& if_match) override;
  Result<TwinChanged> configure_twin(const iothub::Identity& id,
                                     const TwinSettings& settings) override;
  Status import_twin(const iothub::Identity& id, std::string_view stored_text) override;

  Result<std::vector<DeviceEvent>> device_events(std::size_t limit) override;
  Status delete_device_events(std::int64_t number) override;

  Result<std::uint32_t> messages_waiting(const iothub::Identity& id) override;
  Result<std::optional<UnixMillis>> next_sweep_ms() override;
  Result<std::uint64_t> enqueue_message(const iothub::HubName& hub,
                                        const MessageToDevice& message) override;
  Result<Offer> lock_message(const iothub::Identity& id, LockOwner owner) override;
  Result<Settled> settle_message(const iothub::Identity& id, std::string_view lock_token,
                                 Settlement settlement) override;
  Result<Purged> purge_messages(const iothub::Identity& id) override;
  Status enqueue_file_notification(const iothub::HubName& hub, std::string_view body_json) override;
  Result<std::optional<ServiceMessage>> lock_service_message(const iothub::HubName& hub,
                                                             ServiceQueue queue,
                                                             LockOwner owner) override;
  Status settle_service_message(const iothub::HubName& hub, ServiceQueue queue,
                                std::string_view lock_token, Settlement settlement) override;
  Result<Released> release_locks(LockOwner owner) override;
  Result<Released> sweep(std::size_t limit) override;

  Result<std::vector<CaCertificateRecord>> ca_certificates(const iothub::HubName& hub) override;
  Result<CaCertificateRecord> ca_certificate(const iothub::HubName& hub,
                                             std::string_view name) override;
  Result<CaCertificateRecord> add_ca_certificate(const iothub::HubName& hub,
                                                 const CaCertificateRecord& record) override;
  Result<CaCertificateRecord> set_ca_nonce(const iothub::HubName& hub, std::string_view name,
                                           std::string_view nonce,
                                           const IfMatch& if_match) override;
  Result<CaCertificateRecord> verify_ca_certificate(const iothub::HubName& hub,
                                                    std::string_view name,
                                                    const IfMatch& if_match) override;
  Status delete_ca_certificate(const iothub::HubName& hub, std::string_view name,
                               const IfMatch& if_match) override;

  Result<JobRecord> job(const iothub::HubName& hub, std::string_view id) override;
  Result<std::vector<JobRecord>> jobs(const iothub::HubName& hub, const JobFilter& filter,
                                      const Page& page) override;
  Result<std::vector<DueJob>> due_jobs(UnixMillis now_ms, std::size_t limit) override;
  Result<std::vector<DueJob>> due_scheduled_jobs(UnixMillis now_ms, std::size_t of_hub_max,
                                                 std::size_t limit) override;
  Result<std::vector<DueJob>> open_transfers(std::size_t limit) override;
  Result<std::uint64_t> count_open_transfers(const iothub::HubName& hub) override;
  Result<std::optional<UnixMillis>> next_job_ms(UnixMillis after_ms) override;
  Result<std::uint64_t> count_active_jobs(const iothub::HubName& hub) override;
  Result<std::vector<DeviceJobRecord>> device_jobs(const iothub::HubName& hub, std::string_view job,
                                                   std::optional<DeviceJobStatus> status,
                                                   const Page& page) override;
  Result<std::vector<DeviceJobRecord>> jobs_of_device(const iothub::Identity& id,
                                                      std::size_t limit) override;
  Result<JobRecord> create_job(const iothub::HubName& hub, const JobRecord& job) override;
  Status update_job(const iothub::HubName& hub, const JobRecord& job) override;
  Status delete_job(const iothub::HubName& hub, std::string_view id) override;
  Status add_device_jobs(const iothub::HubName& hub, std::string_view job,
                         std::span<const iothub::Identity> ids) override;
  Status update_device_job(const DeviceJobRecord& part) override;
  Result<std::vector<DeviceJobRecord>> take_device_jobs(const iothub::HubName& hub,
                                                        std::string_view job,
                                                        std::size_t limit) override;
  Result<std::size_t> cancel_device_jobs(std::size_t limit) override;
  Result<std::size_t> fail_running_device_jobs(std::string_view outcome_json,
                                               std::size_t limit) override;
  Result<std::size_t> delete_jobs_before(UnixMillis ended_ms, std::size_t limit) override;
  Result<ConfigurationRecord> configuration(const iothub::HubName& hub,
                                            std::string_view id) override;
  Result<std::vector<ConfigurationRecord>> configurations(const iothub::HubName& hub) override;
  Result<ConfigurationRecord> create_configuration(const iothub::HubName& hub,
                                                   const ConfigurationRecord& record) override;
  Result<ConfigurationRecord> update_configuration(const iothub::HubName& hub,
                                                   const ConfigurationRecord& record,
                                                   const IfMatch& if_match) override;
  Status delete_configuration(const iothub::HubName& hub, std::string_view id,
                              const IfMatch& if_match) override;

  Result<std::vector<RoutingEndpointRecord>> routing_endpoints(const iothub::HubName& hub) override;
  Result<RoutingEndpointRecord> routing_endpoint(const iothub::HubName& hub,
                                                 std::string_view name) override;
  Result<std::vector<RouteRecord>> routes(const iothub::HubName& hub) override;
  Result<RouteRecord> route(const iothub::HubName& hub, std::string_view name) override;
  Result<std::vector<ActRecord>> acts(const iothub::HubName& hub, std::uint64_t before,
                                      std::size_t limit) override;
  Status note_act(const iothub::HubName& hub, const ActRecord& act) override;
  Result<RoutingEndpointRecord> create_routing_endpoint(const iothub::HubName& hub,
                                                        const RoutingEndpointRecord& record,
                                                        std::uint64_t cursor) override;
  Result<RoutingEndpointRecord> update_routing_endpoint(const iothub::HubName& hub,
                                                        const RoutingEndpointRecord& record,
                                                        const IfMatch& if_match) override;
  Status delete_routing_endpoint(const iothub::HubName& hub, std::string_view name,
                                 const IfMatch& if_match) override;
  Status note_routing(const RoutingProgress& progress) override;
  Result<RouteRecord> create_route(const iothub::HubName& hub, const RouteRecord& record) override;
  Result<RouteRecord> update_route(const iothub::HubName& hub, const RouteRecord& record,
                                   const IfMatch& if_match) override;
  Status delete_route(const iothub::HubName& hub, std::string_view name,
                      const IfMatch& if_match) override;

 private:
  // What the operations on a queue need to know of its identity.
  struct QueueOf {
    std::int64_t hub = 0;
    std::int64_t identity = 0;
    std::uint64_t generation = 0;
    std::uint32_t ttl_s = 0;
    std::uint32_t deliveries_max = 0;
    iothub::Identity id;
  };
  struct Queued {
    std::int64_t number = 0;
    FeedbackWanted feedback = FeedbackWanted::none;
    std::uint32_t deliveries = 0;
    UnixMillis expires = 0;
    std::optional<UnixMillis> lock_until{};
    UnixMillis enqueued = 0;
    std::string properties{};
  };
  struct StoredTwin {
    std::int64_t identity = 0;
    twin::Twin twin;
    std::string generation{};
  };
  // As of sqlite::Database; they note a failure of the database.
  template <class... Args>
  Result<std::size_t> change(std::string_view sql, const Args&... args) {
    return noted(db_.change(sql, args...));
  }
  template <class Visit, class... Args>
  Result<std::size_t> query(std::string_view sql, const Visit& visit, const Args&... args) {
    return noted(db_.query(sql, visit, args...));
  }
  // One number of one row; nullopt: no row.
  template <class... Args>
  Result<std::optional<std::int64_t>> number(std::string_view sql, const Args&... args) {
    std::optional<std::int64_t> found;
    PAVISE_TRY(query(
        sql,
        [&](const sqlite::Row& row) {
          if (!row.is_null(0)) found = row.integer(0);
        },
        args...));
    return found;
  }
  Result<std::size_t> noted(Result<std::size_t> result) {
    if (!result && !failure_) failure_ = result.error();
    return result;
  }
  Error damaged(std::string_view what);

  Result<std::int64_t> hub_number(const iothub::HubName& name);  // kHubNotFound
  Status check_hub_names(const iothub::HubName& name, const HubSettings& settings);
  Status check_room_for_hub(const iothub::HubName& name, const TenantId& tenant);
  Status write_aliases(std::int64_t hub, const HubSettings& settings);
  Result<FileUploadSettings> file_upload_settings(std::int64_t hub);
  Status write_file_upload(std::int64_t hub, const FileUploadSettings& settings);
  Status write_policy(std::int64_t hub, const PolicyRecord& policy);
  Status note_hub(const iothub::HubName& name);
  Result<HubAuth> hub_auth(const iothub::HubName& name);

  template <class... Args>
  Result<std::vector<IdentityRecord>> identities(std::string_view sql, const Args&... args);
  Result<std::optional<IdentityRecord>> find_identity(const iothub::Identity& id);
  Status check_room(std::int64_t hub, const iothub::Identity& id);
  Status count(std::int64_t hub, std::int64_t devices, std::int64_t enabled, std::int64_t modules);
  Status insert_identity(std::int64_t hub, const IdentityRecord& record);

  template <class... Args>
  Result<std::vector<TwinRecord>> twin_records(const TwinParts& parts, std::string_view sql,
                                               const Args&... args);
  Result<StoredTwin> load_twin(const iothub::Identity& id);
  Status save_twin(std::int64_t identity, const twin::Twin& twin);

  // Whether the hub wants such events; asked before a change, so that one that cannot be told is
  // not made. kTooManyEvents.
  Status check_event_room();
  Result<bool> wants_event(const iothub::HubName& hub, EventSource source);
  Status note_event(const iothub::Identity& id, std::string_view generation, EventSource source,
                    std::string_view operation, std::string_view body);
  Status note_created(const IdentityRecord& record);
  Status note_deleted(const IdentityRecord& record);
  Status report_connection(const Activity& activity, bool connected);

  Result<QueueOf> queue_of(const iothub::Identity& id);
  Result<QueueOf> queue_of_message(std::int64_t message);
  template <class... Args>
  Result<std::optional<Queued>> queued(std::string_view condition, const Args&... args);
  // These tell whether a feedback record was written.
  Result<bool> drop(const QueueOf& queue, const Queued& message, std::string_view outcome);
  Result<bool> abandon(const QueueOf& queue, const Queued& message);
  Result<bool> tidy(const QueueOf& queue);
  Result<std::vector<std::int64_t>> numbers(std::string_view sql, std::int64_t value,
                                            std::size_t limit);
  Status end_messages(std::span<const std::int64_t> ended, Released& released);

  Result<FeedbackSettings> queue_settings(std::int64_t hub, ServiceQueue queue);
  Status insert_service_message(std::int64_t hub, ServiceQueue queue, std::string_view body);
  Result<bool> feedback_is_due(std::int64_t hub);
  Status make_feedback_message(std::int64_t hub);
  Status make_due_feedback(std::size_t limit, Released& released);
  Result<std::optional<std::int64_t>> oldest_service_message(std::int64_t hub, ServiceQueue queue);
  Status end_service_messages(std::span<const std::int64_t> ended, Released& released);

  Result<std::optional<CaCertificateRecord>> find_certificate(const iothub::HubName& hub,
                                                              std::string_view name,
                                                              const IfMatch& if_match);
  Result<std::int64_t> job_number(const iothub::HubName& hub, std::string_view id);
  Status count_parts(std::int64_t job, JobStatistics& statistics);
  template <class... Args>
  Result<std::vector<DueJob>> job_rows(std::string_view sql, const Args&... args);
  template <class... Args>
  Result<std::vector<DeviceJobRecord>> part_rows(std::string_view sql, const Args&... args);
  template <class... Args>
  Result<std::vector<ConfigurationRecord>> configuration_rows(std::string_view sql,
                                                              const Args&... args);

  template <class... Args>
  Result<std::vector<RoutingEndpointRecord>> endpoint_rows(std::string_view condition,
                                                           const Args&... args);
  template <class... Args>
  Result<std::vector<RouteRecord>> route_rows(std::string_view condition, const Args&... args);
  Status check_route(const iothub::HubName& hub, const RouteRecord& given);

  sqlite::Database& db_;
  const Clock& clock_;
  std::optional<Error> failure_;
  std::vector<IndexChange> changes_;
  Touched touched_;
};

// nullopt in `if_match` is "*". kPreconditionFailed.
Status check_etag(const IfMatch& if_match, std::string_view current);

}  // namespace pavise::hub::store
