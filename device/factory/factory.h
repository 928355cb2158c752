// The factory's step: a TPM gets our keys, the service learns of the device, the owner's voucher is
// made. Logic only; the network is behind FactoryServices.
#pragma once

#include <functional>
#include <string>

#include "common/base/result.h"
#include "device/root_of_trust/root_of_trust.h"
#include "protocol/evidence/voucher.h"

namespace pavise::factory {

// Errors: PV-FAC-nnn.
inline constexpr ErrorInfo kUsage{"PV-FAC-001", Retry::never, "the command line cannot be used",
                                  "Call pavise-factory --help."};
inline constexpr ErrorInfo kFileFailed{"PV-FAC-002", Retry::never,
                                       "a file cannot be read or written",
                                       "Check its path, its permissions and the disk."};
inline constexpr ErrorInfo kNotRegistered{
    "PV-FAC-003", Retry::needs_operator, "the service does not register the device",
    "See the service's words in the detail; a vendor is added by pavise vendor add."};
inline constexpr ErrorInfo kNotBound{
    "PV-FAC-004", Retry::needs_operator, "the service does not bind the attestation key",
    "See the service's words in the detail; the TPM must hold the EK of its certificate."};
inline constexpr ErrorInfo kBadAnswer{"PV-FAC-005", Retry::later,
                                      "the service's answer cannot be understood",
                                      "Check --server and --device-listener."};

// Both doors of the service. Calls block up to their deadlines.
class FactoryServices {
 public:
  virtual ~FactoryServices() = default;
  // POST /api/v1/factory/devices. kNotRegistered, network errors.
  virtual Status register_device(ByteView ek_certificate_der) = 0;
  // POST to the device listener; all calls go over one connection. Network errors.
  virtual Result<Bytes> post_to_listener(const std::string& path, Bytes body) = 0;
};

struct Provisioned {
  DeviceId device;
  evidence::Voucher voucher;
  bool bound_now = false;  // false: the key was bound before
};

// Idempotent: may be repeated after a failure at any step, or later for a fresh voucher. `progress`
// gets one short line per finished step. Errors: above, and those of RootOfTrust and the network.
Result<Provisioned> provision(root_of_trust::RootOfTrust& root, FactoryServices& services,
                              const std::function<void(const std::string&)>& progress);

// voucher.cbor, voucher.txt (base64) and device-id in `folder`, each replaced atomically. The
// voucher is readable by its owner only: who has it can claim the device. kFileFailed.
Status write_outcome(const std::string& folder, const Provisioned& outcome);

}  // namespace pavise::factory
