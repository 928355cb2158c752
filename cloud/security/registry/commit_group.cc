#include "cloud/security/registry/commit_group.h"

namespace pavise::security {

CommitGroup::CommitGroup(std::unique_ptr<SqliteDatabase> db)
    : db_(std::move(db)), batcher_(kCommitGroupMax, 1, [this](Group group) { run_group(group); }) {}

Status CommitGroup::run(const Operation& operation) {
  Pending mine{&operation, {}};
  batcher_.run(mine);
  return mine.status;
}

// Savepoints cost a copy of every page that an operation touches, and nearly every operation either
// succeeds or finds out before it writes that it must not. So they are for the second attempt.
void CommitGroup::run_group(Group group) {
  if (group.size() > 1) {
    Shared outcome = run_shared(group, Isolation::none);
    if (outcome == Shared::refused_midway) outcome = run_shared(group, Isolation::savepoints);
    if (outcome == Shared::committed) return;
  }
  for (Pending* pending : group) run_alone(*pending);
}

void CommitGroup::run_alone(Pending& pending) {
  pending.status = db_->control("BEGIN IMMEDIATE");
  if (!pending.status) return;
  pending.status = (*pending.operation)(*db_);
  if (pending.status) pending.status = db_->control("COMMIT");
  if (!pending.status && db_->in_transaction()) (void)db_->control("ROLLBACK");
}

CommitGroup::Shared CommitGroup::run_shared(Group group, Isolation isolation) {
  if (!db_->control("BEGIN IMMEDIATE")) return Shared::failed;
  Shared outcome = Shared::committed;
  for (Pending* pending : group) {
    outcome = run_one(*pending, isolation);
    if (outcome != Shared::committed) break;
  }
  if (outcome == Shared::committed && !db_->control("COMMIT")) outcome = Shared::failed;
  if (outcome != Shared::committed && db_->in_transaction()) (void)db_->control("ROLLBACK");
  return outcome;
}

CommitGroup::Shared CommitGroup::run_one(Pending& pending, Isolation isolation) {
  const bool isolated = isolation == Isolation::savepoints;
  if (isolated && !db_->control("SAVEPOINT one")) return Shared::failed;
  const std::int64_t before = db_->rows_written();
  pending.status = (*pending.operation)(*db_);
  // SQLite gives up the whole transaction after some failures (disk full, I/O error).
  if (!db_->in_transaction()) return Shared::failed;
  if (!isolated)
    return pending.status || db_->rows_written() == before ? Shared::committed
                                                           : Shared::refused_midway;
  if (!pending.status && !db_->control("ROLLBACK TO one")) return Shared::failed;
  return db_->control("RELEASE one") ? Shared::committed : Shared::failed;
}

}  // namespace pavise::security
