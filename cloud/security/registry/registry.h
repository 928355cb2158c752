// The security service's memory. One interface; every implementation passes the contract suite in
// registry_contract.h.
//
// All calls are thread-safe, block on disk, and are each ONE transaction: durable when they return
// success, without any effect when they return an error (exception: kRegistryUnavailable after a
// lost connection or a failed commit may leave the effect in doubt; every write is safe to repeat).
// Every management write takes the AuditRecord that is committed with it.
//
// Errors that any call may return: kRegistryUnavailable, kRegistryFull, kRegistryCorrupt,
// kRegistryBusy. Others are named at the call.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/security/registry/records.h"
#include "common/base/result.h"

namespace pavise::security {

inline constexpr ErrorInfo kRegistryUnavailable{
    "PV-REG-001", Retry::later, "the registry cannot be read or written",
    "Check the disk and the permissions of the state directory."};
inline constexpr ErrorInfo kRegistryFull{"PV-REG-002", Retry::needs_operator,
                                         "the disk under the registry is full",
                                         "Free space in the state directory; nothing was lost."};
inline constexpr ErrorInfo kRegistryCorrupt{
    "PV-REG-003", Retry::needs_operator, "the registry file is damaged",
    "Stop the server and restore registry.db from its last backup."};
inline constexpr ErrorInfo kRegistryTooNew{
    "PV-REG-004", Retry::needs_operator, "the registry was written by a newer version",
    "Run the newer server, or restore the backup that the upgrade made."};
inline constexpr ErrorInfo kRegistryBusy{"PV-REG-005", Retry::later,
                                         "another process holds the registry",
                                         "Stop the other server on this state directory."};
inline constexpr ErrorInfo kNotFound{"PV-REG-006", Retry::never, "there is no such entry",
                                     "List the entries and check the name."};
inline constexpr ErrorInfo kAlreadyExists{"PV-REG-007", Retry::never,
                                          "an entry with this name exists already",
                                          "Use the existing entry or another name."};
inline constexpr ErrorInfo kChangedMeanwhile{
    "PV-REG-008", Retry::later, "the device's record changed during the operation", "Try again."};
inline constexpr ErrorInfo kVoucherUsed{"PV-REG-009", Retry::never,
                                        "this voucher has been used already",
                                        "Ask the device's owner to release or transfer it."};
inline constexpr ErrorInfo kIdentityConflict{
    "PV-REG-010", Retry::never, "this device id or key belongs to another device",
    "Check the device: an identity can never be taken over."};

inline constexpr std::size_t kPageSizeMax = 1000;
// Verdicts kept per device; the oldest go first. The last one always stays.
inline constexpr std::size_t kVerdictsKeptPerDevice = 50;

struct DeviceFilter {
  std::optional<TenantId> tenant{};  // only this tenant's
  bool unclaimed_only = false;
  std::string after{};  // device id; exclusive
  std::size_t limit = kPageSizeMax;
};

// An AK proven to live in the TPM of the device's EK.
struct AkBindingCommit {
  DeviceId device;
  std::uint64_t expected_version = 0;
  Bytes ak_public{};
  UnixSeconds at = 0;
};

struct ClaimCommit {
  DeviceId device;
  std::uint64_t expected_version = 0;
  TenantId tenant;
  std::string voucher_serial{};  // lower-case hex
  UnixSeconds at = 0;
};

// Everything that one accepted evidence changes.
struct AttestationCommit {
  DeviceId device;
  std::uint64_t expected_version = 0;
  std::optional<Bytes> ak_public{};  // set when this evidence carried the first activation
  ClockMark clock;
  CertificateRecord certificate;
  VerdictRecord verdict;
  std::string release;  // digest of the one that was matched; it must not be revoked by now
};

// The clock of an authentic quote by the AK that is bound, although its evidence was refused.
struct ClockNote {
  Bytes ak_public;
  ClockMark clock;
};

class Registry {
 public:
  virtual ~Registry() = default;

  // ---- tenants: kAlreadyExists, kNotFound
  virtual Status add_tenant(const TenantRecord& tenant, const AuditRecord& audit) = 0;
  virtual Result<TenantRecord> tenant(const TenantId& id) = 0;
  virtual Result<std::vector<TenantRecord>> tenants() = 0;  // by name
  // Replaces the issuing certificate (rollover).
  virtual Status set_issuing_certificate(const TenantId& id, ByteView certificate,
                                         const AuditRecord& audit) = 0;

  // ---- silicon vendors: adding the same certificate again is success; remove: kNotFound
  virtual Status add_vendor_root(const VendorRootRecord& root, const AuditRecord& audit) = 0;
  virtual Status remove_vendor_root(std::string_view fingerprint, const AuditRecord& audit) = 0;
  virtual Result<std::vector<VendorRootRecord>> vendor_roots() = 0;

