// What the agent asks the monitor (api/monitor.cddl). One implementation over the inherited socket,
// another in tests.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "protocol/monitor_ipc/monitor_ipc.h"

namespace pavise::agent {

struct MonitorIdentity {
  DeviceId device;
  Bytes ek_certificate;
  Bytes ak_public;          // TPMT_PUBLIC
  Bytes tls_public;         // TPMT_PUBLIC
  Bytes certify;            // TPMS_ATTEST
  Bytes certify_signature;  // TPMT_SIGNATURE
};
using MonitorQuote = monitor_ipc::AttestResult;
using MonitorStatus = monitor_ipc::StatusResult;

// Not thread-safe; every call blocks for TPM commands. Errors: the monitor's own refusal or a
// broken channel, as kMonitorAnswer with the reason in the detail.
class MonitorClient {
 public:
  virtual ~MonitorClient() = default;
  virtual Result<MonitorIdentity> identity() = 0;
  virtual Result<SecretBytes> activate(ByteView id_object, ByteView encrypted_secret) = 0;
  virtual Result<MonitorQuote> attest(const Digest256& nonce, const Digest256& exporter,
                                      const Digest256& csr_digest,
                                      const std::vector<std::uint8_t>& pcrs) = 0;
  virtual Result<Bytes> sign_tls(const Digest256& digest) = 0;  // ECDSA, DER
  virtual Result<MonitorStatus> status() = 0;
};

}  // namespace pavise::agent
