#include "cloud/hub/store/sqlite_hub_store.h"

#include <utility>

#include "cloud/hub/store/sqlite_schema.h"
#include "cloud/hub/store/sqlite_transaction.h"
#include "common/sqlite/file.h"
#include "common/sqlite/group.h"

namespace pavise::hub::store {
namespace {

using sqlite::Database;

constexpr std::size_t kIdleReadersMax = 4;

class SqliteHubStore final : public HubStore {
 public:
  SqliteHubStore(std::string path, const Clock& clock, sqlite::FileLock lock,
                 std::unique_ptr<Database> db)
      : path_(std::move(path)),
        clock_(clock),
        lock_(std::move(lock)),
        db_(std::move(db)),
        transaction_(*db_, clock) {}

  Status start() {
    const Operation end_stale = [this](HubTransaction&) -> Status {
      PAVISE_TRY(transaction_.end_stale_locks());
      return transaction_.end_stale_connections();
    };
    PAVISE_TRY(execute(end_stale));
    return transaction_.load(index_);
  }

  using HubStore::execute;
  std::vector<Status> execute(std::span<const Operation> group) override {
    const std::lock_guard lock(mutex_);
    std::vector<std::vector<IndexChange>> changes(group.size());
    std::vector<Touched> touched(group.size());
    auto outcome = sqlite::commit_together(*db_, group.size(), [&](std::size_t i) {
      transaction_.begin();
      Status status = group[i](transaction_);
      changes[i] = transaction_.take_changes();
      touched[i] = transaction_.take_touched();
      if (transaction_.failure()) return Status(*transaction_.failure());
      return status;
    });
    Touched all;
    for (std::size_t i = 0; i < group.size(); ++i) {
      if (!outcome[i]) continue;
      if (watcher_) add_touched(touched[i], changes[i], all);
      for (IndexChange& change : changes[i]) apply(std::move(change), index_);
    }
    if (watcher_ && !(all.twins.empty() && all.configurations.empty())) watcher_(all);
    return outcome;
  }

  void watch(Watcher watcher) override {
    const std::lock_guard lock(mutex_);
    watcher_ = std::move(watcher);
  }

  Status read(const Reading& reading) override {
    PAVISE_TRY_ASSIGN(std::unique_ptr<Database> db, take_reader());
    Status status = db->execute("BEGIN");
    if (status) {
      SqliteTransaction reader(*db, clock_);
      status = reading(reader);
      if (reader.failure()) status = *reader.failure();
      (void)db->execute("ROLLBACK").has_value();  // nothing was written
    }
    const std::lock_guard lock(readers_mutex_);
    if (readers_.size() < kIdleReadersMax) readers_.push_back(std::move(db));
    return status;
  }

  const IdentityIndex& index() const override { return index_; }

 private:
  static void add_touched(const Touched& touched, std::span<const IndexChange> changes,
                          Touched& all) {
    all.twins.insert(all.twins.end(), touched.twins.begin(), touched.twins.end());
    all.configurations.insert(all.configurations.end(), touched.configurations.begin(),
                              touched.configurations.end());
    for (const IndexChange& change : changes) {
      if (const auto* put = std::get_if<IdentityPut>(&change)) all.twins.push_back(put->id);
      if (const auto* gone = std::get_if<HubRemoved>(&change))
        all.configurations.push_back(gone->name);
    }
  }

  Result<std::unique_ptr<Database>> take_reader() {
    {
      const std::lock_guard lock(readers_mutex_);
      if (!readers_.empty()) {
        auto db = std::move(readers_.back());
        readers_.pop_back();
        return db;
      }
    }
    return Database::open(path_, Database::Access::read_only, 0, kSqliteErrors);
  }

  const std::string path_;
  const Clock& clock_;
  const sqlite::FileLock lock_;
  std::mutex mutex_;  // one group at a time
  std::unique_ptr<Database> db_;
  SqliteTransaction transaction_;
  IdentityIndex index_;
  Watcher watcher_;  // under mutex_
  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<Database>> readers_;
};

}  // namespace

Result<std::unique_ptr<HubStore>> open_sqlite_hub_store(const SqliteHubStoreOptions& options,
                                                        const Clock& clock) {
  PAVISE_TRY_ASSIGN(auto lock, sqlite::FileLock::take(options.path + ".lock", kSqliteErrors));
  PAVISE_TRY_ASSIGN(auto db, sqlite::open_file(options.path, options.pages_max,
                                               hub_store_migrations(), kSqliteErrors));
  auto store =
      std::make_unique<SqliteHubStore>(options.path, clock, std::move(lock), std::move(db));
  PAVISE_TRY(store->start());
  return std::unique_ptr<HubStore>(std::move(store));
}

}  // namespace pavise::hub::store
