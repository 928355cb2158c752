// Who owns what: tenants, silicon vendors, and the life of a device from factory to owner to owner.
//
// `actor` is the name of the caller's token; it goes to the audit. Authorisation is the caller's
// business (one choke point, in the server). Thread-safe; blocks on disk and on the signer.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/security/authority/live_authority.h"
#include "cloud/security/pending/one_shot_store.h"
#include "cloud/security/registry/registry.h"
#include "cloud/security/signer/api/signer.h"

namespace pavise::security {

// Errors: PV-TEN-nnn.
inline constexpr ErrorInfo kTenantUnknown{"PV-TEN-001", Retry::needs_operator,
                                          "there is no such tenant",
                                          "List them: pavise tenant list."};
inline constexpr ErrorInfo kTenantExists{"PV-TEN-002", Retry::never, "the tenant exists already",
                                         "Choose another name, or use it as it is."};
inline constexpr ErrorInfo kDeviceUnknown{"PV-TEN-003", Retry::needs_operator,
                                          "the device is not registered",
                                          "Register its EK certificate first (factory step)."};
inline constexpr ErrorInfo kVendorUntrusted{
    "PV-TEN-004", Retry::needs_operator,
    "the EK certificate does not chain to a trusted silicon vendor",
    "Add the vendor's root certificate, if you trust it, and register again."};
inline constexpr ErrorInfo kVendorRootInvalid{"PV-TEN-005", Retry::never,
                                              "the vendor root is not a CA certificate",
                                              "Give the vendor's self-signed CA certificate."};
inline constexpr ErrorInfo kActivationUnknown{
    "PV-TEN-006", Retry::never, "the activation has ended or never began",
    "Begin a new activation; it must be answered within two minutes."};
inline constexpr ErrorInfo kActivationRefused{
    "PV-TEN-007", Retry::never, "the activation failed",
    "Begin again; the AK must live in the TPM of the registered EK."};
inline constexpr ErrorInfo kAkAlreadyBound{
    "PV-TEN-008", Retry::never, "another attestation key is bound to this device",
    "Use the key that was made in the factory; it is never replaced."};
inline constexpr ErrorInfo kVoucherInvalid{"PV-TEN-009", Retry::never,
                                           "the voucher is malformed or not signed by the device",
                                           "Ask for a new voucher from the device's factory."};
inline constexpr ErrorInfo kDeviceNotActivated{
    "PV-TEN-010", Retry::needs_operator, "no attestation key is bound to the device yet",
    "Finish the factory step (activation) before claiming."};
inline constexpr ErrorInfo kAlreadyClaimed{"PV-TEN-011", Retry::never, "the device has an owner",
                                           "Let its owner release or transfer it first."};
inline constexpr ErrorInfo kNotOwner{"PV-TEN-012", Retry::never,
                                     "the device does not belong to this tenant",
                                     "Check the device id and the tenant."};
inline constexpr ErrorInfo kVoucherSpent{"PV-TEN-013", Retry::never,
                                         "this voucher has been used already",
                                         "Make a new voucher on the device."};
inline constexpr ErrorInfo kAkUnfit{
    "PV-TEN-014", Retry::never,
    "the attestation key is not a restricted P-256 signing key fixed to its TPM",
    "Make the AK with the attributes in api/evidence.cddl's README."};

inline constexpr ErrorInfo kTooManyActivations{
    "PV-TEN-015", Retry::later, "too many activations are under way", "Try again in two minutes."};

inline constexpr std::int64_t kActivationLifetimeMs = 120'000;
inline constexpr std::size_t kActivationsMax = 4096;

struct ActivationChallenge {
  SessionId session{};
  Bytes id_object;         // TPM2B_ID_OBJECT contents
  Bytes encrypted_secret;  // TPM2B_ENCRYPTED_SECRET contents
};

class Tenancy {
 public:
  // All arguments outlive the object.
  Tenancy(Registry& registry, signer::Signer& signer, LiveAuthority& authority, const Clock& clock)
      : registry_(registry),
        signer_(signer),
        authority_(authority),
        clock_(clock),
        activations_(clock, kActivationLifetimeMs, kActivationsMax) {}

