#include "common/sqlite/database.h"

#include <sqlite3.h>

#include <array>

namespace pavise::sqlite {
namespace {

constexpr int kBusyTimeoutMs = 5000;
constexpr int kCheckpointPages = 4000;

const ErrorInfo& info_for(int code, const Errors& errors) {
  if (code == SQLITE_CONSTRAINT_FOREIGNKEY) return errors.not_found;
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
      return errors.already_exists;
    case SQLITE_FULL:
      return errors.full;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return errors.corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return errors.busy;
    default:
      return errors.failed;
  }
}

}  // namespace

bool Row::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t Row::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string Row::text(int column) const {
  const auto* data = sqlite3_column_text(statement_, column);
  if (data == nullptr) return {};
  return {reinterpret_cast<const char*>(data),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Bytes Row::blob(int column) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  if (data == nullptr) return {};
  return {data, data + sqlite3_column_bytes(statement_, column)};
}

Database::Use::~Use() {
  if (statement == nullptr) return;
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, Access access,
                                                 std::uint32_t pages_max, const Errors& errors) {
  sqlite3* raw = nullptr;
  const int flags = (access == Access::read_only ? SQLITE_OPEN_READONLY
                                                 : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  std::unique_ptr<Database> db(new Database(raw, errors));
  if (code != SQLITE_OK) return db->error(code);
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  // Stored SQL (views, triggers) of a tampered file gets no powers.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // What a savepoint may have to undo would else go to a file in a folder for temporary files as
  // soon as it exceeds 64 KiB, and a confined process has none.
  PAVISE_TRY(
      db->execute("PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"));
  if (access == Access::read_write) {
    // Hot pages are then written back once for many commits; the log stays under 20 MB.
    sqlite3_wal_autocheckpoint(raw, kCheckpointPages);
    PAVISE_TRY(db->execute("PRAGMA journal_mode=WAL;"));
    if (pages_max != 0)
      PAVISE_TRY(db->execute(("PRAGMA max_page_count=" + std::to_string(pages_max) + ";").c_str()));
  }
  return db;
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

Error Database::error(int code) const {
  std::string detail = db_ != nullptr ? sqlite3_errmsg(db_) : sqlite3_errstr(code);
  return Error(info_for(code, errors_), std::move(detail));
}

Status Database::execute(const char* sql) {
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code);
  return {};
}

bool Database::in_transaction() const {
  return sqlite3_get_autocommit(db_) == 0;
}

std::int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(db_);
}

std::int64_t Database::rows_written() const {
  return sqlite3_total_changes64(db_);
}

Result<Database::Use> Database::prepare(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end())
    return Use(found->second);
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return error(code);
  statements_.emplace(sql, statement);
  return Use(statement);
}

Result<bool> Database::step(sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return error(code);
}

Result<std::size_t> Database::finish(sqlite3_stmt* statement) {
  PAVISE_TRY_ASSIGN(const bool row, step(statement));
  PAVISE_CHECK(!row);
  return static_cast<std::size_t>(sqlite3_changes64(db_));
}

void Database::bind(sqlite3_stmt* statement, int index, std::int64_t value) {
  PAVISE_CHECK(sqlite3_bind_int64(statement, index, value) == SQLITE_OK);
}
void Database::bind(sqlite3_stmt* statement, int index, std::string_view text) {
  PAVISE_CHECK(sqlite3_bind_text64(statement, index, text.data() != nullptr ? text.data() : "",
                                   text.size(), SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK);
}
void Database::bind(sqlite3_stmt* statement, int index, ByteView blob) {
  static constexpr std::byte kEmpty{};
  PAVISE_CHECK(sqlite3_bind_blob64(statement, index, blob.empty() ? &kEmpty : blob.data(),
                                   blob.size(), SQLITE_STATIC) == SQLITE_OK);
}
void Database::bind(sqlite3_stmt* statement, int index, std::nullopt_t) {
  PAVISE_CHECK(sqlite3_bind_null(statement, index) == SQLITE_OK);
}

}  // namespace pavise::sqlite
