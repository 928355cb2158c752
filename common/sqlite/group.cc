#include "common/sqlite/group.h"

namespace pavise::sqlite {
namespace {

using Run = std::function<Status(std::size_t)>;

Status statement(Database& db, std::string_view sql) {
  PAVISE_TRY(db.change(sql));
  return {};
}

void give_up(Database& db) {
  if (db.in_transaction()) (void)db.execute("ROLLBACK").has_value();
}

Status alone(Database& db, std::size_t index, const Run& run) {
  PAVISE_TRY(statement(db, "BEGIN IMMEDIATE"));
  Status status = run(index);
  // SQLite gives up the whole transaction after some failures (disk full, I/O error).
  if (status) status = statement(db, "COMMIT");
  if (!status) give_up(db);
  return status;
}

// False when the transaction as a whole failed and every operation has to be run alone.
bool together(Database& db, std::vector<Status>& outcome, const Run& run) {
  if (!statement(db, "BEGIN IMMEDIATE")) return false;
  for (std::size_t i = 0; i < outcome.size(); ++i) {
    bool held = static_cast<bool>(statement(db, "SAVEPOINT one"));
    if (held) {
      outcome[i] = run(i);
      held = db.in_transaction();
      if (held && !outcome[i]) held = static_cast<bool>(statement(db, "ROLLBACK TO one"));
      if (held) held = static_cast<bool>(statement(db, "RELEASE one"));
    }
    if (!held) {
      give_up(db);
      return false;
    }
  }
  if (statement(db, "COMMIT")) return true;
  give_up(db);
  return false;
}

}  // namespace

std::vector<Status> commit_together(Database& db, std::size_t count, const Run& run) {
  std::vector<Status> outcome(count);
  if (count > 1 && together(db, outcome, run)) return outcome;
  for (std::size_t i = 0; i < count; ++i) outcome[i] = alone(db, i, run);
  return outcome;
}

}  // namespace pavise::sqlite
