// Group commit: writers that arrive while a transaction is being made durable share the next one,
// so the number of disk flushes does not grow with the number of threads.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "cloud/security/registry/sqlite_schema.h"

namespace pavise::security {

// At most this many operations share one transaction.
inline constexpr std::size_t kCommitGroupMax = 256;

// Thread-safe. The only user of its database connection.
class CommitGroup {
 public:
  using Operation = std::function<Status(SqliteDatabase&)>;

  explicit CommitGroup(std::unique_ptr<SqliteDatabase> db) : db_(std::move(db)) {}

  // Runs `operation` in a transaction of its own or a shared one, isolated by a savepoint; returns
  // after the commit. On an error nothing of it stays. It may be run again if another operation
  // broke the shared transaction, so it must have no other effect than on the database and on
  // results that it overwrites.
  Status run(const Operation& operation);

 private:
  struct Pending {
    const Operation* operation;
    Status status;
    bool done = false;
  };
  void run_group(std::deque<Pending*>& group);

  std::unique_ptr<SqliteDatabase> db_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Pending*> waiting_;
  bool leader_ = false;
};

}  // namespace pavise::security
