// The hub's database: hubs, policies, identities, twins, queues, jobs and configurations behind one
// interface. One contract suite (hub_store_contract.h) holds for every implementation.
//
// All writes run through execute(), in groups; nothing is answered before it is durable. The hub's
// programs use it through StoreQueue.
#pragma once

#include <atomic>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/hub/ports/service_port.h"
#include "cloud/hub/store/act_record.h"
#include "cloud/hub/store/errors.h"
#include "cloud/hub/store/identity_index.h"
#include "cloud/hub/store/records.h"
#include "cloud/hub/store/routing_records.h"

namespace pavise::hub::store {

// Reads from one consistent state. Valid during the call it was handed to. Every function may fail
// with kStoreFailed, kStoreCorrupt or kStoreLocked; other errors are named.
class HubReader {
 public:
  virtual ~HubReader() = default;

  virtual Result<HubRecord> hub(const iothub::HubName& name) = 0;  // kHubNotFound
  virtual Result<std::vector<HubRecord>> hubs() = 0;
  virtual Result<std::vector<PolicyRecord>> policies(const iothub::HubName& hub) = 0;

  // kDeviceNotFound, kModuleNotFound.
  virtual Result<IdentityRecord> identity(const iothub::Identity& id) = 0;
  virtual Result<std::vector<IdentityRecord>> devices(const iothub::HubName& hub,
                                                      const Page& page) = 0;
  // kDeviceNotFound.
  virtual Result<std::vector<IdentityRecord>> modules(const iothub::Identity& device) = 0;
  virtual Result<IdentityCounts> count_identities(const iothub::HubName& hub) = 0;

  // An identity whose twin was never written has an empty one. kDeviceNotFound, kModuleNotFound,
  // twin::kCorruptTwin.
  virtual Result<TwinRecord> twin(const iothub::Identity& id) = 0;
  // {"desired":{...,"$version":n},"reported":{...,"$version":m}}.
  virtual Result<std::string> device_twin(const iothub::Identity& id) = 0;
  // Twins of devices, or of all modules, in the order of device id and module id. `after` is an
  // iothub::Identity::client_id(). Each has what `parts` wants.
  virtual Result<std::vector<TwinRecord>> twins(const iothub::HubName& hub, bool of_modules,
                                                const Page& page, const TwinParts& parts) = 0;
  Result<std::vector<TwinRecord>> twins(const iothub::HubName& hub, bool of_modules,
                                        const Page& page) {
    return twins(hub, of_modules, page, {});
  }

  // Events that are not yet in the event log, the oldest first.
  virtual Result<std::vector<DeviceEvent>> device_events(std::size_t limit) = 0;

  // Of all hubs, where there are any.
  virtual Result<std::vector<KeptSubscriptions>> kept_subscriptions() = 0;

  virtual Result<std::uint32_t> messages_waiting(const iothub::Identity& id) = 0;
  // When a message or lock of a hub ends by time, or a feedback batch is due; nullopt: never.
  virtual Result<std::optional<UnixMillis>> next_sweep_ms() = 0;

  virtual Result<std::vector<CaCertificateRecord>> ca_certificates(const iothub::HubName& hub) = 0;
  virtual Result<CaCertificateRecord> ca_certificate(const iothub::HubName& hub,
                                                     std::string_view name) = 0;

