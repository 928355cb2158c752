// The device listener's two requests (api/evidence.cddl) as an HTTP handler. A device has no
// credential yet: its evidence is the credential.
#pragma once

#include "cloud/security/attestation_service/attestation_service.h"
#include "cloud/server/http/message.h"
#include "cloud/server/log/log.h"
#include "cloud/server/metrics/security_counters.h"

namespace pavise::server {

inline constexpr std::string_view kCborType = "application/cbor";

// Thread-safe; blocks as AttestationService does.
class DeviceApi {
 public:
  // All arguments outlive it.
  DeviceApi(security::AttestationService& service, Log& log, SecurityCounters& counters)
      : service_(service), log_(log), counters_(counters) {}

  // Whatever the service decides is answered with 200 and CBOR: `refused` is an answer, too. What
  // never reaches it gets the JSON error body of api/openapi.yaml: 404 PV-API-005, 405 PV-API-006,
  // 415 PV-DEV-001.
  http::Response handle(const http::Request& request);

 private:
  http::Response challenge(const http::Request& request);
  http::Response bind(const http::Request& request);
  http::Response evidence(const http::Request& request);
  void log_refusal(const http::Request& request, std::string_view event, std::string_view device,
                   std::string_view code, std::string_view reason);

  security::AttestationService& service_;
  Log& log_;
  SecurityCounters& counters_;
};

// Errors: PV-DEV-nnn.
inline constexpr ErrorInfo kNotCborType{"PV-DEV-001", Retry::never, "the body is not declared CBOR",
                                        "Send: Content-Type: application/cbor."};

}  // namespace pavise::server
