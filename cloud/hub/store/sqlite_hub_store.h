// HubStore on one SQLite file: WAL, synchronous=FULL, foreign keys, prepared statements.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cloud/hub/store/hub_store.h"
#include "common/base/clock.h"

namespace pavise::hub::store {

struct SqliteHubStoreOptions {
  std::string path{};  // the file; its directory must exist
  // Upper bound of the file in pages of 4096 bytes; 0: none.
  std::uint32_t pages_max = 0;
};

// Opens or creates the file (mode 0600: it holds symmetric keys) and brings its schema up to date;
// before a migration the old file is copied to "<path>.v<old version>.bak". Locks that a former
// process held for its connections are ended. Loads the index. `clock` must outlive the store.
// Errors: kStoreFailed, kStoreCorrupt, kStoreTooNew, kStoreLocked, kStoreFull.
Result<std::unique_ptr<HubStore>> open_sqlite_hub_store(const SqliteHubStoreOptions& options,
                                                        const Clock& clock);

// Where the twin of an attested device belongs; nullopt: nowhere, it has no owner.
using TwinHome = std::function<Result<std::optional<iothub::HubName>>(const DeviceId&)>;

struct TwinsImported {
  std::size_t taken = 0;
  std::size_t left = 0;  // of devices that belong nowhere; the backup has them

  bool operator==(const TwinsImported&) const = default;
};

// Takes over the twins of attested devices from a "twins.db" of earlier versions: makes each
// device's entry if it is missing, keeps twins that are already there, and renames the file to
// "<path>.imported.bak". Nothing to do when there is no such file. May be repeated after a crash.
// kHubNotFound, twin::kCorruptTwin, kStoreFailed, kStoreFull, kStoreCorrupt, errors of `home_of`.
Result<TwinsImported> import_twin_database(HubStore& store, const TwinHome& home_of,
                                           const std::string& path);

}  // namespace pavise::hub::store