  // ---- tenants
  // Makes the CA hierarchy through the signer, then records the tenant. Killed between the two, the
  // next call completes it. kTenantExists; those of Signer and Registry.
  Result<TenantRecord> create_tenant(std::string_view actor, const TenantId& id);
  Result<TenantRecord> tenant(const TenantId& id);  // kTenantUnknown
  Result<std::vector<TenantRecord>> tenants();

  // ---- silicon vendors
  // `certificate` is DER or PEM, self-signed, a CA. kVendorRootInvalid. Idempotent.
  Result<VendorRootRecord> add_vendor_root(std::string_view actor, std::string_view name,
                                           ByteView certificate);
  Status remove_vendor_root(std::string_view actor, std::string_view fingerprint);
  Result<std::vector<VendorRootRecord>> vendor_roots();

  // ---- factory
  // The device's id follows from the EK in the certificate. Registering again returns the record as
  // it is. `intermediates` are DER certificates between EK and vendor root, in any order.
  // kVendorUntrusted; those of the EK certificate check (cloud/security/attestation).
  Result<DeviceRecord> register_device(std::string_view actor, ByteView ek_certificate,
                                       const std::vector<Bytes>& intermediates);
  // TPM2_MakeCredential to the device's EK for this AK (TPMT_PUBLIC). kDeviceUnknown, kAkUnfit,
  // kAkAlreadyBound, kTooManyActivations. Beginning again forgets the earlier activation of the
  // device.
  Result<ActivationChallenge> begin_activation(const DeviceId& id, ByteView ak_public);
  // Binds the AK for ever if `secret` is what only that TPM could decrypt. Every failure ends the
  // activation and looks the same: kActivationRefused or, after its end, kActivationUnknown.
  Result<DeviceRecord> finish_activation(std::string_view actor, ByteView session, ByteView secret);

  // ---- owner
  // `voucher` as in api/evidence.cddl. kTenantUnknown, kVoucherInvalid, kDeviceUnknown,
  // kDeviceNotActivated, kVoucherSpent, kAlreadyClaimed.
  Result<DeviceRecord> claim(std::string_view actor, const TenantId& tenant, ByteView voucher);
  // The device gets no owner / another one; its certificates are revoked and its sessions end; it
  // can be claimed again with a fresh voucher only. kDeviceUnknown, kNotOwner, kTenantUnknown.
  Status release_device(std::string_view actor, const TenantId& owner, const DeviceId& id);
  Status transfer_device(std::string_view actor, const TenantId& owner, const DeviceId& id,
                         const TenantId& to);
  // Disabling disconnects the device within a second and refuses it certificates; enabling lets it
  // attest again. kDeviceUnknown.
  Status set_device_status(std::string_view actor, const DeviceId& id, DeviceStatus status);

  Result<DeviceRecord> device(const DeviceId& id);  // kDeviceUnknown
  Result<std::vector<DeviceRecord>> devices(const DeviceFilter& filter);

 private:
  struct Activation {
    DeviceId device;
    std::uint64_t device_version;
    Bytes ak_public;
    SecretBytes secret;
  };

  AuditRecord audit(std::string_view actor, std::string_view action, std::string_view subject,
                    std::string detail = {}) const;
  Status move(std::string_view actor, std::string_view action, const TenantId& owner,
              const DeviceId& id, const std::optional<TenantId>& to);
  Status refresh_authority(const DeviceId& id);

  Registry& registry_;
  signer::Signer& signer_;
  LiveAuthority& authority_;
  const Clock& clock_;
  OneShotStore<Activation> activations_;
};

}  // namespace pavise::security
