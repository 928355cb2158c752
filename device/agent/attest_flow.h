// One attestation from the device's side (api/evidence.cddl): challenge, perhaps activation, quote,
// evidence, answer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/net/tls_client.h"
#include "device/agent/certificate.h"
#include "device/agent/monitor_client.h"
#include "device/agent/ports.h"

namespace pavise::agent {

// One TLS connection to the device listener.
class AttestChannel {
 public:
  virtual ~AttestChannel() = default;
  // The body of the answer, whatever its status. kServiceAnswer: not CBOR.
  virtual Result<Bytes> post(const std::string& path, Bytes body) = 0;
  virtual Result<Digest256> exporter(std::string_view label) = 0;
  // The time in which the certificates that the service showed are valid. nullopt: it showed none.
  virtual std::optional<net::ChainValidity> service_validity() = 0;
};

class AttestDialer {
 public:
  virtual ~AttestDialer() = default;
  // The server's certificate is judged as of `now`, or as of its own beginning if that is later.
  virtual Result<std::unique_ptr<AttestChannel>> open(UnixSeconds now) = 0;
};

class AttestFlow final : public Attester {
 public:
  using Claims = std::vector<std::pair<std::string, std::string>>;

  // References outlive the flow. `identity` is the monitor's answer; `owner` belongs to it.
  AttestFlow(MonitorClient& monitor, AttestDialer& dialer, MonitorIdentity identity,
             CertificateOwner owner, Claims claims);

  // Errors: those of the network and the monitor; kServiceAnswer, kCertificateUnusable.
  Result<AttestOutcome> attest(UnixSeconds now) override;

 private:
  Status make_request();
  Result<Bytes> make_evidence(AttestChannel& channel, const evidence::Challenge& challenge);

  MonitorClient& monitor_;
  AttestDialer& dialer_;
  MonitorIdentity identity_;
  CertificateOwner owner_;
  Claims claims_;
  Bytes request_;  // PKCS#10; made once, the key stays the same
};

// The owner that an identity describes. kMonitorAnswer: its TLS key is no P-256 key.
Result<CertificateOwner> owner_of(const MonitorIdentity& identity);

}  // namespace pavise::agent
