// The door through which the hub asks the security service about a device. The hub includes this
// header and nothing else of cloud/security; cloud/security never includes the hub.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"

namespace pavise::security {

// A device that may speak now.
struct AdmittedDevice {
  DeviceId device;
  TenantId tenant;
  std::string certificate_serial;  // lower-case hex
  UnixSeconds not_after;           // the session must end then
};

// Errors of admit(): PV-AUT-nnn.
inline constexpr ErrorInfo kUnknownCertificate{
    "PV-AUT-001", Retry::after_reattest, "this certificate was not issued by this service",
    "Let the device attest again; it gets a fresh certificate."};
inline constexpr ErrorInfo kCertificateRevoked{"PV-AUT-002", Retry::after_reattest,
                                               "the device's certificate is revoked",
                                               "Let the device attest again, or see its evidence."};
inline constexpr ErrorInfo kCertificateExpired{"PV-AUT-003", Retry::after_reattest,
                                               "the device's certificate has expired",
                                               "Let the device attest again."};
inline constexpr ErrorInfo kDeviceDisabled{"PV-AUT-004", Retry::needs_operator,
                                           "the device is disabled by its owner",
                                           "Enable it: pavise device enable ID."};
inline constexpr ErrorInfo kDeviceUnclaimed{"PV-AUT-005", Retry::needs_operator,
                                            "the device belongs to no tenant",
                                            "Claim it: pavise device claim VOUCHER."};

class DeviceAuthority {
 public:
  virtual ~DeviceAuthority() = default;

  // Decides whether the holder of this TLS-verified leaf certificate may connect now.
  // Thread-safe; answers from memory, does not block on disk.
  virtual Result<AdmittedDevice> admit(ByteView leaf_certificate_der) = 0;

  // Certificates of the CAs that issue device leaves, DER, to trust in the TLS handshake.
  virtual std::vector<Bytes> issuer_certificates() = 0;

  // `barred` is called, from any thread, as soon as a device must be disconnected: certificate
  // revoked, device disabled, transferred or deleted. `issuer_added` is called with the DER of a
  // new issuing CA. Callbacks must not block. There is no unsubscribe: subscribers outlive the
  // authority.
  virtual void subscribe(std::function<void(const DeviceId&)> barred,
                         std::function<void(ByteView)> issuer_added) = 0;
};

}  // namespace pavise::security