  virtual Result<JobRecord> job(const iothub::HubName& hub, std::string_view id) = 0;
  virtual Result<std::vector<JobRecord>> jobs(const iothub::HubName& hub, const JobFilter& filter,
                                              const Page& page) = 0;
  // Jobs of all hubs that are scheduled or queued with start_ms <= now_ms, or running; the oldest
  // start first.
  struct DueJob {
    iothub::HubName hub;
    JobRecord job;
  };
  virtual Result<std::vector<DueJob>> due_jobs(UnixMillis now_ms, std::size_t limit) = 0;
  // Those of them that are made of parts per device, methods and twin updates; of each hub
  // `of_hub_max` at most, and what runs first.
  virtual Result<std::vector<DueJob>> due_scheduled_jobs(UnixMillis now_ms, std::size_t of_hub_max,
                                                         std::size_t limit) = 0;
  // Imports and exports of all hubs that have not ended, the oldest first.
  virtual Result<std::vector<DueJob>> open_transfers(std::size_t limit) = 0;
  // How many of them a hub has. kHubNotFound.
  virtual Result<std::uint64_t> count_open_transfers(const iothub::HubName& hub) = 0;
  // When the next scheduled job that is scheduled or queued is to start after this time; nullopt:
  // none is.
  virtual Result<std::optional<UnixMillis>> next_job_ms(UnixMillis after_ms) = 0;
  // How many scheduled jobs a hub has that have not ended. kHubNotFound.
  virtual Result<std::uint64_t> count_active_jobs(const iothub::HubName& hub) = 0;
  // In the order of identities; `after` is a client_id().
  virtual Result<std::vector<DeviceJobRecord>> device_jobs(const iothub::HubName& hub,
                                                           std::string_view job,
                                                           std::optional<DeviceJobStatus> status,
                                                           const Page& page) = 0;
  // Parts of jobs that concern one device.
  virtual Result<std::vector<DeviceJobRecord>> jobs_of_device(const iothub::Identity& id,
                                                              std::size_t limit) = 0;

  virtual Result<ConfigurationRecord> configuration(const iothub::HubName& hub,
                                                    std::string_view id) = 0;
  // The highest priority first; of equals the newest.
  virtual Result<std::vector<ConfigurationRecord>> configurations(const iothub::HubName& hub) = 0;

  // By name.
  virtual Result<std::vector<RoutingEndpointRecord>> routing_endpoints(
      const iothub::HubName& hub) = 0;
  virtual Result<RoutingEndpointRecord> routing_endpoint(const iothub::HubName& hub,
                                                         std::string_view name) = 0;
  virtual Result<std::vector<RouteRecord>> routes(const iothub::HubName& hub) = 0;
  virtual Result<RouteRecord> route(const iothub::HubName& hub, std::string_view name) = 0;

  // The newest first; only those with a number below `before`, unless that is 0. kHubNotFound.
  virtual Result<std::vector<ActRecord>> acts(const iothub::HubName& hub, std::uint64_t before,
                                              std::size_t limit) = 0;
};

// Reads and writes of one operation, all or nothing. A function that fails for a reason of its
// caller has changed nothing, and the operation may go on; one that fails with kStoreFailed,
// kStoreFull, kStoreCorrupt or kStoreLocked fails the whole operation.
class HubTransaction : public HubReader {
 public:
  // Several calls, all or nothing: when `work` fails, what it did is undone, and the operation may
  // go on. May not be nested. Errors of `work`.
  virtual Status attempt(const std::function<Status()>& work) = 0;

  // ---- hubs and policies

  // With the five policies of IoT Hub: iothubowner, service, device, registryRead,
  // registryReadWrite. kHubExists, kBadSettings, kTooManyHubs.
  virtual Result<HubRecord> create_hub(const iothub::HubName& name, const TenantId& tenant,
                                       const HubSettings& settings) = 0;
  // kHubNotFound, kPreconditionFailed, kBadSettings (also: another partition count), kHubExists (an
  // alias of another hub).
  virtual Result<HubRecord> update_hub(const iothub::HubName& name, const HubSettings& settings,
                                       const IfMatch& if_match) = 0;
  // With all that belongs to it. kHubNotFound, kPreconditionFailed.
  virtual Status delete_hub(const iothub::HubName& name, const IfMatch& if_match) = 0;

  // kPolicyExists, kBadPolicy, kTooManyPolicies, kHubNotFound.
  virtual Result<PolicyRecord> create_policy(const iothub::HubName& hub,
                                             const PolicyRecord& policy) = 0;
  // Replaces rights and keys; an empty key is generated anew. kPolicyNotFound, kBadPolicy.
  virtual Result<PolicyRecord> update_policy(const iothub::HubName& hub,
                                             const PolicyRecord& policy) = 0;
  virtual Status delete_policy(const iothub::HubName& hub, std::string_view name) = 0;

  // ---- identities

