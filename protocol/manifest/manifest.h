// What one app is, may do and needs: app_manifest.json, schema version 1. Everything that is not
// listed is denied. The same file in words: api/app-manifest.schema.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "protocol/manifest/app_name.h"
#include "protocol/manifest/component_id.h"
#include "protocol/manifest/destination.h"
#include "protocol/manifest/errors.h"
#include "protocol/manifest/version.h"

namespace pavise::manifest {

inline constexpr std::int64_t kSchemaVersion = 1;
inline constexpr std::size_t kManifestBytesMax = 65536;
inline constexpr std::size_t kMembersMax = 32;  // of one object
inline constexpr std::size_t kEntryPointLengthMax = 255;
inline constexpr std::size_t kArgumentsMax = 32;
inline constexpr std::size_t kArgumentCharactersMax = 1024;
inline constexpr std::size_t kDestinationsMax = 64;  // of one protocol
inline constexpr std::size_t kPortsMax = 16;         // of one protocol
inline constexpr std::size_t kHardwareMax = 64;      // names of one kind
inline constexpr std::size_t kHardwareNameLengthMax = 32;
inline constexpr std::size_t kPeersMax = 16;
inline constexpr std::uint32_t kSecurityEpochMax = 0x7fff'ffff;
// Budgets. CPU in hundredths of one processor's time.
inline constexpr std::uint32_t kStorageKibMin = 4, kStorageKibMax = 16U << 20U;
inline constexpr std::uint32_t kMemoryKibMin = 256, kMemoryKibMax = 16U << 20U;
inline constexpr std::uint32_t kCpuPercentMin = 1, kCpuPercentMax = 6400;
inline constexpr std::uint32_t kProcessesMin = 1, kProcessesMax = 1024;
// Lifecycle.
inline constexpr std::uint32_t kRestartDelayMsMin = 100, kRestartDelayMsMax = 3'600'000;
inline constexpr std::uint32_t kStopTimeoutMsMin = 100, kStopTimeoutMsMax = 60'000;
inline constexpr std::uint32_t kHealthMsMin = 1000, kHealthMsMax = 3'600'000;

enum class Hardware { gpio, uart, i2c, spi, pwm, adc };
inline constexpr std::size_t kHardwareKinds = 6;
std::string_view to_string(Hardware kind);  // also the member's name
// A letter, then letters, digits and '_'.
bool is_hardware_name(std::string_view text);

struct Capabilities {
  std::vector<Destination> outgoing_tcp, outgoing_udp;
  std::vector<std::uint16_t> listening_tcp, listening_udp;
  std::optional<std::uint32_t> mutable_storage_kib;
  // Names of the hardware definition, by kind.
  std::array<std::vector<std::string>, kHardwareKinds> hardware;
  // The tenant whose device certificate the app may use; the device compares it with its owner.
  std::optional<TenantId> device_authentication;
  std::vector<ComponentId> app_connections;
  bool system_time = false;
  bool network_configuration = false;
  bool update_deferral = false;
  bool system_events = false;
  bool certificate_store = false;
  bool power_reboot = false;
  bool power_down = false;
  bool power_profile = false;

  const std::vector<std::string>& names(Hardware kind) const {
    return hardware[static_cast<std::size_t>(kind)];
  }
};

struct Budgets {
  std::uint32_t memory_kib = 0;
  std::uint32_t cpu_percent = 0;
  std::uint32_t processes = 0;
};

enum class Restart { always, on_failure, never };

// The app reports through the SDK that it is well: first within start_timeout_ms, then at least
// once per interval_ms; else it is stopped and counted as failed.
struct HealthCheck {
  std::uint32_t start_timeout_ms = 30'000;
  std::uint32_t interval_ms = 0;
};

struct Lifecycle {
  Restart restart = Restart::always;
  // Doubles with each restart in a row from the first to the second.
  std::uint32_t restart_delay_ms = 1000;
  std::uint32_t restart_delay_max_ms = 60'000;
  std::uint32_t stop_timeout_ms = 5000;  // from SIGTERM to SIGKILL
  std::vector<ComponentId> start_after;  // peers that are not installed are not waited for
  std::optional<HealthCheck> health_check;
};

struct Manifest {
  explicit Manifest(const ComponentId& id) : component_id(id) {}
  // Refuses, at the first thing that is wrong, with PV-MAN-001 to -013 and the JSON pointer of the
  // place. Pure; thread-safe; needs memory for its result and one object's members only.
  static Result<Manifest> parse(ByteView json);

  std::string name;
  ComponentId component_id;
  Version version;
  std::uint32_t security_epoch = 0;
  std::string entry_point;             // absolute path in the image
  std::vector<std::string> arguments;  // without the program's own name
  Capabilities capabilities;
  Budgets budgets;
  Lifecycle lifecycle;
  // SHA-256 of the exact bytes that were parsed. There is one spelling that an owner signed, and
  // whoever holds the bytes computes the same: no canonical form that two programs could differ on.
  Digest256 digest{};
};

// The place in the detail of an error of this room; empty when the whole text is meant.
std::string_view pointer_of(const Error& error);

}  // namespace pavise::manifest
