// Objects in the depot: written before a row names them, and removed after none does.
#include "cloud/hub/files/file_rows.h"

namespace pavise::hub::files {

Result<std::string> FileStore::write_object(ByteView bytes) {
  PAVISE_TRY_ASSIGN(const std::uint64_t room, depot_->free_bytes());
  if (room < kFreeBytesMin + bytes.size()) return kFilesFull;
  PAVISE_TRY_ASSIGN(std::string name, random_name());
  {
    const std::lock_guard lock(mutex_);
    writing_.insert(name);
  }
  const Status done = depot_->write(name, bytes);
  if (done) return name;
  settle_object(name, false);
  if (depot_->is_remote()) {
    const std::lock_guard lock(mutex_);
    last_doubt_ms_ = clock_.steady_ms();
    list_due_ms_ = std::min(list_due_ms_, last_doubt_ms_ + kDoubtMs);
  }
  return done.error();
}

void FileStore::settle_object(const std::string& name, bool named) {
  const std::lock_guard lock(mutex_);
  writing_.erase(name);
  if (!named) dropped_.push_back(name);
}

void FileStore::remove_objects() {
  if (!depot_->is_remote()) {
    (void)remove_dropped().has_value();  // what is left, a later call removes
    return;
  }
  const std::lock_guard lock(mutex_);
  if (dropped_.size() <= kDroppedMax) return;
  dropped_ = {};
  list_due_ms_ = clock_.steady_ms();
}

Status FileStore::remove_dropped() {
  std::vector<std::string> names;
  {
    const std::lock_guard lock(mutex_);
    names.swap(dropped_);
  }
  while (!names.empty()) {
    if (const Status done = depot_->remove(names.back()); !done) {
      const std::lock_guard lock(mutex_);
      dropped_.insert(dropped_.end(), names.begin(), names.end());
      return done;
    }
    names.pop_back();
  }
  return {};
}

Result<bool> FileStore::is_named(std::string_view object) {
  bool named = false;
  PAVISE_TRY(db_->query(
      "SELECT 1 FROM blocks WHERE object = ?1 UNION ALL SELECT 1 FROM parts WHERE object = ?1",
      [&](const sqlite::Row&) { named = true; }, object));
  return named;
}

// Objects come and go meanwhile: one that is being written is in writing_ until a row names it.
Status FileStore::sweep_objects() {
  std::string witness;  // one that has to be there
  {
    const std::lock_guard lock(mutex_);
    PAVISE_TRY(
        db_->query("SELECT object FROM (SELECT object FROM parts LIMIT 1) UNION ALL "
                   "SELECT object FROM (SELECT object FROM blocks LIMIT 1)",
                   [&](const sqlite::Row& row) { witness = row.text(0); }));
  }
  bool any = false;
  std::vector<std::string> orphans;
  PAVISE_TRY(depot_->each([&](const std::string& name) -> Status {
    const std::lock_guard lock(mutex_);
    PAVISE_TRY_ASSIGN(const bool named, is_named(name));
    any = any || named;
    if (!named && !writing_.contains(name) && orphans.size() < kDroppedMax) orphans.push_back(name);
    return {};
  }));
  const std::lock_guard lock(mutex_);
  if (!any && !witness.empty()) {
    PAVISE_TRY_ASSIGN(const bool still, is_named(witness));
    if (still) return kObjectsElsewhere;
  }
  dropped_.insert(dropped_.end(), orphans.begin(), orphans.end());
  // There may be more than were taken down.
  if (orphans.size() == kDroppedMax) list_due_ms_ = clock_.steady_ms();
  return {};
}

Status FileStore::collect() {
  const std::int64_t now_ms = clock_.steady_ms();
  bool due = false;
  {
    const std::lock_guard lock(mutex_);
    due = now_ms >= list_due_ms_;
    if (due)
      list_due_ms_ = now_ms - last_doubt_ms_ < kDoubtSettleMs ? now_ms + kDoubtMs : INT64_MAX;
  }
  if (due) {
    if (const Status done = sweep_objects(); !done) {
      const std::lock_guard lock(mutex_);
      list_due_ms_ = now_ms;
      return done;
    }
  }
  return remove_dropped();
}

}  // namespace pavise::hub::files
