#include "common/sqlite/group.h"

namespace pavise::sqlite {
namespace {

using Run = std::function<Status(std::size_t)>;

enum class Outcome {
  committed,
  refused_midway,  // an operation failed after it had written
  failed,          // the transaction as a whole did
};
enum class Isolation { none, savepoints };

void give_up(Database& db) {
  if (db.in_transaction()) (void)db.control("ROLLBACK").has_value();
}

Status alone(Database& db, std::size_t index, const Run& run) {
  PAVISE_TRY(db.control("BEGIN IMMEDIATE"));
  Status status = run(index);
  // SQLite gives up the whole transaction after some failures (disk full, I/O error).
  if (status) status = db.control("COMMIT");
  if (!status) give_up(db);
  return status;
}

Outcome one(Database& db, Status& status, std::size_t index, Isolation isolation, const Run& run) {
  const bool isolated = isolation == Isolation::savepoints;
  if (isolated && !db.control("SAVEPOINT one")) return Outcome::failed;
  const std::int64_t before = db.rows_written();
  status = run(index);
  if (!db.in_transaction()) return Outcome::failed;
  if (!isolated)
    return status || db.rows_written() == before ? Outcome::committed : Outcome::refused_midway;
  if (!status && !db.control("ROLLBACK TO one")) return Outcome::failed;
  return db.control("RELEASE one") ? Outcome::committed : Outcome::failed;
}

Outcome together(Database& db, std::vector<Status>& statuses, Isolation isolation, const Run& run) {
  if (!db.control("BEGIN IMMEDIATE")) return Outcome::failed;
  Outcome outcome = Outcome::committed;
  for (std::size_t i = 0; i < statuses.size() && outcome == Outcome::committed; ++i)
    outcome = one(db, statuses[i], i, isolation, run);
  if (outcome == Outcome::committed && !db.control("COMMIT")) outcome = Outcome::failed;
  if (outcome != Outcome::committed) give_up(db);
  return outcome;
}

}  // namespace

// Savepoints cost a copy of every page that an operation touches, and nearly every operation either
// succeeds or finds out before it writes that it must not. So they are for the second attempt.
std::vector<Status> commit_together(Database& db, std::size_t count, const Run& run) {
  std::vector<Status> statuses(count);
  if (count > 1) {
    Outcome outcome = together(db, statuses, Isolation::none, run);
    if (outcome == Outcome::refused_midway)
      outcome = together(db, statuses, Isolation::savepoints, run);
    if (outcome == Outcome::committed) return statuses;
  }
  for (std::size_t i = 0; i < count; ++i) statuses[i] = alone(db, i, run);
  return statuses;
}

}  // namespace pavise::sqlite
