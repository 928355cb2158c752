#include "cloud/hub/store/sqlite_schema.h"

namespace pavise::hub::store {
namespace {

// Times are Unix milliseconds. `module` is '' for the device itself. Locks: lock_until is null
// while nobody holds one; owner 0 is nobody's connection.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE hubs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  created INTEGER NOT NULL,
  etag TEXT NOT NULL,
  partition_count INTEGER NOT NULL,
  retention_hours INTEGER NOT NULL,
  retention_bytes_max INTEGER NOT NULL,
  message_ttl_s INTEGER NOT NULL,
  delivery_count_max INTEGER NOT NULL,
  feedback_ttl_s INTEGER NOT NULL,
  feedback_delivery_count_max INTEGER NOT NULL,
  feedback_lock_s INTEGER NOT NULL,
  disable_device_sas INTEGER NOT NULL CHECK (disable_device_sas IN (0, 1)),
  disable_module_sas INTEGER NOT NULL CHECK (disable_module_sas IN (0, 1)),
  fault_injection INTEGER NOT NULL CHECK (fault_injection IN (0, 1)),
  devices INTEGER NOT NULL DEFAULT 0 CHECK (devices >= 0),
  devices_enabled INTEGER NOT NULL DEFAULT 0 CHECK (devices_enabled BETWEEN 0 AND devices),
  modules INTEGER NOT NULL DEFAULT 0 CHECK (modules >= 0)
) STRICT;
CREATE TABLE host_aliases (
  alias TEXT PRIMARY KEY NOT NULL,
  hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX host_aliases_by_hub ON host_aliases (hub);
CREATE TABLE policies (
  hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  primary_key TEXT NOT NULL,
  secondary_key TEXT NOT NULL,
  rights INTEGER NOT NULL CHECK (rights BETWEEN 1 AND 15),
  PRIMARY KEY (hub, name)
) STRICT;
CREATE TABLE identities (
  id INTEGER PRIMARY KEY,
  hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
  device TEXT NOT NULL,
  module TEXT NOT NULL,
  generation INTEGER NOT NULL,
  etag TEXT NOT NULL,
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  status_reason TEXT NOT NULL,
  auth_kind INTEGER NOT NULL CHECK (auth_kind BETWEEN 0 AND 4),
  primary_credential TEXT NOT NULL,
  secondary_credential TEXT NOT NULL,
  iot_edge INTEGER NOT NULL CHECK (iot_edge IN (0, 1)),
  device_scope TEXT NOT NULL,
  parent_scopes TEXT NOT NULL,
  managed_by TEXT NOT NULL,
  created INTEGER NOT NULL,
  status_updated INTEGER NOT NULL,
  connection_updated INTEGER NOT NULL DEFAULT 0,
  last_activity INTEGER NOT NULL DEFAULT 0,
  UNIQUE (hub, device, module)
) STRICT;
CREATE TABLE twins (
  identity INTEGER PRIMARY KEY REFERENCES identities (id) ON DELETE CASCADE,
  document TEXT NOT NULL
) STRICT;
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  identity INTEGER NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
  enqueued INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  deliveries INTEGER NOT NULL DEFAULT 0,
  feedback INTEGER NOT NULL CHECK (feedback BETWEEN 0 AND 3),
  properties TEXT NOT NULL,
  payload BLOB NOT NULL,
  lock_token TEXT,
  lock_until INTEGER,
  owner INTEGER,
  CHECK ((lock_token IS NULL) = (lock_until IS NULL)),
  CHECK ((lock_token IS NULL) = (owner IS NULL))
) STRICT;
CREATE INDEX messages_by_identity ON messages (identity, id);
CREATE INDEX messages_by_expiry ON messages (expires) WHERE lock_until IS NULL;
CREATE INDEX messages_by_lock ON messages (lock_until) WHERE lock_until IS NOT NULL;
CREATE INDEX messages_by_owner ON messages (owner) WHERE owner IS NOT NULL;
CREATE TABLE feedback_records (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  outcome TEXT NOT NULL,
  device TEXT NOT NULL,
  generation INTEGER NOT NULL
) STRICT;
CREATE INDEX feedback_records_by_hub ON feedback_records (hub, id);
CREATE INDEX feedback_records_by_time ON feedback_records (at);
CREATE TABLE service_messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
  queue INTEGER NOT NULL CHECK (queue IN (0, 1)),
  enqueued INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  deliveries INTEGER NOT NULL DEFAULT 0,
  body TEXT NOT NULL,
  lock_token TEXT,
  lock_until INTEGER,
  owner INTEGER,
  CHECK ((lock_token IS NULL) = (lock_until IS NULL)),
  CHECK ((lock_token IS NULL) = (owner IS NULL))
) STRICT;
CREATE INDEX service_messages_by_hub ON service_messages (hub, queue, id);
CREATE INDEX service_messages_by_expiry ON service_messages (expires) WHERE lock_until IS NULL;
CREATE INDEX service_messages_by_lock ON service_messages (lock_until)
  WHERE lock_until IS NOT NULL;
