// The peer: Debian's mosquitto with the same certificates, if it is installed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "cloud/hub/transport/testing/pki.h"

namespace pavise::bench {

class PeerBroker {
 public:
  PeerBroker(const std::string& folder, const hub::testing::Identity& server,
             const std::string& client_ca_pem);
  ~PeerBroker();
  PeerBroker(const PeerBroker&) = delete;
  PeerBroker& operator=(const PeerBroker&) = delete;

  bool running() const { return child_ > 0; }
  std::uint16_t port() const { return port_; }
  double cpu_s() const;  // used so far
  double resident_kib() const;

 private:
  pid_t child_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace pavise::bench
