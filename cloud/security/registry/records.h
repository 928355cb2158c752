// The rows that the security service remembers. Plain data: rules about them live in the modules
// that write them (tenancy, releases, attestation_service).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"

namespace pavise::security {

// A tenant and the public half of its certificate authority. Private keys stay in the signer.
struct TenantRecord {
  TenantId id;
  UnixSeconds created{};
  Bytes root_certificate{};     // DER
  Bytes issuing_certificate{};  // DER, issued by the root
};

// A silicon vendor whose endorsement-key certificates this service accepts.
struct VendorRootRecord {
  std::string fingerprint{};  // lower-case hex SHA-256 of the DER; the key
  std::string name{};         // for people
  Bytes certificate{};        // DER
  UnixSeconds added{};
};

enum class DeviceStatus { enabled, disabled };

// TPMS_CLOCK_INFO (TPM 2.0 part 2, 10.11.1) of the last authentic quote, accepted or not.
struct ClockMark {
  std::uint64_t clock_ms = 0;
  std::uint32_t reset_count = 0;
  std::uint32_t restart_count = 0;
  auto operator<=>(const ClockMark&) const = default;
};

// Everything about one device in one row: whoever reads it reads one version of it, never an EK of
// one moment with an AK of another (CVE-2022-1053).
struct DeviceRecord {
  DeviceId id;
  std::uint64_t version = 0;         // grows with every change; compared by conditional writes
  Bytes ek_certificate{};            // DER
  Bytes ek_public{};                 // TPMT_PUBLIC; its Name hashes to `id`
  std::optional<Bytes> ak_public{};  // TPMT_PUBLIC, once an activation has bound it to the EK
  std::optional<TenantId> tenant{};  // none: unclaimed
  DeviceStatus status = DeviceStatus::enabled;
  UnixSeconds created = 0;
  std::optional<UnixSeconds> claimed{};
  std::optional<ClockMark> clock{};
  std::optional<UnixSeconds> last_attested{};
};

struct CertificateRecord {
  std::string serial{};       // lower-case hex, 32 characters
  std::string fingerprint{};  // lower-case hex SHA-256 of the DER
  DeviceId device;
  TenantId tenant;
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;
  std::optional<UnixSeconds> revoked{};
  std::string revocation_reason{};
};

// A key whose signature makes a release manifest count. Without a tenant it counts for all.
struct ReleaseKeyRecord {
  std::string id{};  // lower-case hex SHA-256 of the SPKI DER
  std::optional<TenantId> tenant{};
  std::string name{};
  Bytes spki{};  // DER
  UnixSeconds added = 0;
};

struct ReleaseRecord {
  std::string digest{};  // lower-case hex SHA-256 of the manifest bytes; the key
  std::string name{};
  std::string version{};
  Bytes manifest{};
  Bytes signature{};  // DER ECDSA over the manifest
  std::string release_key_id{};
  std::optional<TenantId> tenant{};  // that of the release key
  UnixSeconds added = 0;
  std::optional<UnixSeconds> revoked{};
  std::string revocation_reason{};
};

enum class Outcome { accepted, refused };

// One decision about one device, kept with its reason.
struct VerdictRecord {
  std::int64_t id = 0;  // given by the registry, ascending
  DeviceId device;
  UnixSeconds at = 0;
  Outcome outcome = Outcome::refused;
  std::string code{};    // empty when accepted
  std::string reason{};  // for people
  Bytes report{};        // checks, measurements: opaque here, see cloud/security/report
};

// `factory` registers devices and does nothing else.
// The numbers are on disk.
enum class Role { administrator, operator_, reader, factory, metrics };

// A bearer token of the management API; only its SHA-256 is kept.
struct TokenRecord {
  Digest256 hash{};
  std::string name{};  // unique
  Role role = Role::reader;
  std::optional<TenantId> tenant;  // set: sees and changes this tenant only
  UnixSeconds created = 0;
  std::optional<UnixSeconds> not_after{};
};

// Who did what in the management plane. Written in the transaction of the act itself.
struct AuditRecord {
  std::int64_t id = 0;  // given by the registry, ascending
  UnixSeconds at = 0;
  std::string actor{};    // token name
  std::string action{};   // e.g. "tenant.create"
  std::string subject{};  // e.g. the device id
  std::string detail{};
};

constexpr std::string_view to_string(DeviceStatus status) {
  return status == DeviceStatus::enabled ? "enabled" : "disabled";
}
constexpr std::string_view to_string(Outcome outcome) {
  return outcome == Outcome::accepted ? "accepted" : "refused";
}
constexpr std::string_view to_string(Role role) {
  switch (role) {
    case Role::administrator:
      return "admin";
    case Role::operator_:
      return "operator";
    case Role::reader:
      return "reader";
    case Role::factory:
      return "factory";
    case Role::metrics:
      return "metrics";
  }
  return "reader";
}

}  // namespace pavise::security
