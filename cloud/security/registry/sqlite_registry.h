// Registry on one SQLite file: WAL, synchronous=FULL, foreign keys, prepared statements.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cloud/security/registry/registry.h"

namespace pavise::security {

struct SqliteRegistryOptions {
  std::string path{};  // the file; its directory must exist
  // Upper bound of the file in pages of 4096 bytes; 0: none. Lets an operator keep room on a shared
  // disk, and a test fill it.
  std::uint32_t pages_max = 0;
};

// Opens or creates the file (mode 0600) and brings its schema up to date; before a migration the
// old file is copied to "<path>.v<old version>.bak". Blocks on disk.
// Errors: kRegistryUnavailable (cannot open), kRegistryCorrupt (not SQLite, or its quick check
// fails), kRegistryTooNew, kRegistryBusy (another process has it open), kRegistryFull.
Result<std::unique_ptr<Registry>> open_sqlite_registry(const SqliteRegistryOptions& options);

}  // namespace pavise::security
