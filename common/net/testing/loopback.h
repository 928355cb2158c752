// For tests: a throw-away CA, and a TLS server on a free port of 127.0.0.1 with one thread per
// connection.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/net/external_key.h"

namespace pavise::net::testing {

struct CertificateSpec {
  std::string common_name = "test";
  std::string subject_alt_name = "IP:127.0.0.1,DNS:localhost";  // OpenSSL's textual form
  UnixSeconds not_before = 0;                                   // 0: an hour ago
  UnixSeconds not_after = 0;                                    // 0: in a day
  EVP_PKEY* key = nullptr;                                      // not owned; null: a new P-256 key
};

struct TestIdentity {
  Bytes certificate_der;
  std::shared_ptr<EVP_PKEY> key;
  DigestSigner signer() const;
};

// Signs by a P-256 private key in memory.
Result<Bytes> sign_digest_with(EVP_PKEY* key, const Digest256& digest);

class TestCa {
 public:
  explicit TestCa(const std::string& name = "Test CA");
  std::string pem() const;
  Bytes der() const;
  TestIdentity issue(const CertificateSpec& spec = {}) const;
  X509* certificate() const { return certificate_.get(); }

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<X509> certificate_;
};

struct ServerOptions {
  TestIdentity identity;
  const TestCa* client_ca = nullptr;  // set: a client certificate of this CA is required
  int max_version = TLS1_3_VERSION;
};

class LoopbackServer {
 public:
  using Handler = std::function<void(SSL*)>;  // runs on the connection's own thread

  LoopbackServer(const ServerOptions& options, Handler handler);
  ~LoopbackServer();  // ends all connections and waits for their threads
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  void accept_loop();
  void serve(int fd);

  Handler handler_;
  std::shared_ptr<SSL_CTX> context_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::list<int> open_;
  std::vector<std::thread> connections_;
  std::thread acceptor_;
};

struct TestRequest {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};
struct TestResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  bool close = false;             // announces and does it
  std::string more_headers = {};  // lines, each with its end
};

// A handler that reads requests and answers each by `answer`, until the peer closes. `answer` may
// run on several threads at once when there are several connections; the SSL is the connection's.
LoopbackServer::Handler http_handler(std::function<TestResponse(const TestRequest&, SSL*)> answer);

}  // namespace pavise::net::testing