  // kDeviceExists, kModuleExists, kDeviceNotFound (of a module), kHubNotFound, kBadIdentity,
  // kTooManyIdentities, kTooManyModules.
  virtual Result<IdentityRecord> create_identity(const iothub::Identity& id,
                                                 const IdentityFields& fields) = 0;
  // An attested device stays attested: kBadIdentity if another kind than certificate_authority, as
  // which services see it, is given. kDeviceNotFound, kModuleNotFound, kPreconditionFailed,
  // kBadIdentity.
  virtual Result<IdentityRecord> update_identity(const iothub::Identity& id,
                                                 const IdentityFields& fields,
                                                 const IfMatch& if_match) = 0;
  // With its twin and queue, and a device with its modules; returns all that went. kDeviceNotFound,
  // kModuleNotFound, kPreconditionFailed.
  virtual Result<std::vector<iothub::Identity>> delete_identity(const iothub::Identity& id,
                                                                const IfMatch& if_match) = 0;
  // The entry of an attested device, made if it is missing; an entry that is there stays as it is,
  // whatever its kind. kHubNotFound, kTooManyIdentities.
  virtual Result<IdentityRecord> ensure_attested(const iothub::Identity& device) = 0;
  // Unknown identities are skipped. Changes no ETag. A connection state to report that is not the
  // one reported last becomes an event, if the hub wants those. kTooManyEvents.
  virtual Status note_activity(std::span<const Activity> activities) = 0;

  // An unknown identity is skipped. Changes no ETag.
  virtual Status keep_subscriptions(const KeptSubscriptions& kept) = 0;

  // ---- twins

  // From the device; returns the new version of the section. Errors of twin::Twin::merge,
  // kDeviceNotFound, kModuleNotFound.
  virtual Result<std::uint64_t> merge_reported(const iothub::Identity& id,
                                               std::string_view patch_json,
                                               std::optional<std::uint64_t> if_version) = 0;
  // From the service: a twin document of which "tags" and "properties.desired" count. Errors of
  // twin::Twin::change, kDeviceNotFound, kModuleNotFound, kPreconditionFailed.
  virtual Result<TwinChanged> change_twin(const iothub::Identity& id, std::string_view body_json,
                                          TwinChangeKind kind, const IfMatch& if_match) = 0;
  // Without a patch only the notes: no version rises, nobody is notified. Errors of
  // twin::Twin::configure, kDeviceNotFound, kModuleNotFound.
  virtual Result<TwinChanged> configure_twin(const iothub::Identity& id,
                                             const TwinSettings& settings) = 0;
  // Takes over a twin in the stored form of protocol/twin, of any version, unless the identity has
  // a twin already. kDeviceNotFound, kModuleNotFound, twin::kCorruptTwin.
  virtual Status import_twin(const iothub::Identity& id, std::string_view stored_text) = 0;

  // ---- events of devices
  // What a hub's event_sources name becomes an event in the operation that changes it: lost or kept
  // together. While kDeviceEventsWaitingMax wait, such changes fail with kTooManyEvents.

  // Those up to and with this number are in the event log.
  virtual Status delete_device_events(std::int64_t number) = 0;

  // ---- cloud-to-device messages

  // Returns the sequence number. kHubNotFound, kDeviceNotFound, kModuleNotFound, kQueueFull,
  // kMessageTooLarge, kBadExpiry.
  virtual Result<std::uint64_t> enqueue_message(const iothub::HubName& hub,
                                                const MessageToDevice& message) = 0;
  // Locks the oldest waiting message for kMessageLockMs. Messages whose time is over are removed
  // first. kDeviceNotFound, kModuleNotFound.
  struct Offer {
    std::optional<DeviceMessage> message{};
    bool feedback_added = false;
  };
  virtual Result<Offer> lock_message(const iothub::Identity& id, LockOwner owner) = 0;
  // An abandoned message counts a delivery; at the hub's maximum it is dropped instead. kLockLost.
  virtual Result<Settled> settle_message(const iothub::Identity& id, std::string_view lock_token,
                                         Settlement settlement) = 0;
  // kDeviceNotFound, kModuleNotFound.
  virtual Result<Purged> purge_messages(const iothub::Identity& id) = 0;

  // ---- what services read: feedback and file notifications

