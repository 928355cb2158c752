// The floor: OpenSSL's accept loop and nothing else. One thread, blocking sockets, one connection
// after the other; one record in, four bytes out.
#pragma once

#include <cstdint>
#include <string>
#include <thread>

#include "cloud/hub/transport/socket.h"
#include "cloud/hub/transport/testing/pki.h"

namespace pavise::bench {

class BareServer {
 public:
  BareServer(const hub::testing::Identity& server, const std::string& client_ca_pem);
  ~BareServer();
  BareServer(const BareServer&) = delete;
  BareServer& operator=(const BareServer&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  void serve();
  void serve_one(int fd);

  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  hub::Socket listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace pavise::bench
