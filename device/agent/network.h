// The agent's two doors to the network: the device listener over HTTPS, the hub over mutual TLS.
#pragma once

#include <memory>
#include <string>

#include "common/net/tls_client.h"
#include "device/agent/attest_flow.h"
#include "device/agent/device_config.h"

namespace pavise::agent {

// Lets OpenSSL read and open all that it needs, once, before the sandbox closes.
void load_tls_library();

// Blocks up to the deadlines in network.cc. Not thread-safe.
class HttpsAttestDialer final : public AttestDialer {
 public:
  HttpsAttestDialer(DeviceConfig config, std::string service_ca_pem)
      : config_(std::move(config)), service_ca_pem_(std::move(service_ca_pem)) {}
  Result<std::unique_ptr<AttestChannel>> open(UnixSeconds now) override;

 private:
  DeviceConfig config_;
  std::string service_ca_pem_;
};

// The handshake is signed by the monitor. Resumes the session of the connection before, as long as
// the certificate is the same.
class TlsHubConnector final : public HubConnector {
 public:
  TlsHubConnector(DeviceConfig config, std::string service_ca_pem, MonitorClient& monitor)
      : config_(std::move(config)), service_ca_pem_(std::move(service_ca_pem)), monitor_(monitor) {}
  Result<std::unique_ptr<HubConnection>> connect(const DeviceCertificate& certificate,
                                                 UnixSeconds now) override;

 private:
  DeviceConfig config_;
  std::string service_ca_pem_;
  MonitorClient& monitor_;
  // Shared with the connection, which learns the newest session after the handshake.
  std::shared_ptr<std::shared_ptr<const net::TlsSession>> session_ =
      std::make_shared<std::shared_ptr<const net::TlsSession>>();
  Bytes session_leaf_;
};

}  // namespace pavise::agent
