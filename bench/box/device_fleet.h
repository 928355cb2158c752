// Many devices over MQTT in one process of their own, driven by one epoll loop: they connect, send,
// ask for twins, and answer direct methods and acknowledge messages whenever one comes.
#pragma once

#include <cstdint>
#include <string>

#include "bench/hub/child_process.h"
#include "common/base/bytes.h"

namespace pavise::bench {

// What the fleet must know of the hub. Devices are named by device_id(); their keys follow from
// `group_key` (sas::derive_device_key).
struct FleetPlace {
  std::string host;  // of the hub, as clients name it
  std::uint16_t mqtt_port = 0;
  std::string ca_pem;
  Bytes group_key;
  std::uint32_t devices = 0;
};

std::string device_id(std::uint32_t number);

struct FleetTask {
  enum class Kind : std::uint32_t {
    connect,    // the first `count` devices: TLS, CONNECT with a token, CONNACK
    resume,     // the same with the session that each kept from its last connection
    drop,       // ends all connections
    subscribe,  // to methods, twin answers and messages
    telemetry,  // `count` QoS 1 messages of 256 bytes, from one device after the other
    report,     // `count` updates of reported properties
    read_twin,  // `count` reads of the whole twin
    count,      // says what came so far
    quit,
  };
  Kind kind = Kind::quit;
  std::uint32_t count = 0;
  std::uint32_t in_flight = 1;  // of all devices together; one per device at a time
};

struct FleetReport {
  std::uint64_t done = 0;  // what was answered as it should be
  std::uint64_t resumed = 0;
  std::uint64_t messages = 0;  // cloud-to-device messages since the start
  double wall_s = 0;
};

// Forks; call before any thread is started.
class DeviceFleet {
 public:
  explicit DeviceFleet(const FleetPlace& place);

  // Blocks until the task is done, or nothing has come of it for half a minute: then `done` is less
  // than asked for.
  FleetReport run(const FleetTask& task);

 private:
  ChildProcess child_;
};

}  // namespace pavise::bench
