// A thin, typed wrapper of one SQLite connection: cached prepared statements, bound parameters
// only, SQLite's result codes as registry errors. Private to the registry. Not thread-safe.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cloud/security/registry/registry.h"
#include "common/base/bytes.h"
#include "common/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace pavise::security {

// The current row of a running query; valid until the next step.
class SqliteRow {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  std::string text(int column) const;
  Bytes blob(int column) const;

 private:
  sqlite3_stmt* statement_;
};

class SqliteDatabase {
 public:
  enum class Access { read_write, read_only };

  // Errors: kRegistryUnavailable, kRegistryCorrupt, kRegistryBusy, kRegistryFull.
  static Result<std::unique_ptr<SqliteDatabase>> open(const std::string& path, Access access,
                                                      std::uint32_t pages_max);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  // Any number of statements without parameters or results.
  Status execute(const char* sql);
  // One statement that opens or ends a transaction, prepared once.
  Status control(std::string_view sql) {
    PAVISE_TRY(change(sql));
    return {};
  }
  // Rows written since the connection was opened, whatever became of them.
  std::int64_t rows_written() const;
  // One statement; returns the number of rows that it changed. A broken UNIQUE, PRIMARY KEY or
  // FOREIGN KEY constraint is kAlreadyExists or kNotFound respectively.
  template <class... Args>
  Result<std::size_t> change(std::string_view sql, const Args&... args) {
    PAVISE_TRY_ASSIGN(const Use use, prepare(sql));
    int index = 0;
    (bind(use.statement, ++index, args), ...);
    return finish(use.statement);
  }
  // Calls visit(SqliteRow) for each row of one query; returns how many there were.
  template <class Visit, class... Args>
  Result<std::size_t> query(std::string_view sql, const Visit& visit, const Args&... args) {
    PAVISE_TRY_ASSIGN(const Use use, prepare(sql));
    int index = 0;
    (bind(use.statement, ++index, args), ...);
    for (std::size_t rows = 0;; ++rows) {
      PAVISE_TRY_ASSIGN(const bool row, step(use.statement));
      if (!row) return rows;
      visit(SqliteRow(use.statement));
    }
  }
  // False inside BEGIN ... COMMIT. SQLite ends a transaction by itself after some failures.
  bool in_transaction() const;

 private:
  // Resets the statement when the use ends, so that no read transaction stays open.
  struct Use {
    explicit Use(sqlite3_stmt* s) : statement(s) {}
    Use(Use&& other) noexcept : statement(std::exchange(other.statement, nullptr)) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    Use& operator=(Use&&) = delete;
    ~Use();
    sqlite3_stmt* statement;
  };

  explicit SqliteDatabase(sqlite3* db) : db_(db) {}
  Result<Use> prepare(std::string_view sql);
  Result<bool> step(sqlite3_stmt* statement);
  Result<std::size_t> finish(sqlite3_stmt* statement);
  Error error(int code) const;

  // Bound without a copy: arguments outlive the use, which ends by unbinding them.
  static void bind(sqlite3_stmt* statement, int index, std::int64_t value);
  static void bind(sqlite3_stmt* statement, int index, std::string_view text);
  static void bind(sqlite3_stmt* statement, int index, ByteView blob);
  static void bind(sqlite3_stmt* statement, int index, std::nullopt_t none);
  static void bind(sqlite3_stmt* statement, int index, const std::string& text) {
    bind(statement, index, std::string_view(text));
  }
  static void bind(sqlite3_stmt* statement, int index, const Bytes& blob) {
    bind(statement, index, ByteView(blob));
  }
  static void bind(sqlite3_stmt* statement, int index, const DeviceId& id) {
    bind(statement, index, std::string_view(id.text()));
  }
  static void bind(sqlite3_stmt* statement, int index, const TenantId& id) {
    bind(statement, index, std::string_view(id.text()));
  }
  template <std::integral T>
  static void bind(sqlite3_stmt* statement, int index, T value) {
    bind(statement, index, static_cast<std::int64_t>(value));
  }
  template <class T>
  static void bind(sqlite3_stmt* statement, int index, const std::optional<T>& value) {
    if (value)
      bind(statement, index, *value);
    else
      bind(statement, index, std::nullopt);
  }

  sqlite3* db_;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
};

}  // namespace pavise::security
