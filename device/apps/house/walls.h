// What stands around one app's program, as far as a house goes. The walls are put up once; the
// program may come and go behind them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/base/result.h"
#include "device/apps/compartment/compartment.h"
#include "device/apps/egress/egress_guard.h"
#include "device/apps/installation/installation.h"
#include "device/apps/storage/app_storage.h"

namespace pavise::device {

// An app's program while it runs. Not thread-safe. The destructor ends it.
class Program {
 public:
  virtual ~Program() = default;
  virtual int output() const = 0;          // what it prints, non-blocking
  virtual int end_descriptor() const = 0;  // readable when it has ended
  virtual void ask_to_end() = 0;
  virtual void kill() = 0;
  // Blocks until it has ended. kAppLost.
  virtual Result<Ending> wait() = 0;
};

// One run of an app behind its walls.
struct Run {
  const InstalledApp& app;
  const AppPolicy& policy;       // of this run
  std::vector<int> descriptors;  // become kFirstDescriptor and those that follow
  int console = -1;              // as that of CompartmentSpec
};

// Not thread-safe. The destructor takes them down, when nothing runs any more.
class Walls {
 public:
  virtual ~Walls() = default;
  // Whether the app's image has a debugger (protocol/dev_grant/debugger_files.h).
  virtual bool has_debugger() const = 0;
  // Blocks for some milliseconds. The errors of Compartment::start(), kNoGpioLine.
  virtual Result<std::unique_ptr<Program>> start(const Run& run) = 0;
  virtual BudgetEvents events() const = 0;
  virtual std::uint64_t memory_bytes() const = 0;  // in use now; 0: not known
  virtual bool storage_is_full() const = 0;        // false: it has none
  // Peers and ports that were refused since the last call.
  virtual std::vector<RefusedPeer> take_refused() = 0;
  // One address for a time. Errors of EgressGuard::pin().
  virtual Status pin(const AddressBytes& address, int socket_type, std::uint16_t port,
                     std::chrono::seconds lifetime) = 0;
};

// What the app's user may keep.
inline StorageGrant storage_of(const AppPolicy& policy) {
  return {.file_bytes = policy.storage_bytes, .certificate_bytes = policy.certificate_bytes};
}

// `number`: from 1, unique on the device. What an earlier launcher has left of the app's walls goes
// first. Blocks for a second at most. Whatever error a wall has.
using PutUpWalls = std::function<Result<std::unique_ptr<Walls>>(const InstalledApp& app, uid_t user,
                                                                std::uint8_t number)>;

}  // namespace pavise::device
