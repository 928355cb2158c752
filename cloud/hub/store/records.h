// What the hub's database holds, as values. Times are Unix milliseconds; 0 means never.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/hub/ports/principal.h"
#include "cloud/hub/ports/service_port.h"
#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "protocol/iothub/identity.h"
#include "protocol/twin/twin.h"

namespace pavise::hub::store {

// "If-Match" of a request: nullopt is "*". ETags are without quotes here.
using IfMatch = std::optional<std::string>;

// ---- hubs

inline constexpr std::size_t kHubsMax = 50;  // of a tenant, besides that of its attested devices
inline constexpr std::uint32_t kPartitionsMax = hub::kPartitionsMax;
inline constexpr std::uint32_t kRetentionHoursMax = 7 * 24;
inline constexpr std::uint64_t kRetentionBytesMax = std::uint64_t{1} << 50;
inline constexpr std::uint32_t kMessageTtlSMin = 60;
inline constexpr std::uint32_t kMessageTtlSMax = 2 * 24 * 3600;
inline constexpr std::uint32_t kDeliveryCountMax = 100;
inline constexpr std::uint32_t kLockSMin = 5;
inline constexpr std::uint32_t kLockSMax = 300;
inline constexpr std::size_t kHostAliasesMax = 16;
inline constexpr std::size_t kHostAliasSizeMax = 253;

// What the hub itself says of its devices, in the event log beside their telemetry.
enum class EventSource : std::uint8_t {
  twin_changes = 1,
  device_lifecycle = 2,
  connection_state = 4,
};
using EventSources = std::uint8_t;
inline constexpr EventSources kAllEventSources = 7;
// As readers know it: "twinChangeEvents" and so on.
std::string_view event_source_name(EventSource source);

struct FeedbackSettings {
  std::uint32_t ttl_s = 3600;             // kMessageTtlSMin to kMessageTtlSMax
  std::uint32_t delivery_count_max = 10;  // 1 to kDeliveryCountMax
  std::uint32_t lock_s = 60;              // kLockSMin to kLockSMax

  bool operator==(const FeedbackSettings&) const = default;
};

inline constexpr std::uint32_t kUploadTtlSMin = 60;
inline constexpr std::uint32_t kUploadTtlSMax = 24 * 3600;
inline constexpr std::uint64_t kFileBytesMax = std::uint64_t{1} << 35;   // 4096 parts of 8 MiB
inline constexpr std::uint64_t kFilesBytesMax = std::uint64_t{1} << 50;  // of a device, of a hub

// Files that devices upload; off, as in IoT Hub, until somebody says where to.
struct FileUploadSettings {
  bool enabled = false;
  bool notifications = false;
  std::uint32_t sas_ttl_s = 3600;                           // kUploadTtlSMin to kUploadTtlSMax
  FeedbackSettings notification = {};                       // of the notifications' queue
  std::uint64_t file_bytes_max = std::uint64_t{1} << 28;    // 1 to kFileBytesMax
  std::uint64_t device_bytes_max = std::uint64_t{1} << 30;  // 1 to kFilesBytesMax
  std::uint64_t hub_bytes_max = std::uint64_t{10} << 30;    // 1 to kFilesBytesMax

  bool operator==(const FileUploadSettings&) const = default;
};

struct HubSettings {
  std::uint32_t partition_count = 4;      // 1 to kPartitionsMax; fixed once the hub exists
  std::uint32_t retention_hours = 24;     // 1 to kRetentionHoursMax
  std::uint64_t retention_bytes_max = 0;  // 0: no bound by size; to kRetentionBytesMax
  std::uint32_t message_ttl_s = 3600;     // kMessageTtlSMin to kMessageTtlSMax
  std::uint32_t delivery_count_max = 10;  // 1 to kDeliveryCountMax
  FeedbackSettings feedback = {};
  bool disable_device_sas = false;
  bool disable_module_sas = false;
  bool fault_injection = false;    // the AzIoTHub_Fault* test hook
  EventSources event_sources = 0;  // besides telemetry; a set of EventSource
  FileUploadSettings file_upload = {};
  std::vector<std::string> host_aliases{};  // whole host names, lower case; unique over all hubs

