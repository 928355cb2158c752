// For tests: a device whose keys are in memory, and a service that issues certificates for them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/crypto/crypto.h"
#include "device/agent/monitor_client.h"
#include "protocol/evidence/exchange.h"

namespace pavise::agent::testing {

struct LeafSpec {
  std::optional<DeviceId> device = {};            // another one than ours
  std::optional<crypto::P256PublicKey> key = {};  // another one than ours
  UnixSeconds not_before = 1'790'000'000;
  UnixSeconds not_after = 1'790'086'400;
  UnixSeconds renew_by = 1'790'057'600;
};

// Answers every operation; the quote is no real one, which nobody on the device's side reads.
class FakeMonitor final : public MonitorClient {
 public:
  FakeMonitor();

  Result<MonitorIdentity> identity() override;
  Result<SecretBytes> activate(ByteView id_object, ByteView encrypted_secret) override;
  Result<MonitorQuote> attest(const Digest256& nonce, const Digest256& exporter,
                              const Digest256& csr_digest,
                              const std::vector<std::uint8_t>& pcrs) override;
  Result<Bytes> sign_tls(const Digest256& digest) override;
  Result<MonitorStatus> status() override { return MonitorStatus{2000, 17, 0}; }

  // The `accepted` message of a service for this device.
  evidence::Accepted accepted(const LeafSpec& spec = {}) const;

  DeviceId device;
  crypto::P256PrivateKey tls_key;
  crypto::P256PrivateKey ca_key;
  Bytes activation_secret = Bytes(32, std::byte{0x5a});
  std::optional<Error> fails;
  int signatures = 0;
  int activations = 0;
  std::vector<Digest256> bindings;  // of attest()
};

}  // namespace pavise::agent::testing
