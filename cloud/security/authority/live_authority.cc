#include "cloud/security/authority/live_authority.h"

#include <algorithm>
#include <mutex>

#include "common/crypto/crypto.h"

namespace pavise::security {
namespace {

std::string raw_key(ByteView bytes) {
  return std::string(as_text(bytes));
}

}  // namespace

Result<std::unique_ptr<LiveAuthority>> LiveAuthority::load(Registry& registry, const Clock& clock) {
  std::unique_ptr<LiveAuthority> authority(new LiveAuthority(registry, clock));
  PAVISE_TRY_ASSIGN(const auto tenants, registry.tenants());
  for (const TenantRecord& tenant : tenants)
    authority->issuers_.push_back(tenant.issuing_certificate);
  for (DeviceFilter filter;;) {
    PAVISE_TRY_ASSIGN(const auto page, registry.devices(filter));
    if (page.empty()) break;
    for (const DeviceRecord& device : page) authority->device_added(device);
    filter.after = page.back().id.text();
  }
  PAVISE_TRY(registry.visit_live_certificates(
      clock.now_s(), [&](const CertificateRecord& record) { authority->insert(record); }));
  return authority;
}

Result<AdmittedDevice> LiveAuthority::admit(ByteView leaf_certificate_der) {
  const Digest256 fingerprint = crypto::sha256(leaf_certificate_der);
  const UnixSeconds now = clock_.now_s();
  const std::shared_lock lock(mutex_);
  const auto found = by_fingerprint_.find(raw_key(fingerprint));
  if (found == by_fingerprint_.end()) return kUnknownCertificate;
  const Entry& entry = found->second;
  const auto device = devices_.find(entry.device);
  if (device == devices_.end()) return kUnknownCertificate;
  if (device->second.status != DeviceStatus::enabled) return kDeviceDisabled;
  if (!device->second.tenant) return kDeviceUnclaimed;
  if (entry.revoked || *device->second.tenant != entry.tenant) return kCertificateRevoked;
  if (entry.not_after < now) return kCertificateExpired;
  return AdmittedDevice{entry.device, entry.tenant, entry.serial, entry.not_after};
}

std::vector<Bytes> LiveAuthority::issuer_certificates() {
  const std::shared_lock lock(mutex_);
  return issuers_;
}

void LiveAuthority::subscribe(std::function<void(const DeviceId&)> barred,
                              std::function<void(ByteView)> issuer_added) {
  const std::unique_lock lock(mutex_);
  on_barred_.push_back(std::move(barred));
  on_issuer_added_.push_back(std::move(issuer_added));
}

void LiveAuthority::certificate_issued(const CertificateRecord& certificate) {
  insert(certificate);
  // Whoever revokes does so in the registry first and here second. If that was before insert(), the
  // registry knows by now; if it comes later, it will find the entry.
  const auto kept = registry_.certificate(certificate.serial);
  if (kept && !kept->revoked) return;
  const std::unique_lock lock(mutex_);
  const auto found = by_serial_.find(certificate.serial);
  if (found != by_serial_.end()) by_fingerprint_.at(found->second).revoked = true;
}

void LiveAuthority::insert(const CertificateRecord& certificate) {
  const auto fingerprint = from_hex(certificate.fingerprint);
  if (!fingerprint) return;  // can never match a hash: fails closed
  const std::string key = raw_key(*fingerprint);
  const std::unique_lock lock(mutex_);
  const bool fresh = !by_fingerprint_.contains(key);
  by_fingerprint_.insert_or_assign(
      key, Entry{certificate.serial, certificate.device, certificate.tenant, certificate.not_after,
                 certificate.revoked.has_value()});
  by_serial_.insert_or_assign(certificate.serial, key);
  if (!fresh) return;
  auto& all = of_device_[certificate.device];
  all.push_back(key);
  if (all.size() <= kLiveCertificatesPerDeviceMax) return;
  const auto oldest = std::ranges::min_element(
      all, {}, [&](const std::string& one) { return by_fingerprint_.at(one).not_after; });
  by_serial_.erase(by_fingerprint_.at(*oldest).serial);
  by_fingerprint_.erase(*oldest);
  all.erase(oldest);
}

void LiveAuthority::certificate_revoked(std::string_view serial) {
  std::optional<DeviceId> device;
  {
    const std::unique_lock lock(mutex_);
    const auto found = by_serial_.find(std::string(serial));
    if (found == by_serial_.end()) return;
    Entry& entry = by_fingerprint_.at(found->second);
    entry.revoked = true;
    device = entry.device;
  }
  announce_barred(*device);
}

void LiveAuthority::revoke_all(const DeviceId& id) {
  const auto found = of_device_.find(id);
  if (found == of_device_.end()) return;
  for (const std::string& key : found->second) by_fingerprint_.at(key).revoked = true;
}

void LiveAuthority::device_certificates_revoked(const DeviceId& id) {
  {
    const std::unique_lock lock(mutex_);
    revoke_all(id);
  }
  announce_barred(id);
}

void LiveAuthority::device_added(const DeviceRecord& device) {
  const std::unique_lock lock(mutex_);
  devices_.try_emplace(device.id, DeviceEntry{device.tenant, device.status, device.version});
}

void LiveAuthority::device_changed(const DeviceRecord& device) {
  bool barred = false;
  {
    const std::unique_lock lock(mutex_);
    DeviceEntry& entry =
        devices_.try_emplace(device.id, DeviceEntry{device.tenant, device.status, device.version})
            .first->second;
    const bool moved = entry.tenant != device.tenant;
    // A device that comes back to an earlier owner must not find its old certificates alive.
    if (moved) revoke_all(device.id);
    barred = device.status != DeviceStatus::enabled || moved;
    if (device.version >= entry.version)
      entry = DeviceEntry{device.tenant, device.status, device.version};
  }
  if (barred) announce_barred(device.id);
}

void LiveAuthority::issuer_added(ByteView issuing_certificate) {
  std::vector<std::function<void(ByteView)>> listeners;
  {
    const std::unique_lock lock(mutex_);
    for (const Bytes& known : issuers_)
      if (equal(known, issuing_certificate)) return;
    issuers_.push_back(to_bytes(issuing_certificate));
    listeners = on_issuer_added_;
  }
  for (const auto& listener : listeners) listener(issuing_certificate);
}

void LiveAuthority::announce_barred(const DeviceId& id) {
  std::vector<std::function<void(const DeviceId&)>> listeners;
  {
    const std::shared_lock lock(mutex_);
    listeners = on_barred_;
  }
  for (const auto& listener : listeners) listener(id);
}

LiveAuthority::Size LiveAuthority::size() const {
  const std::shared_lock lock(mutex_);
  return {devices_.size(), by_fingerprint_.size()};
}

std::size_t LiveAuthority::forget_expired() {
  const UnixSeconds now = clock_.now_s();
  const std::unique_lock lock(mutex_);
  std::size_t forgotten = 0;
  for (auto& [device, keys] : of_device_)
    forgotten += std::erase_if(keys, [&](const std::string& key) {
      const auto entry = by_fingerprint_.find(key);
      if (entry->second.not_after >= now) return false;
      by_serial_.erase(entry->second.serial);
      by_fingerprint_.erase(entry);
      return true;
    });
  std::erase_if(of_device_, [](const auto& item) { return item.second.empty(); });
  return forgotten;
}

}  // namespace pavise::security
