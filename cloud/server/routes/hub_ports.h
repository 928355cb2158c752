// What the management API needs of the hub. main.cc joins the two; tests put fakes here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "protocol/iothub/identity.h"

namespace pavise::server {

struct TelemetryItem {
  std::uint64_t offset;
  std::string device;
  TenantId tenant;
  UnixMillis time_ms = 0;
  std::vector<std::pair<std::string, std::string>> properties = {};  // system ones as "$.mid"
  Bytes body = {};
  // What the hub itself knows of the message.
  std::string hub = {};
  std::string module_id = {};      // empty: the device itself
  std::string auth_method = {};    // "sas", "x509", "attested"; empty: not known
  std::string generation_id = {};  // of the identity
  std::string source = {};         // iothub-message-source; empty: Telemetry
};

// Which messages are wanted. Without a hub: only those of attested devices, of all hubs.
struct TelemetryFilter {
  std::optional<TenantId> tenant = {};
  std::optional<std::string> device = {};
  std::optional<iothub::HubName> hub = {};
  UnixMillis since_ms = 0;  // received then or later
};

struct TelemetryPage {
  std::vector<TelemetryItem> items;
  std::uint64_t next_offset = 0;  // where to read on, whether or not there were items
};

// Thread-safe; read() blocks on disk.
class Telemetry {
 public:
  virtual ~Telemetry() = default;
  virtual std::uint64_t first_offset() = 0;
  virtual std::uint64_t next_offset() = 0;
  // Items from `from` on that match, at most `limit`; looks at a bounded number of records, so a
  // page may be empty and still move on. An offset before the first begins at the first.
  virtual Result<TelemetryPage> read(std::uint64_t from, std::size_t limit,
                                     const TelemetryFilter& filter) = 0;
};

struct TwinDocument {
  std::uint64_t desired_version = 0;  // the ETag: what the service changes
  std::uint64_t reported_version = 0;
  std::string desired = "{}";  // JSON objects
  std::string reported = "{}";
};

// Twins of attested devices in the hub of their tenant. Thread-safe; blocks on disk.
class Twins {
 public:
  virtual ~Twins() = default;
  virtual Result<TwinDocument> read(const TenantId& tenant, const DeviceId& device) = 0;
  // `patch` is a JSON merge patch (RFC 7396). kTwinChanged when `if_version` is another; errors of
  // protocol/twin's limits.
  virtual Result<TwinDocument> change_desired(const TenantId& tenant, const DeviceId& device,
                                              const std::string& patch,
                                              std::optional<std::uint64_t> if_version) = 0;
  // For a device that gets another owner, or none: the next must not read what the last wrote. In
  // every hub.
  virtual Status forget(const DeviceId& device) = 0;
  // A tenant's hub must exist before its devices connect. Idempotent.
  virtual Status tenant_created(const TenantId& tenant) = 0;
};

// Thread-safe, does not block.
class Presence {
 public:
  virtual ~Presence() = default;
  virtual bool connected(const TenantId& tenant, const DeviceId& device) = 0;
  virtual std::size_t connected_count() = 0;
};

}  // namespace pavise::server
