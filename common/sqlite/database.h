// A thin, typed wrapper of one SQLite connection: cached prepared statements, bound parameters
// only, SQLite's result codes as errors of the module that owns the file. Not thread-safe.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace pavise::sqlite {

// What a module calls SQLite's failures; static storage.
struct Errors {
  const ErrorInfo& failed;          // cannot open, read or write
  const ErrorInfo& full;            // disk or pages_max
  const ErrorInfo& corrupt;         // not SQLite, or damaged
  const ErrorInfo& busy;            // another process has it
  const ErrorInfo& too_new;         // schema version above what the program knows
  const ErrorInfo& already_exists;  // UNIQUE, PRIMARY KEY, CHECK
  const ErrorInfo& not_found;       // FOREIGN KEY
};

// The current row of a running query; valid until the next step.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  std::string text(int column) const;
  Bytes blob(int column) const;

 private:
  sqlite3_stmt* statement_;
};

class Database {
 public:
  enum class Access { read_write, read_only };

  // `pages_max` of 4096 bytes; 0: no bound. `errors` must outlive the database. failed, corrupt,
  // busy, full.
  static Result<std::unique_ptr<Database>> open(const std::string& path, Access access,
                                                std::uint32_t pages_max, const Errors& errors);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

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
  // FOREIGN KEY constraint is already_exists or not_found respectively.
  template <class... Args>
  Result<std::size_t> change(std::string_view sql, const Args&... args) {
    PAVISE_TRY_ASSIGN(const Use use, prepare(sql));
    int index = 0;
    (bind(use.statement, ++index, args), ...);
    return finish(use.statement);
  }
  // Calls visit(Row) for each row of one query; returns how many there were.
  template <class Visit, class... Args>
  Result<std::size_t> query(std::string_view sql, const Visit& visit, const Args&... args) {
    PAVISE_TRY_ASSIGN(const Use use, prepare(sql));
    int index = 0;
    (bind(use.statement, ++index, args), ...);
    for (std::size_t rows = 0;; ++rows) {
      PAVISE_TRY_ASSIGN(const bool row, step(use.statement));
      if (!row) return rows;
      visit(Row(use.statement));
    }
  }
  // True inside BEGIN ... COMMIT. SQLite ends a transaction by itself after some failures.
  bool in_transaction() const;
  std::int64_t last_insert_id() const;
  const Errors& errors() const { return errors_; }

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

  Database(sqlite3* db, const Errors& errors) : db_(db), errors_(errors) {}
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
  const Errors& errors_;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
};

}  // namespace pavise::sqlite
