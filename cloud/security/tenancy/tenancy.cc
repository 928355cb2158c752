#include "cloud/security/tenancy/tenancy.h"

#include "cloud/security/attestation/ek_certificate.h"
#include "cloud/security/tenancy/voucher_check.h"
#include "common/crypto/crypto.h"
#include "protocol/evidence/evidence.h"
#include "protocol/evidence/voucher.h"
#include "protocol/tpm/credential.h"
#include "protocol/tpm/public_area.h"

namespace pavise::security {
namespace {

constexpr std::size_t kActivationSecretBytes = 32;

// Registry errors that have a better name here.
Error named(const Error& error, const ErrorInfo& not_found, std::string_view subject) {
  return error.is(kNotFound) ? Error(not_found, std::string(subject)) : error;
}

}  // namespace

AuditRecord Tenancy::audit(std::string_view actor, std::string_view action,
                           std::string_view subject, std::string detail) const {
  return {0,
          clock_.now_s(),
          std::string(actor),
          std::string(action),
          std::string(subject),
          std::move(detail)};
}

// ---- tenants

Result<TenantRecord> Tenancy::create_tenant(std::string_view actor, const TenantId& id) {
  if (registry_.tenant(id)) return Error(kTenantExists, id.text());
  PAVISE_TRY_ASSIGN(auto certificates, signer_.create_tenant_ca(id));
  TenantRecord record{id, clock_.now_s(), std::move(certificates.root),
                      std::move(certificates.issuing)};
  if (const auto added = registry_.add_tenant(record, audit(actor, "tenant.create", id.text()));
      !added)
    return added.error().is(kAlreadyExists) ? Error(kTenantExists, id.text())
                                            : Error(added.error());
  authority_.issuer_added(record.issuing_certificate);
  return record;
}

Result<TenantRecord> Tenancy::tenant(const TenantId& id) {
  auto record = registry_.tenant(id);
  if (!record) return named(record.error(), kTenantUnknown, id.text());
  return record;
}

Result<std::vector<TenantRecord>> Tenancy::tenants() {
  return registry_.tenants();
}

// ---- devices

Result<DeviceRecord> Tenancy::device(const DeviceId& id) {
  auto record = registry_.device(id);
  if (!record) return named(record.error(), kDeviceUnknown, id.text());
  return record;
}

Result<std::vector<DeviceRecord>> Tenancy::devices(const DeviceFilter& filter) {
  return registry_.devices(filter);
}

Result<ActivationChallenge> Tenancy::begin_activation(const DeviceId& id, ByteView ak_public) {
  PAVISE_TRY_ASSIGN(const DeviceRecord record, device(id));
  PAVISE_TRY_ASSIGN(const tpm::PublicArea ak, tpm::PublicArea::parse(ak_public));
  if (!tpm::is_attestation_key(ak)) return kAkUnfit;
  PAVISE_TRY(ak.p256_key());
  if (record.ak_public && !equal(*record.ak_public, ak_public)) return kAkAlreadyBound;
  PAVISE_TRY_ASSIGN(const tpm::PublicArea ek, tpm::PublicArea::parse(record.ek_public));
  SecretBytes secret(kActivationSecretBytes);
  PAVISE_TRY(crypto::random_fill(secret.span()));
  PAVISE_TRY_ASSIGN(auto credential, tpm::make_credential(ek, ak.name(), secret.view()));
  PAVISE_TRY_ASSIGN(
      const auto session,
      activations_.ask(id, {id, record.version, to_bytes(ak_public), std::move(secret)}));
  if (!session) return kTooManyActivations;
  return ActivationChallenge{*session, std::move(credential.id_object),
                             std::move(credential.encrypted_secret)};
}

Result<DeviceRecord> Tenancy::finish_activation(std::string_view actor, ByteView session,
                                                ByteView secret) {
  const auto activation = activations_.take(session);
  if (!activation) return kActivationUnknown;
  if (!crypto::constant_time_equal(activation->secret.view(), secret)) return kActivationRefused;
  const auto bound = registry_.bind_ak(
      {activation->device, activation->device_version, activation->ak_public, clock_.now_s()},
      audit(actor, "device.activate", activation->device.text()));
  if (!bound)
    return bound.error().is(kIdentityConflict) ? Error(kAkAlreadyBound) : Error(bound.error());
  return device(activation->device);
}

Status Tenancy::refresh_authority(const DeviceId& id) {
  const auto record = device(id);
  if (record) {
    authority_.device_changed(*record);
    return {};
  }
  // The change is durable but cannot be read back: close the door until the device attests again.
  authority_.device_certificates_revoked(id);
  return record.error();
}

Result<DeviceRecord> Tenancy::claim(std::string_view actor, const TenantId& to, ByteView voucher) {
  PAVISE_TRY(tenant(to));
  auto parsed = evidence::Voucher::parse(voucher);
  if (!parsed) return Error(kVoucherInvalid, parsed.error().message());
  PAVISE_TRY_ASSIGN(const DeviceRecord record, device(parsed->device));
  if (!record.ak_public) return kDeviceNotActivated;
  // Who holds no good voucher learns nothing about the device's owner.
  // Whoever had the device before its last owner may have kept vouchers; only one that was made
  // after the last acceptance shows who has it now.
  const auto not_before = record.last_attested ? record.clock : std::nullopt;
  PAVISE_TRY(check_voucher(*parsed, *record.ak_public, not_before));
  const std::string serial = to_hex(parsed->serial);
  const auto claimed =
      registry_.claim_device({record.id, record.version, to, serial, clock_.now_s()},
                             audit(actor, "device.claim", record.id.text(), to.text()));
  if (!claimed && claimed.error().is(kVoucherUsed)) return kVoucherSpent;
  if (!claimed && claimed.error().is(kAlreadyExists)) return kAlreadyClaimed;
  if (!claimed) return claimed.error();
  PAVISE_TRY(refresh_authority(record.id));
  return device(record.id);
}

Status Tenancy::move(std::string_view actor, std::string_view action, const TenantId& owner,
                     const DeviceId& id, const std::optional<TenantId>& to) {
  PAVISE_TRY_ASSIGN(const DeviceRecord record, device(id));
  if (record.tenant != owner) return Error(kNotOwner, owner.text());
  PAVISE_TRY(registry_.move_device(id, record.version, to,
                                   audit(actor, action, id.text(), to ? to->text() : "")));
  // Said by itself: if the device has come back by now, its record no longer tells that it was
  // away.
  authority_.device_certificates_revoked(id);
  return refresh_authority(id);
}

Status Tenancy::release_device(std::string_view actor, const TenantId& owner, const DeviceId& id) {
  return move(actor, "device.release", owner, id, std::nullopt);
}

Status Tenancy::transfer_device(std::string_view actor, const TenantId& owner, const DeviceId& id,
                                const TenantId& to) {
  PAVISE_TRY(tenant(to));
  return move(actor, "device.transfer", owner, id, to);
}

Status Tenancy::set_device_status(std::string_view actor, const DeviceId& id, DeviceStatus status) {
  const auto changed = registry_.set_device_status(
      id, status,
      audit(actor, status == DeviceStatus::enabled ? "device.enable" : "device.disable",
            id.text()));
  if (!changed) return named(changed.error(), kDeviceUnknown, id.text());
  return refresh_authority(id);
}

}  // namespace pavise::security