  // A file notification as the JSON that services read. kHubNotFound, kMessageTooLarge.
  virtual Status enqueue_file_notification(const iothub::HubName& hub,
                                           std::string_view body_json) = 0;
  // Locks the oldest message that waits, for the lock_s of the hub's feedback or notifications.
  // Feedback records become a message when there are kFeedbackBatchMax, or the oldest waited
  // kFeedbackDelayMs. kHubNotFound.
  virtual Result<std::optional<ServiceMessage>> lock_service_message(const iothub::HubName& hub,
                                                                     ServiceQueue queue,
                                                                     LockOwner owner) = 0;
  // A rejected one is dropped. kLockLost.
  virtual Status settle_service_message(const iothub::HubName& hub, ServiceQueue queue,
                                        std::string_view lock_token, Settlement settlement) = 0;

  // Ends the locks of a connection: its messages count as abandoned.
  virtual Result<Released> release_locks(LockOwner owner) = 0;
  // Removes what has expired and ends locks whose time is over, `limit` messages at most. To be
  // called when next_sweep_ms() is due.
  virtual Result<Released> sweep(std::size_t limit) = 0;

  // ---- CA certificates of a hub

  // Takes name, certificate, subject, not_after_ms, verified and nonce from the record.
  // kCertificateExists, kBadCertificate, kTooManyCertificates, kHubNotFound.
  virtual Result<CaCertificateRecord> add_ca_certificate(const iothub::HubName& hub,
                                                         const CaCertificateRecord& record) = 0;
  // kCertificateNotFound, kPreconditionFailed, kBadCertificate.
  virtual Result<CaCertificateRecord> set_ca_nonce(const iothub::HubName& hub,
                                                   std::string_view name, std::string_view nonce,
                                                   const IfMatch& if_match) = 0;
  // Marks it verified and forgets the nonce. kCertificateNotFound, kPreconditionFailed.
  virtual Result<CaCertificateRecord> verify_ca_certificate(const iothub::HubName& hub,
                                                            std::string_view name,
                                                            const IfMatch& if_match) = 0;
  virtual Status delete_ca_certificate(const iothub::HubName& hub, std::string_view name,
                                       const IfMatch& if_match) = 0;

  // ---- jobs and configurations

  // kJobExists, kBadJob, kHubNotFound.
  virtual Result<JobRecord> create_job(const iothub::HubName& hub, const JobRecord& job) = 0;
  // Writes status, start_ms, end_ms, failure_reason, status_message, progress and checkpoint.
  // kJobNotFound, kBadJob (also: a final job does not change its status).
  virtual Status update_job(const iothub::HubName& hub, const JobRecord& job) = 0;
  virtual Status delete_job(const iothub::HubName& hub, std::string_view id) = 0;
  // Pending parts for these identities, which need not exist; one that is there stays as it is.
  // kJobNotFound.
  virtual Status add_device_jobs(const iothub::HubName& hub, std::string_view job,
                                 std::span<const iothub::Identity> ids) = 0;
  // Writes status, start_ms, end_ms and outcome_json. kJobNotFound, kBadJob.
  virtual Status update_device_job(const DeviceJobRecord& part) = 0;
  // The next `limit` pending parts of a running job, running from now on. kJobNotFound, kBadJob
  // (the job is not running).
  virtual Result<std::vector<DeviceJobRecord>> take_device_jobs(const iothub::HubName& hub,
                                                                std::string_view job,
                                                                std::size_t limit) = 0;
  // Pending parts of jobs that have ended become cancelled, of all hubs, `limit` at most. Returns
  // how many.
  virtual Result<std::size_t> cancel_device_jobs(std::size_t limit) = 0;
  // Running parts fail with this outcome, of all hubs, `limit` at most; for those that a former
  // process left. Returns how many.
  virtual Result<std::size_t> fail_running_device_jobs(std::string_view outcome_json,
                                                       std::size_t limit) = 0;
  // Jobs that ended before this time, of all hubs, with their parts; one that has more than `limit`
  // parts loses as many of them and stays. Returns how many rows were deleted.
  virtual Result<std::size_t> delete_jobs_before(UnixMillis ended_ms, std::size_t limit) = 0;

