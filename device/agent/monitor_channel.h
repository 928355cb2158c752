// The monitor over the socket that init made (api/monitor.cddl).
#pragma once

#include <utility>

#include "common/ipc/seqpacket.h"
#include "device/agent/monitor_client.h"
#include "device/agent/ports.h"

namespace pavise::agent {

// One question at a time; each waits up to kMonitorTimeoutMs. When the channel broke or an answer
// was missed, gone() is true for ever: init then starts both programs anew with a fresh channel.
class MonitorChannel final : public MonitorClient, public MonitorProbe {
 public:
  // A TPM may think for seconds over one command, and an attestation takes several.
  static constexpr int kMonitorTimeoutMs = 60'000;

  explicit MonitorChannel(ipc::SeqpacketChannel channel, int timeout_ms = kMonitorTimeoutMs)
      : channel_(std::move(channel)), timeout_ms_(timeout_ms) {}

  Result<MonitorIdentity> identity() override;
  Result<SecretBytes> activate(ByteView id_object, ByteView encrypted_secret) override;
  Result<MonitorQuote> attest(const Digest256& nonce, const Digest256& exporter,
                              const Digest256& csr_digest,
                              const std::vector<std::uint8_t>& pcrs) override;
  Result<Bytes> sign_tls(const Digest256& digest) override;
  Result<MonitorStatus> status() override;
  std::optional<std::int64_t> monitor_pss_kib() override;
  std::optional<std::uint64_t> measured_apps() override;

  bool gone() const { return gone_; }

 private:
  template <class Answer>
  Result<Answer> ask(const monitor_ipc::Request& request, Result<Answer> (*parse)(ByteView));

  ipc::SeqpacketChannel channel_;
  int timeout_ms_;
  bool gone_ = false;
};

}  // namespace pavise::agent
