// The server program itself, as people run it, with one hub and its devices.
#pragma once

#include "bench/box/device_fleet.h"
#include "bench/box/service_callers.h"
#include "cloud/server/process/testing/running_server.h"

namespace pavise::bench {

class House {
 public:
  // Starts the program and makes the hub. False, with the reason on standard error, if it cannot.
  bool start();

  FleetPlace fleet(std::uint32_t devices) const;
  CallerPlace callers() const;
  // An entry of the registry's bulk call ("create" or "delete"), and the same device's own token.
  std::string bulk_entry(const std::string& device, std::string_view mode) const;
  std::string device_token(const std::string& device) const;

  double server_cpu_s() const;
  double server_resident_mib() const;

 private:
  bool fail(const char* what) const;

  server::testing::RunningServer server_{{PAVISE_SERVER_PROGRAM, PAVISE_SIGNER_PROGRAM}};
  std::string ca_pem_;
  std::string owner_key_;  // base64, of the policy iothubowner
  std::uint16_t https_port_ = 0;
};

}  // namespace pavise::bench
