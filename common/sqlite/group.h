// Group commit: many operations, one flush to disk.
#pragma once

#include <functional>
#include <vector>

#include "common/sqlite/database.h"

namespace pavise::sqlite {

// Runs run(0) to run(count - 1) in one transaction and commits. outcome[i] is ok if and only if the
// effects of run(i) are durable; an operation that returned an error has none. When an operation
// fails after it has written, all run again, each isolated by a savepoint; when the shared
// transaction breaks (disk full, I/O error), each runs again in a transaction of its own. So an
// operation must have no other effect than on the database and on results that it overwrites; and
// it writes rows only, no tables.
std::vector<Status> commit_together(Database& db, std::size_t count,
                                    const std::function<Status(std::size_t)>& run);

}  // namespace pavise::sqlite
