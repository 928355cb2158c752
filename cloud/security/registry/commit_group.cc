#include "cloud/security/registry/commit_group.h"

namespace pavise::security {

Status CommitGroup::run(const Operation& operation) {
  Pending mine{&operation, {}, false};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&mine);
  // The first to find no leader leads: its group holds itself and whoever arrived before it.
  changed_.wait(lock, [&] { return mine.done || !leader_; });
  while (!mine.done) {
    leader_ = true;
    std::deque<Pending*> group;
    while (!waiting_.empty() && group.size() < kCommitGroupMax) {
      group.push_back(waiting_.front());
      waiting_.pop_front();
    }
    lock.unlock();
    run_group(group);
    lock.lock();
    for (Pending* pending : group) pending->done = true;
    leader_ = false;
    changed_.notify_all();
  }
  return mine.status;
}

void CommitGroup::run_group(std::deque<Pending*>& group) {
  if (group.size() > 1 && run_shared(group)) return;
  for (Pending* pending : group) run_alone(*pending);
}

void CommitGroup::run_alone(Pending& pending) {
  pending.status = db_->execute("BEGIN IMMEDIATE");
  if (!pending.status) return;
  pending.status = (*pending.operation)(*db_);
  if (pending.status) pending.status = db_->execute("COMMIT");
  if (!pending.status && db_->in_transaction()) (void)db_->execute("ROLLBACK");
}

// False when the transaction as a whole failed and every operation has to be run alone.
bool CommitGroup::run_shared(std::deque<Pending*>& group) {
  if (!db_->execute("BEGIN IMMEDIATE")) return false;
  for (Pending* pending : group) {
    bool held = static_cast<bool>(db_->execute("SAVEPOINT one"));
    if (held) {
      pending->status = (*pending->operation)(*db_);
      // SQLite gives up the whole transaction after some failures (disk full, I/O error).
      held = db_->in_transaction();
      if (held && !pending->status) held = static_cast<bool>(db_->execute("ROLLBACK TO one"));
      if (held) held = static_cast<bool>(db_->execute("RELEASE one"));
    }
    if (!held) {
      if (db_->in_transaction()) (void)db_->execute("ROLLBACK");
      return false;
    }
  }
  if (db_->execute("COMMIT")) return true;
  if (db_->in_transaction()) (void)db_->execute("ROLLBACK");
  return false;
}

}  // namespace pavise::security
