// DeviceAuthority from memory: an index of the live certificates and of the devices that hold them,
// loaded from the registry once and kept up to date by the modules that change it.
#pragma once

#include <memory>
#include <shared_mutex>
#include <unordered_map>

#include "cloud/security/authority/device_authority.h"
#include "cloud/security/registry/registry.h"

namespace pavise::security {

// Live certificates kept in memory per device; when a device attests more often than that, its
// oldest ones are forgotten (and so refused) first.
inline constexpr std::size_t kLiveCertificatesPerDeviceMax = 32;

// admit() looks the certificate up by the SHA-256 of its whole DER, so the bytes that a peer sends
// are hashed and never parsed, and a certificate that differs in one byte from the issued one is
// unknown even if a CA of ours signed it.
//
// What is told may come late or out of order: two threads commit one after the other and tell in
// the opposite order, or a certificate is revoked between its commit and its telling. Thread-safe.
// Nothing here blocks on disk except load() and certificate_issued(), which reads one row.
class LiveAuthority final : public DeviceAuthority {
 public:
  // Reads tenants, devices and unexpired certificates. Both arguments outlive the authority.
  // Errors: those of Registry.
  static Result<std::unique_ptr<LiveAuthority>> load(Registry& registry, const Clock& clock);

  // kUnknownCertificate, kCertificateRevoked, kCertificateExpired, kDeviceDisabled,
  // kDeviceUnclaimed.
  Result<AdmittedDevice> admit(ByteView leaf_certificate_der) override;
  std::vector<Bytes> issuer_certificates() override;
  void subscribe(std::function<void(const DeviceId&)> barred,
                 std::function<void(ByteView)> issuer_added) override;

  // ---- told by issuing, tenancy and attestation_service, after the registry has committed
  // Looks it up again: it counts as revoked if the registry says so by now, or cannot say.
  void certificate_issued(const CertificateRecord& certificate);
  void certificate_revoked(std::string_view serial);     // bars its device
  void device_certificates_revoked(const DeviceId& id);  // bars the device
  void device_added(const DeviceRecord& device);
  // Status or tenant changed. Bars the device when it may speak no longer, or under another tenant.
  // A record older than the one told last changes nothing, except that certificates of another
  // tenant end.
  void device_changed(const DeviceRecord& device);
  void issuer_added(ByteView issuing_certificate);

  struct Size {
    std::size_t devices = 0;
    std::size_t certificates = 0;
  };
  Size size() const;
  // Drops expired certificates from memory; call it every few minutes. Returns how many.
  std::size_t forget_expired();

 private:
  struct Entry {
    std::string serial;
    DeviceId device;
    TenantId tenant;
    UnixSeconds not_after;
    bool revoked;
  };
  struct DeviceEntry {
    std::optional<TenantId> tenant;
    DeviceStatus status;
    std::uint64_t version;
  };

  LiveAuthority(Registry& registry, const Clock& clock) : registry_(registry), clock_(clock) {}
  void announce_barred(const DeviceId& id);
  void revoke_all(const DeviceId& id);  // with mutex_ held
  void insert(const CertificateRecord& certificate);

  Registry& registry_;
  const Clock& clock_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Entry> by_fingerprint_;   // 32 raw bytes
  std::unordered_map<std::string, std::string> by_serial_;  // serial → fingerprint
  std::unordered_map<DeviceId, DeviceEntry> devices_;
  std::unordered_map<DeviceId, std::vector<std::string>> of_device_;  // → fingerprints
  std::vector<Bytes> issuers_;
  std::vector<std::function<void(const DeviceId&)>> on_barred_;
  std::vector<std::function<void(ByteView)>> on_issuer_added_;
};

}  // namespace pavise::security