CREATE INDEX service_messages_by_owner ON service_messages (owner) WHERE owner IS NOT NULL;
CREATE TABLE ca_certificates (
  hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  certificate BLOB NOT NULL,
  subject TEXT NOT NULL,
  thumbprint TEXT NOT NULL,
  not_after INTEGER NOT NULL,
  verified INTEGER NOT NULL CHECK (verified IN (0, 1)),
  nonce TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  etag TEXT NOT NULL,
  PRIMARY KEY (hub, name),
  UNIQUE (hub, thumbprint)
) STRICT;
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY,
  hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  type INTEGER NOT NULL CHECK (type BETWEEN 1 AND 4),
  status INTEGER NOT NULL CHECK (status BETWEEN 1 AND 6),
  query_condition TEXT NOT NULL,
  request TEXT NOT NULL,
  created INTEGER NOT NULL,
  start INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  max_execution_s INTEGER NOT NULL,
  failure_reason TEXT NOT NULL,
  status_message TEXT NOT NULL,
  progress INTEGER NOT NULL,
  UNIQUE (hub, id)
) STRICT;
CREATE INDEX jobs_by_status ON jobs (status, start);
CREATE TABLE device_jobs (
  job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
  device TEXT NOT NULL,
  module TEXT NOT NULL,
  status INTEGER NOT NULL CHECK (status BETWEEN 1 AND 6),
  created INTEGER NOT NULL,
  start INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  PRIMARY KEY (job, device, module)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_jobs_by_status ON device_jobs (job, status);
CREATE INDEX device_jobs_by_device ON device_jobs (device, module);
CREATE TABLE configurations (
  hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  schema_version TEXT NOT NULL,
  labels TEXT NOT NULL,
  content TEXT NOT NULL,
  target_condition TEXT NOT NULL,
  priority INTEGER NOT NULL,
  system_metrics TEXT NOT NULL,
  metrics TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  etag TEXT NOT NULL,
  PRIMARY KEY (hub, id)
) STRICT;
CREATE INDEX configurations_by_priority ON configurations (hub, priority DESC, created DESC);
)sql";

// Events of devices wait in device_events until they are in the event log. connection_reported:
// what readers of events were told last, or would have been.
constexpr const char* kDeviceEvents = R"sql(
ALTER TABLE hubs ADD COLUMN event_sources INTEGER NOT NULL DEFAULT 0
  CHECK (event_sources BETWEEN 0 AND 7);
ALTER TABLE identities ADD COLUMN connection_reported INTEGER NOT NULL DEFAULT 0
  CHECK (connection_reported IN (0, 1));
CREATE TABLE device_events (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
  device TEXT NOT NULL,
  module TEXT NOT NULL,
  generation INTEGER NOT NULL,
  source INTEGER NOT NULL CHECK (source IN (1, 2, 4)),
  operation TEXT NOT NULL,
  at INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX device_events_by_hub ON device_events (hub);
)sql";

// A hub without a row has the settings that a new hub has.
constexpr const char* kFileUpload = R"sql(
CREATE TABLE file_upload_settings (
  hub INTEGER PRIMARY KEY REFERENCES hubs (id) ON DELETE CASCADE,
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  notifications INTEGER NOT NULL CHECK (notifications IN (0, 1)),
  sas_ttl_s INTEGER NOT NULL,
  ttl_s INTEGER NOT NULL,
  delivery_count_max INTEGER NOT NULL,
  lock_s INTEGER NOT NULL,
  file_bytes_max INTEGER NOT NULL,
  device_bytes_max INTEGER NOT NULL,
  hub_bytes_max INTEGER NOT NULL
) STRICT;
)sql";

// The endpoint "events" is in every hub and has no row. cursor: the next offset of the event log.
constexpr const char* kRouting = R"sql(
CREATE TABLE routing_endpoints (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3),
  address TEXT NOT NULL,
  topic TEXT NOT NULL,
  user TEXT NOT NULL,
  secret TEXT NOT NULL,
  ca TEXT NOT NULL,
  tls INTEGER NOT NULL CHECK (tls IN (0, 1)),
  cursor INTEGER NOT NULL,
  delivered INTEGER NOT NULL DEFAULT 0,
  dead_letters INTEGER NOT NULL DEFAULT 0,
  gaps INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  etag TEXT NOT NULL,
  UNIQUE (hub, name)
) STRICT;
CREATE TABLE routes (
  hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  source INTEGER NOT NULL CHECK (source BETWEEN 1 AND 4),
  endpoint TEXT NOT NULL,
  condition TEXT NOT NULL,
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  etag TEXT NOT NULL,
  PRIMARY KEY (hub, name)
) STRICT;
)sql";

// How far the runner of an import or export is.
constexpr const char* kJobCheckpoints = R"sql(
ALTER TABLE jobs ADD COLUMN checkpoint TEXT NOT NULL DEFAULT '';
)sql";

// What was done through the hub's own calls; numbers are the hub's.
constexpr const char* kActs = R"sql(
CREATE TABLE acts (
  hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  peer TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY (hub, number)
) STRICT, WITHOUT ROWID;
)sql";

// Of MQTT sessions that persist, a set of iothub::Subscription.
constexpr const char* kSubscriptions = R"sql(
ALTER TABLE identities ADD COLUMN subscriptions INTEGER NOT NULL DEFAULT 0
  CHECK (subscriptions BETWEEN 0 AND 255);
)sql";

constexpr const char* kMigrations[] = {kVersion1,       kDeviceEvents, kFileUpload,   kRouting,
                                       kJobCheckpoints, kActs,         kSubscriptions};

}  // namespace

std::span<const char* const> hub_store_migrations() {
  return kMigrations;
}

}  // namespace pavise::hub::store
