#include "cloud/security/registry/commit_group.h"

#include "common/sqlite/group.h"

namespace pavise::security {

CommitGroup::CommitGroup(std::unique_ptr<SqliteDatabase> db)
    : db_(std::move(db)),
      batcher_(kCommitGroupMax, 1, [this](std::span<Pending* const> group) { run_group(group); }) {}

Status CommitGroup::run(const Operation& operation) {
  Pending mine{&operation, {}};
  batcher_.run(mine);
  return mine.status;
}

void CommitGroup::run_group(std::span<Pending* const> group) {
  auto outcome = sqlite::commit_together(
      *db_, group.size(), [&](std::size_t i) { return (*group[i]->operation)(*db_); });
  for (std::size_t i = 0; i < group.size(); ++i) group[i]->status = std::move(outcome[i]);
}

}  // namespace pavise::security
