// The load generator as a process of its own, so that the CPU time of the servers under test can be
// told from that of the clients.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/hub/child_process.h"
#include "cloud/hub/transport/testing/pki.h"

namespace pavise::bench {

struct ClientIdentity {
  std::string id;  // MQTT client id
  hub::testing::Identity identity;
};

struct ClientTask {
  enum class Kind : std::uint32_t {
    connect_full,     // TLS, CONNECT, CONNACK, end; `count` times, one after the other
    connect_resumed,  // one full connect, then `count` resumed ones
    publish,          // `connections` at once, each `window` QoS 1 messages under way
    hold,             // opens connections until `count` are held; done: how many still are
    release,          // ends what hold opened
    quit,
  };
  Kind kind = Kind::quit;
  std::uint16_t port = 0;
  std::uint32_t count = 0;
  std::uint32_t connections = 1;
  std::uint32_t window = 1;
};

struct ClientReport {
  std::uint64_t done = 0;     // connects or messages that were answered
  std::uint64_t resumed = 0;  // of the connects
  double wall_s = 0;
};

// Forks; call before any thread is started.
class ClientProcess {
 public:
  ClientProcess(const std::vector<ClientIdentity>& identities, const std::string& server_ca_pem);

  // Blocks until the task is done. Ends the benchmark if the generator died.
  ClientReport run(const ClientTask& task);

 private:
  ChildProcess child_;
};

}  // namespace pavise::bench
