// Where device twins are kept. One interface, implementations behind it, one contract test suite
// (twin_store_test.cc).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "protocol/twin/twin.h"

namespace pavise::hub {

// Errors: PV-TWN-nnn, besides those of protocol/twin for what a patch does wrong.
inline constexpr ErrorInfo kTwinStoreFailed{"PV-TWN-001", Retry::needs_operator,
                                            "the twin database cannot be read or written",
                                            "Check the disk and the state folder's rights."};
inline constexpr ErrorInfo kTwinStoreFull{"PV-TWN-002", Retry::later,
                                          "the disk of the twin database is full",
                                          "Free space; nothing that was confirmed is lost."};
inline constexpr ErrorInfo kTwinStoreVersion{"PV-TWN-003", Retry::needs_operator,
                                             "the twin database was made by another version",
                                             "Use the version of Pavise that made it, or newer."};

struct TwinCommand {
  enum class Kind {
    get,              // body of the answer: the device's view of the twin
    merge_reported,   // from the device
    merge_desired,    // from the service; body: the notification for the device
    replace_desired,  // from the service; body: the notification for the device
    remove,           // the device is deleted or changes hands
  };
  Kind kind;
  DeviceId device;
  std::string json = {};
  std::optional<std::uint64_t> if_version = {};
};

struct TwinAnswer {
  std::string body;           // empty where Kind names none
  std::uint64_t version = 0;  // of the section that was written; 0 for get and remove
};

// Thread-safe. Blocks on disk.
class TwinStore {
 public:
  virtual ~TwinStore() = default;

  // Executes the commands in order, each independent of the others' success, and makes all their
  // effects durable in one commit before it returns. A device without a stored twin has an empty
  // one. Every answer: errors of twin::Twin::merge, kCorruptTwin, kTwinStoreFailed, kTwinStoreFull.
  virtual std::vector<Result<TwinAnswer>> execute(std::span<const TwinCommand> commands) = 0;

  // execute() of one.
  Result<TwinAnswer> execute(const TwinCommand& command);
};

// SQLite in WAL mode with synchronous=FULL; creates the file if it is missing.
// kTwinStoreFailed, kTwinStoreVersion.
Result<std::unique_ptr<TwinStore>> open_sqlite_twin_store(const std::string& path);

// What a command does to a twin in memory; for implementations. `remove` is not for this.
Result<TwinAnswer> apply(const TwinCommand& command, twin::Twin& twin);

}  // namespace pavise::hub