  bool operator==(const HubSettings&) const = default;
};

// kBadSettings with the name of the setting.
Status check_settings(const HubSettings& settings);

struct HubRecord {
  iothub::HubName name;
  TenantId tenant;
  UnixMillis created_ms = 0;
  std::string etag{};
  HubSettings settings{};
};

// ---- shared access policies

inline constexpr std::size_t kPoliciesMax = 16;
inline constexpr std::size_t kPolicyNameSizeMax = 64;
inline constexpr std::size_t kKeySizeMin = 16;  // of a symmetric key, decoded
inline constexpr std::size_t kKeySizeMax = 64;
inline constexpr std::size_t kGeneratedKeySize = 32;
inline constexpr Rights kAllRights = 15;

struct PolicyRecord {
  std::string name{};           // 1 to 64 of A-Z a-z 0-9 ! . _ -
  std::string primary_key{};    // base64; empty in a write: generate
  std::string secondary_key{};  // base64; empty in a write: generate
  Rights rights = 0;            // at least one of kAllRights
};

// ---- identities

inline constexpr std::size_t kIdentitiesMax = 1'000'000;  // devices and modules of a hub
inline constexpr std::size_t kModulesMax = 50;            // of a device
inline constexpr std::size_t kStatusReasonSizeMax = 128;
inline constexpr std::size_t kScopeSizeMax = 256;
inline constexpr std::string_view kScopePrefix = "ms-azure-iot-edge://";  // of every scope
inline constexpr std::size_t kParentScopesMax = 1;
inline constexpr std::size_t kManagedBySizeMax = 128;

enum class AuthKind : std::uint8_t { none, sas, self_signed, certificate_authority, attested };

struct Authentication {
  AuthKind kind = AuthKind::sas;
  // false in a write: the service said nothing; `kind` then holds for all but an attested device.
  bool given = true;
  // base64, for `sas`. Empty in a write: kept from before when the kind stays, else generated.
  std::string primary_key{};
  std::string secondary_key{};
  // SHA-1 or SHA-256 in hex, for `self_signed`, of which at least one must be given. Kept in upper
  // case; accepted in either.
  std::string primary_thumbprint{};
  std::string secondary_thumbprint{};

  bool operator==(const Authentication&) const = default;
};

// The part of a device or module that a service writes.
struct IdentityFields {
  bool enabled = true;
  std::string status_reason{};
  Authentication auth{};
  bool iot_edge = false;       // devices only
  std::string device_scope{};  // devices only; empty on an edge device: generated
  std::vector<std::string> parent_scopes{};
  std::string managed_by{};  // modules only