  // ---- devices
  // Returns the stored row: the new one, or the existing one when the same EK is registered again.
  // kIdentityConflict when the id exists with another EK.
  virtual Result<DeviceRecord> add_device(const DeviceRecord& device, const AuditRecord& audit) = 0;
  virtual Result<DeviceRecord> device(const DeviceId& id) = 0;                        // kNotFound
  virtual Result<std::vector<DeviceRecord>> devices(const DeviceFilter& filter) = 0;  // by id
  // kNotFound. Disabling revokes nothing by itself.
  virtual Status set_device_status(const DeviceId& id, DeviceStatus status,
                                   const AuditRecord& audit) = 0;
  // kNotFound; kChangedMeanwhile; kIdentityConflict when another AK is bound, or the AK belongs to
  // another device. Binding the same AK again is success.
  virtual Status bind_ak(const AkBindingCommit& commit, const AuditRecord& audit) = 0;
  // The device gets its owner and the serial is burnt. kNotFound (device or tenant),
  // kChangedMeanwhile, kVoucherUsed, kAlreadyExists when it is claimed.
  virtual Status claim_device(const ClaimCommit& commit, const AuditRecord& audit) = 0;
  // The device gets another owner, or none; all its live certificates are revoked in the same
  // transaction. kNotFound, kChangedMeanwhile.
  virtual Status move_device(const DeviceId& id, std::uint64_t expected_version,
                             const std::optional<TenantId>& to, const AuditRecord& audit) = 0;
  virtual Result<bool> voucher_used(std::string_view serial) = 0;

  // ---- attestation
  // All or nothing: clock marks, binding, certificate, verdict. kNotFound; kChangedMeanwhile (also
  // when the release is unknown or revoked);
  // kIdentityConflict as bind_ak; kAlreadyExists when the serial exists.
  virtual Status commit_attestation(const AttestationCommit& commit) = 0;
  // A refusal. kNotFound when the device is not registered. A clock that is newer than the mark
  // becomes the mark, in the same transaction; one that is not, or by another AK, changes nothing.
  virtual Status add_verdict(const VerdictRecord& verdict,
                             const std::optional<ClockNote>& clock) = 0;
  virtual Result<VerdictRecord> last_verdict(const DeviceId& id) = 0;  // kNotFound
  // Newest first.
  virtual Result<std::vector<VerdictRecord>> verdicts(const DeviceId& id, std::size_t limit) = 0;

  // ---- certificates
  virtual Result<CertificateRecord> certificate(std::string_view serial) = 0;  // kNotFound
  // Newest first.
  virtual Result<std::vector<CertificateRecord>> certificates(const DeviceId& id,
                                                              std::size_t limit) = 0;
  // kNotFound. Revoking again keeps the first time and reason.
  virtual Status revoke_certificate(std::string_view serial, std::string_view reason,
                                    const AuditRecord& audit) = 0;
  // Revokes all unexpired ones; returns how many changed.
  virtual Result<std::size_t> revoke_device_certificates(const DeviceId& id,
                                                         std::string_view reason,
                                                         const AuditRecord& audit) = 0;
  // Calls `visit` for every certificate with not_after >= now, revoked or not. `visit` must not
  // call the registry.
  virtual Status visit_live_certificates(
      UnixSeconds now, const std::function<void(const CertificateRecord&)>& visit) = 0;
  // Deletes certificates that ended before `before`; returns how many.
  virtual Result<std::size_t> forget_expired_certificates(UnixSeconds before) = 0;

  // ---- releases: adding the same again is success; kNotFound for an unknown key or digest
  virtual Status add_release_key(const ReleaseKeyRecord& key, const AuditRecord& audit) = 0;
  virtual Result<std::vector<ReleaseKeyRecord>> release_keys() = 0;
  virtual Status add_release(const ReleaseRecord& release, const AuditRecord& audit) = 0;
  virtual Status revoke_release(std::string_view digest, std::string_view reason,
                                const AuditRecord& audit) = 0;
  virtual Result<std::vector<ReleaseRecord>> releases() = 0;  // by time added

  // ---- tokens: kAlreadyExists (name or hash), kNotFound
  virtual Status add_token(const TokenRecord& token, const AuditRecord& audit) = 0;
  virtual Result<TokenRecord> token(const Digest256& hash) = 0;
  virtual Result<std::vector<TokenRecord>> tokens() = 0;
  virtual Status remove_token(std::string_view name, const AuditRecord& audit) = 0;

  // ---- audit
  // For acts that change nothing else in the registry.
  virtual Status add_audit(const AuditRecord& audit) = 0;
  // Newest first; `before` = 0 starts at the newest.
  virtual Result<std::vector<AuditRecord>> audit(std::int64_t before, std::size_t limit) = 0;
};

}  // namespace pavise::security
