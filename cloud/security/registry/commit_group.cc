#include "cloud/security/registry/commit_group.h"

#include "common/sqlite/group.h"

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
  auto outcome = sqlite::commit_together(
      *db_, group.size(), [&](std::size_t i) { return (*group[i]->operation)(*db_); });
  for (std::size_t i = 0; i < group.size(); ++i) group[i]->status = std::move(outcome[i]);
}

}  // namespace pavise::security