  bool operator==(const IdentityFields&) const = default;
};

struct IdentityRecord {
  iothub::Identity id;
  IdentityFields fields{};
  std::string generation_id{};
  std::string etag{};
  UnixMillis created_ms = 0;
  UnixMillis status_updated_ms = 0;
  UnixMillis connection_updated_ms = 0;  // as last noted by note_activity()
  UnixMillis last_activity_ms = 0;
  std::uint32_t messages_waiting = 0;  // cloudToDeviceMessageCount
};

// What the persistent MQTT session of an identity listens to: a set of iothub::Subscription.
struct KeptSubscriptions {
  iothub::Identity id;
  std::uint8_t subscriptions = 0;
  bool operator==(const KeptSubscriptions&) const = default;
};

struct IdentityCounts {
  std::uint64_t devices = 0;  // modules are not counted here
  std::uint64_t enabled = 0;
  std::uint64_t disabled = 0;
  std::uint64_t modules = 0;
};

struct Activity {
  iothub::Identity id;
  UnixMillis connection_updated_ms = 0;  // 0: unchanged
  UnixMillis last_activity_ms = 0;       // 0: unchanged
  // Set: this is the state to tell readers, unless it was told last.
  std::optional<bool> report_connected = std::nullopt;
};

// ---- events of devices on their way to the event log

inline constexpr std::size_t kDeviceEventsWaitingMax = 100'000;  // in the database, of all hubs
// A longer body leaves out the twin's $metadata, then the twin's parts.
inline constexpr std::size_t kDeviceEventBodyMax = 256UL * 1024;

struct DeviceEvent {
  std::int64_t number = 0;  // grows with every event, never used twice
  iothub::Identity id;
  TenantId tenant;
  std::string generation_id{};
  EventSource source = EventSource::twin_changes;
  std::string operation{};  // "updateTwin", "createDeviceIdentity", "deviceConnected", ...
  UnixMillis at_ms = 0;
  std::string body_json{};
};

// ---- twins

struct TwinRecord {
  IdentityRecord identity;
  std::string etag{};  // base64 of a counter of tag and desired writes
  std::uint64_t version = 0;
  std::string tags_json{};
  std::string desired_json{};   // with $metadata and $version
  std::string reported_json{};  // with $metadata and $version
  // What configurations made of it, see TwinSettings; "{}": nothing.
  std::string configurations_json{};
  std::string configured_json{};
};

// Which texts of a twin are wanted; making the others may be left out, they are then empty.
struct TwinParts {
  bool tags = true;
  bool properties = true;  // desired and reported
  bool configurations = true;
};

using TwinChangeKind = twin::ChangeKind;

struct TwinChanged {
  TwinRecord twin;
  std::uint64_t desired_version = 0;
  // Body for the device, with $version; empty: desired was not written.
  std::string desired_notification{};
};

// What configurations make of a twin.
struct TwinSettings {
  std::string desired_patch{};        // merged into the desired properties; empty: none
  std::string configurations_json{};  // {"id":{"status":"Applied"}}, as queries see it
  std::string configured_json{};      // which desired properties are theirs: {"a":{"b":1}}
};

// What a commit changed that configurations look at.
struct Touched {
  std::vector<iothub::Identity> twins{};  // made, or written by others than configure_twin()
  std::vector<iothub::HubName> configurations{};  // hubs whose configurations changed
};

// ---- cloud-to-device messages and service messages

inline constexpr std::size_t kMessagesWaitingMax = 50;       // of a device or module
inline constexpr std::size_t kMessageSizeMax = 64UL * 1024;  // payload and encoded properties
inline constexpr std::int64_t kMessageLockMs = 60'000;
inline constexpr std::size_t kFeedbackBatchMax = 64;
inline constexpr std::int64_t kFeedbackDelayMs = 15'000;  // a smaller batch waits that long
inline constexpr std::size_t kServiceMessageSizeMax = 64UL * 1024;

// Who holds locks: a number the caller gives to a connection. kNoOwner: nobody (HTTP); such a lock
// ends by time only.
using LockOwner = std::uint64_t;
inline constexpr LockOwner kNoOwner = 0;

struct Settled {
  bool feedback_added = false;  // a feedback record was written
};

struct Purged {
  std::uint64_t messages = 0;
  bool feedback_added = false;
};

// What release_locks() and sweep() made available.
struct Released {
  std::vector<iothub::Identity> messages{};         // identities whose messages can be locked again
  std::vector<iothub::HubName> feedback{};          // hubs with new feedback records
  std::vector<iothub::HubName> service_messages{};  // hubs whose service messages are free again
};

// ---- CA certificates

inline constexpr std::size_t kCaCertificatesMax = 25;
inline constexpr std::size_t kCertificateSizeMax = 16UL * 1024;
inline constexpr std::size_t kCertificateNameSizeMax = 64;
inline constexpr std::size_t kNonceSizeMax = 128;

struct CaCertificateRecord {
  std::string name{};        // 1 to 64 of A-Z a-z 0-9 . _ -; unique in the hub
  Bytes certificate{};       // DER; parsed and checked by the caller
  std::string subject{};     // for people
  std::string thumbprint{};  // SHA-256 in upper-case hex; unique in the hub; made by the store
  UnixMillis not_after_ms = 0;
  bool verified = false;  // its owner proved possession of the key
  std::string nonce{};    // the pending verification code; empty: none
  UnixMillis created_ms = 0;
  UnixMillis updated_ms = 0;
  std::string etag{};
};

// ---- jobs

inline constexpr std::size_t kJobIdSizeMax = 128;
inline constexpr std::size_t kJobTextSizeMax = 256UL * 1024;  // each text of a job

enum class JobType : std::uint8_t {
  schedule_device_method = 1,
  schedule_update_twin = 2,
  import_devices = 3,
  export_devices = 4,
};
// From `completed` on they are final.
enum class JobStatus : std::uint8_t {
  scheduled = 1,
  queued,
  running,
  completed,
  failed,
  cancelled
};
constexpr bool is_final(JobStatus status) {
  return status >= JobStatus::completed;
}

struct JobStatistics {
  std::uint64_t devices = 0;
  std::uint64_t failed = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t running = 0;
  std::uint64_t pending = 0;

