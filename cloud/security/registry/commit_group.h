// Group commit: writers that arrive while a transaction is being made durable share the next one,
// so the number of disk flushes does not grow with the number of threads.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "cloud/security/registry/sqlite_schema.h"
#include "common/base/batcher.h"

namespace pavise::security {

// At most this many operations share one transaction.
inline constexpr std::size_t kCommitGroupMax = 256;

// Thread-safe. The only user of its database connection.
class CommitGroup {
 public:
  using Operation = std::function<Status(SqliteDatabase&)>;

  explicit CommitGroup(std::unique_ptr<SqliteDatabase> db);

  // Runs `operation` in a transaction of its own or a shared one; returns after the commit. On an
  // error nothing of it stays. It may be run again if another operation broke the shared
  // transaction, so it must have no other effect than on the database and on results that it
  // overwrites.
  Status run(const Operation& operation);

 private:
  struct Pending {
    const Operation* operation;
    Status status;
  };
  void run_group(std::span<Pending* const> group);

  std::unique_ptr<SqliteDatabase> db_;
  Batcher<Pending> batcher_;
};

}  // namespace pavise::security
