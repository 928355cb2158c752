// Takes over the database that earlier versions kept twins in.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "cloud/hub/store/sqlite_hub_store.h"
#include "cloud/hub/store/sqlite_schema.h"
#include "common/sqlite/database.h"

namespace pavise::hub::store {
namespace {

using sqlite::Database;
using sqlite::Row;

constexpr std::size_t kImportedAtOnce = 1000;

struct OldTwin {
  std::string device;
  std::string document;
};
struct ForHub {
  iothub::Identity id;
  std::string document;
};

Result<std::vector<OldTwin>> next_twins(Database& db, const std::string& after) {
  std::vector<OldTwin> out;
  PAVISE_TRY(db.query(
      "SELECT device, document FROM twins WHERE device > ?1 ORDER BY device LIMIT ?2",
      [&](const Row& row) { out.push_back({row.text(0), row.text(1)}); }, after, kImportedAtOnce));
  return out;
}

Result<std::vector<ForHub>> at_home(const std::vector<OldTwin>& twins, const TwinHome& home_of) {
  std::vector<ForHub> out;
  for (const OldTwin& old : twins) {
    const auto device = DeviceId::parse(old.device);
    if (!device) return Error(kStoreCorrupt, "a device id in the old twin database");
    PAVISE_TRY_ASSIGN(const auto hub, home_of(*device));
    if (hub) out.push_back({*iothub::Identity::make(*hub, old.device), old.document});
  }
  return out;
}

Status import_some(HubTransaction& transaction, const std::vector<ForHub>& twins) {
  for (const ForHub& twin : twins) {
    PAVISE_TRY(transaction.ensure_attested(twin.id));
    PAVISE_TRY(transaction.import_twin(twin.id, twin.document));
  }
  return {};
}

}  // namespace

Result<TwinsImported> import_twin_database(HubStore& store, const TwinHome& home_of,
                                           const std::string& path) {
  std::error_code failed;
  const auto found = std::filesystem::symlink_status(path, failed);
  if (found.type() == std::filesystem::file_type::not_found) return TwinsImported{};
  TwinsImported done;
  {
    // For writing, so that what its last process left in the write-ahead log moves into the file.
    PAVISE_TRY_ASSIGN(const auto db,
                      Database::open(path, Database::Access::read_write, 0, kSqliteErrors));
    for (std::string after;;) {
      PAVISE_TRY_ASSIGN(const auto twins, next_twins(*db, after));
      if (twins.empty()) break;
      PAVISE_TRY_ASSIGN(const auto owned, at_home(twins, home_of));
      const HubStore::Operation import = [&](HubTransaction& transaction) {
        return import_some(transaction, owned);
      };
      PAVISE_TRY(store.execute(import));
      after = twins.back().device;
      done.taken += owned.size();
      done.left += twins.size() - owned.size();
    }
  }
  const std::string backup = path + ".imported.bak";
  if (std::rename(path.c_str(), backup.c_str()) != 0)
    return Error(kStoreFailed, backup + ": " + std::strerror(errno));
  return done;
}

}  // namespace pavise::hub::store