  bool operator==(const JobStatistics&) const = default;
};

struct JobRecord {
  std::string id{};  // 1 to 128 of A-Z a-z 0-9 and - : . + % _ # * ? ! ( ) , = @ ; $ '
  JobType type = JobType::schedule_device_method;
  JobStatus status = JobStatus::queued;
  std::string query_condition{};
  std::string request_json{};  // the method, the twin patch, or the import or export parameters
  UnixMillis created_ms = 0;   // set by the store
  UnixMillis start_ms = 0;     // when it is due; then when it was started
  UnixMillis end_ms = 0;
  std::int64_t max_execution_s = 0;
  std::string failure_reason{};
  std::string status_message{};
  std::uint32_t progress = 0;  // percent, for import and export
  std::string checkpoint{};    // how far its runner is, in words of the runner
  JobStatistics statistics{};  // counted from its device jobs when read
};

// One device's part of a v2 job.
enum class DeviceJobStatus : std::uint8_t {
  pending = 1,
  scheduled,
  running,
  completed,
  failed,
  cancelled
};
struct DeviceJobRecord {
  std::string job{};
  iothub::Identity id;
  DeviceJobStatus status = DeviceJobStatus::pending;
  UnixMillis created_ms = 0;
  UnixMillis start_ms = 0;
  UnixMillis end_ms = 0;
  UnixMillis updated_ms = 0;
  std::string outcome_json{};  // the method's answer, or the error
};

struct JobFilter {
  std::optional<JobType> type{};
  std::optional<JobStatus> status{};
};

// ---- configurations

inline constexpr std::size_t kConfigurationsMax = 100;
inline constexpr std::size_t kConfigurationIdSizeMax = 128;
inline constexpr std::size_t kConfigurationTextSizeMax = 512UL * 1024;  // all its texts together

struct ConfigurationRecord {
  std::string id{};  // 1 to 128 of a-z 0-9 and - : . + % _ # * ? ! ( ) , = @ ; $ '
  std::string schema_version{};
  std::string labels_json{};
  std::string content_json{};
  std::string target_condition{};
  std::int32_t priority = 0;  // not negative
  std::string system_metrics_json{};
  std::string metrics_json{};
  UnixMillis created_ms = 0;  // set by the store, as are the next two
  UnixMillis updated_ms = 0;
  std::string etag{};
};

// ---- pages

inline constexpr std::size_t kPageSizeMax = 1000;

// The next `limit` (capped to kPageSizeMax) after the id `after`, in the byte order of ids.
struct Page {
  std::string after{};
  std::size_t limit = kPageSizeMax;
};

}  // namespace pavise::hub::store
