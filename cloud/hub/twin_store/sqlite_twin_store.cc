#include <sqlite3.h>

#include <mutex>

#include "cloud/hub/twin_store/twin_store.h"

namespace pavise::hub {
namespace {

constexpr int kSchemaVersion = 1;
// In one transaction: a process that is killed leaves all of it or nothing. The table may be there
// without its version, from when that was not so.
constexpr const char* kSchema =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS twins(device TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL) "
    "WITHOUT ROWID;"
    "PRAGMA user_version=1;"
    "COMMIT;";

using Database = std::unique_ptr<sqlite3, int (*)(sqlite3*)>;
using Statement = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

Error sqlite_error(sqlite3* db, std::string_view doing) {
  std::string detail(doing);
  detail.append(": ").append(sqlite3_errmsg(db));
  const bool full = (sqlite3_errcode(db) & 0xFF) == SQLITE_FULL;
  return {full ? kTwinStoreFull : kTwinStoreFailed, std::move(detail)};
}

Status run(sqlite3* db, const char* sql) {
  if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return sqlite_error(db, sql);
  return {};
}

Result<Statement> prepare(sqlite3* db, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) != SQLITE_OK)
    return sqlite_error(db, sql);
  return Statement(raw, sqlite3_finalize);
}

Result<int> user_version(sqlite3* db) {
  PAVISE_TRY_ASSIGN(const Statement statement, prepare(db, "PRAGMA user_version"));
  if (sqlite3_step(statement.get()) != SQLITE_ROW) return sqlite_error(db, "read the version");
  return sqlite3_column_int(statement.get(), 0);
}

void bind_text(sqlite3_stmt* statement, int at, std::string_view text) {
  // Fails only without memory or with a wrong index; a wrong value would fail the step.
  sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
}

class SqliteTwinStore final : public TwinStore {
 public:
  SqliteTwinStore(Database db, Statement load, Statement save, Statement remove)
      : db_(std::move(db)),
        load_(std::move(load)),
        save_(std::move(save)),
        remove_(std::move(remove)) {}
  ~SqliteTwinStore() override = default;

  using TwinStore::execute;
  std::vector<Result<TwinAnswer>> execute(std::span<const TwinCommand> commands) override {
    const std::lock_guard lock(mutex_);
    std::vector<Result<TwinAnswer>> answers;
    answers.reserve(commands.size());
    Status status = run(db_.get(), "BEGIN");
    for (const TwinCommand& command : commands) {
      if (!status) break;
      answers.push_back(one(command));
      // A statement that failed for want of space may have ended the transaction.
      if (sqlite3_get_autocommit(db_.get()) != 0) status = answers.back().error();
    }
    if (status) status = run(db_.get(), "COMMIT");
    if (!status) {
      if (sqlite3_get_autocommit(db_.get()) == 0) (void)run(db_.get(), "ROLLBACK").has_value();
      answers.assign(commands.size(), Result<TwinAnswer>(status.error()));
    }
    return answers;
  }

 private:
  Result<TwinAnswer> one(const TwinCommand& command) {
    if (command.kind == TwinCommand::Kind::remove) {
      bind_text(remove_.get(), 1, command.device.text());
      PAVISE_TRY(finish(remove_.get(), "remove a twin"));
      return TwinAnswer{};
    }
    PAVISE_TRY_ASSIGN(twin::Twin twin, load(command.device));
    PAVISE_TRY_ASSIGN(TwinAnswer answer, apply(command, twin));
    if (command.kind != TwinCommand::Kind::get) PAVISE_TRY(save(command.device, twin));
    return answer;
  }

  Result<twin::Twin> load(const DeviceId& device) {
    bind_text(load_.get(), 1, device.text());
    const int step = sqlite3_step(load_.get());
    std::optional<std::string> document;
    if (step == SQLITE_ROW) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(load_.get(), 0));
      const int size = sqlite3_column_bytes(load_.get(), 0);
      document.emplace(text == nullptr ? "" : text, static_cast<std::size_t>(size));
    }
    const bool failed = step != SQLITE_ROW && step != SQLITE_DONE;
    if (failed) {
      Error error = sqlite_error(db_.get(), "load a twin");
      sqlite3_reset(load_.get());
      return error;
    }
    sqlite3_reset(load_.get());
    if (!document) return twin::Twin();
    return twin::Twin::from_store(*document);
  }

  Status save(const DeviceId& device, const twin::Twin& twin) {
    const std::string document = twin.store_text();
    bind_text(save_.get(), 1, device.text());
    bind_text(save_.get(), 2, document);
    return finish(save_.get(), "save a twin");
  }

  Status finish(sqlite3_stmt* statement, std::string_view doing) {
    const int step = sqlite3_step(statement);
    if (step == SQLITE_DONE) {
      sqlite3_reset(statement);
      return {};
    }
    Error error = sqlite_error(db_.get(), doing);
    sqlite3_reset(statement);
    return error;
  }

  std::mutex mutex_;
  Database db_;  // closed after the statements
  Statement load_;
  Statement save_;
  Statement remove_;
};

}  // namespace

Result<std::unique_ptr<TwinStore>> open_sqlite_twin_store(const std::string& path) {
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int opened = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Database db(raw, sqlite3_close);
  if (opened != SQLITE_OK) return Error(kTwinStoreFailed, path);
  PAVISE_TRY(run(raw,
                 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;"
                 "PRAGMA busy_timeout=5000;"));
  PAVISE_TRY_ASSIGN(const int version, user_version(raw));
  if (version == 0) PAVISE_TRY(run(raw, kSchema));
  if (version > kSchemaVersion) return Error(kTwinStoreVersion, std::to_string(version));
  PAVISE_TRY_ASSIGN(Statement load, prepare(raw, "SELECT document FROM twins WHERE device=?1"));
  PAVISE_TRY_ASSIGN(Statement save,
                    prepare(raw,
                            "INSERT INTO twins(device,document) VALUES(?1,?2) "
                            "ON CONFLICT(device) DO UPDATE SET document=excluded.document"));
  PAVISE_TRY_ASSIGN(Statement remove, prepare(raw, "DELETE FROM twins WHERE device=?1"));
  return std::unique_ptr<TwinStore>(std::make_unique<SqliteTwinStore>(
      std::move(db), std::move(load), std::move(save), std::move(remove)));
}

}  // namespace pavise::hub
