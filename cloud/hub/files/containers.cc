// Containers of import and export, whose files live in the catalogue as those of a hub of its own.
#include "cloud/hub/files/file_rows.h"

namespace pavise::hub::files {

namespace {

constexpr std::string_view kContainerColumns = "SELECT id, hub, expires FROM containers ";

Container container_from(const sqlite::Row& row) {
  return {row.text(0), row.text(1), row.integer(2)};
}

}  // namespace

Result<Container> FileStore::make_container(const std::string& hub, UnixMillis expires_ms) {
  PAVISE_CHECK(expires_ms <= clock_.now_ms() + kContainerMsMax);
  PAVISE_TRY_ASSIGN(std::string id, random_name());
  Container out{std::move(id), hub, expires_ms};
  const std::lock_guard lock(mutex_);
  PAVISE_TRY(transact([&]() -> Status {
    std::int64_t there = 0;
    PAVISE_TRY(db_->query(
        "SELECT count(*) FROM containers WHERE hub = ?1 AND expires > ?2",
        [&](const sqlite::Row& row) { there = row.integer(0); }, hub, clock_.now_ms()));
    if (there >= static_cast<std::int64_t>(kContainersMax)) return kTooManyContainers;
    PAVISE_TRY(db_->change("INSERT INTO containers (id, hub, expires) VALUES (?1, ?2, ?3)", out.id,
                           hub, expires_ms));
    return {};
  }));
  return out;
}

Result<Container> FileStore::find_container(std::string_view id) {
  std::optional<Container> found;
  PAVISE_TRY(db_->query(
      std::string(kContainerColumns) + "WHERE id = ?1",
      [&](const sqlite::Row& row) { found = container_from(row); }, id));
  if (!found || found->expires_ms <= clock_.now_ms()) return kContainerNotFound;
  return *std::move(found);
}

Result<Container> FileStore::container(std::string_view id) {
  const std::lock_guard lock(mutex_);
  return find_container(id);
}

Status FileStore::remove_container(std::string_view id) {
  Status done;
  {
    const std::lock_guard lock(mutex_);
    done = transact([&]() -> Status {
      PAVISE_TRY_ASSIGN(const Container container, find_container(id));
      PAVISE_TRY(db_->change("DELETE FROM containers WHERE id = ?1", id));
      return drop_hub(container.files_hub());
    });
  }
  remove_objects();
  return done;
}

Result<Upload> FileStore::container_upload(std::string_view id, std::string_view name) {
  NewUpload about;
  {
    const std::lock_guard lock(mutex_);
    PAVISE_TRY_ASSIGN(const Container container, find_container(id));
    about = {.hub = container.files_hub(),
             .device = std::string(kContainerDevice),
             .generation = 0,
             .name = std::string(name),
             .expires_ms = container.expires_ms};
    std::string known;
    PAVISE_TRY(db_->query(
        "SELECT id FROM uploads WHERE hub = ?1 AND device = ?2 AND name = ?3",
        [&](const sqlite::Row& row) { known = row.text(0); }, about.hub, about.device, name));
    if (!known.empty()) return Upload{known, about};
  }
  return begin(about);
}

Status FileStore::end_upload(std::string_view upload_id) {
  Status done;
  {
    const std::lock_guard lock(mutex_);
    done = transact([&]() -> Status {
      const auto row = find_upload(upload_id);
      if (!row) return {};  // what is over, the next sweep takes
      return drop_upload(row->number, row->upload.about);
    });
  }
  remove_objects();
  return done;
}

Result<std::set<std::string, std::less<>>> FileStore::sweep_containers(
    const std::set<std::string, std::less<>>& hubs) {
  std::set<std::string, std::less<>> left;
  std::vector<std::string> over;
  const UnixMillis now_ms = clock_.now_ms();
  PAVISE_TRY(db_->query(kContainerColumns, [&](const sqlite::Row& row) {
    const Container container = container_from(row);
    if (container.expires_ms > now_ms && hubs.contains(container.hub))
      left.insert(container.files_hub());
    else
      over.push_back(container.id);
  }));
  for (const std::string& id : over)
    PAVISE_TRY(db_->change("DELETE FROM containers WHERE id = ?1", id));
  return left;
}

}  // namespace pavise::hub::files