  // kConfigurationExists, kBadConfiguration, kTooManyConfigurations, kHubNotFound.
  virtual Result<ConfigurationRecord> create_configuration(const iothub::HubName& hub,
                                                           const ConfigurationRecord& record) = 0;
  // kConfigurationNotFound, kPreconditionFailed, kBadConfiguration.
  virtual Result<ConfigurationRecord> update_configuration(const iothub::HubName& hub,
                                                           const ConfigurationRecord& record,
                                                           const IfMatch& if_match) = 0;
  virtual Status delete_configuration(const iothub::HubName& hub, std::string_view id,
                                      const IfMatch& if_match) = 0;

  // ---- message routes

  // `cursor`: the first record of the event log that it may get. kEndpointExists, kBadEndpoint,
  // kTooManyEndpoints, kHubNotFound.
  virtual Result<RoutingEndpointRecord> create_routing_endpoint(const iothub::HubName& hub,
                                                                const RoutingEndpointRecord& record,
                                                                std::uint64_t cursor) = 0;
  // Neither its kind nor how far it got. kEndpointNotFound, kBadEndpoint, kPreconditionFailed.
  virtual Result<RoutingEndpointRecord> update_routing_endpoint(const iothub::HubName& hub,
                                                                const RoutingEndpointRecord& record,
                                                                const IfMatch& if_match) = 0;
  // kEndpointNotFound, kEndpointInUse, kPreconditionFailed.
  virtual Status delete_routing_endpoint(const iothub::HubName& hub, std::string_view name,
                                         const IfMatch& if_match) = 0;
  // A cursor never goes back. An endpoint that is gone is passed over.
  virtual Status note_routing(const RoutingProgress& progress) = 0;

  // kRouteExists, kBadRoute, kEndpointNotFound, kTooManyRoutes, kHubNotFound.
  virtual Result<RouteRecord> create_route(const iothub::HubName& hub,
                                           const RouteRecord& record) = 0;
  // kRouteNotFound, kBadRoute, kEndpointNotFound, kPreconditionFailed.
  virtual Result<RouteRecord> update_route(const iothub::HubName& hub, const RouteRecord& record,
                                           const IfMatch& if_match) = 0;
  virtual Status delete_route(const iothub::HubName& hub, std::string_view name,
                              const IfMatch& if_match) = 0;

  // ---- audit

  // To be called in the operation of the act itself: both are kept, or neither. kHubNotFound.
  virtual Status note_act(const iothub::HubName& hub, const ActRecord& act) = 0;
};

// Thread-safe. Blocks on disk.
class HubStore {
 public:
  // Must have no other effect than through the transaction and on results that it overwrites: it
  // runs again when another operation broke the shared commit. Must not keep the transaction.
  using Operation = std::function<Status(HubTransaction&)>;
  using Reading = std::function<Status(HubReader&)>;

  virtual ~HubStore() = default;

  // Runs the operations in order, each all or nothing and independent of the others' success, and
  // makes their effects durable in one commit before it returns their outcomes. An operation that
  // returned an error has changed nothing. The index follows before the return. Besides the
  // operations' own errors: kStoreFailed, kStoreFull, kStoreCorrupt, kStoreLocked.
  virtual std::vector<Status> execute(std::span<const Operation> group) = 0;
  // execute() of one.
  Status execute(const Operation& operation);

  // Runs `reading` on a consistent, committed state, at the same time as writes. For long lists and
  // queries on pool threads.
  virtual Status read(const Reading& reading) = 0;

  // `watcher` hears of each commit of execute() from now on, before it returns; it must not block
  // nor use the store. One watcher; an empty one ends it.
  using Watcher = std::function<void(const Touched&)>;
  virtual void watch(Watcher watcher) = 0;

  // Authentication data of all that is committed.
  virtual const IdentityIndex& index() const = 0;

  // Who executes the jobs of this store claims that: true for one claimant at a time. (No other
  // process has the store: see the implementation.)
  bool claim_jobs() { return !jobs_claimed_.exchange(true); }
  void release_jobs() { jobs_claimed_ = false; }

 private:
  std::atomic<bool> jobs_claimed_ = false;
};

}  // namespace pavise::hub::store
