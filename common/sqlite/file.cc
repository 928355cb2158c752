#include "common/sqlite/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace pavise::sqlite {
namespace {

// A crash leaves either no backup of that name or a whole one.
Status back_up(Database& db, const std::string& path, std::int64_t version) {
  const std::string target = path + ".v" + std::to_string(version) + ".bak";
  const std::string partial = target + ".partial";
  std::remove(partial.c_str());
  PAVISE_TRY(db.change("VACUUM INTO ?1", partial));
  if (std::rename(partial.c_str(), target.c_str()) != 0)
    return Error(db.errors().failed, std::string("backup: ") + std::strerror(errno));
  return {};
}

}  // namespace

Status migrate(Database& db, const std::string& path, std::span<const char* const> migrations) {
  std::int64_t version = 0;
  PAVISE_TRY(db.query("PRAGMA user_version", [&](const Row& row) { version = row.integer(0); }));
  const auto newest = static_cast<std::int64_t>(migrations.size());
  if (version > newest || version < 0)
    return Error(db.errors().too_new,
                 "file " + std::to_string(version) + ", program " + std::to_string(newest));
  if (version > 0 && version < newest) PAVISE_TRY(back_up(db, path, version));
  for (; version < newest; ++version) {
    const std::string sql = std::string("BEGIN IMMEDIATE;") +
                            migrations[static_cast<std::size_t>(version)] +
                            "PRAGMA user_version=" + std::to_string(version + 1) + ";COMMIT;";
    if (auto status = db.execute(sql.c_str()); !status) {
      if (db.in_transaction()) (void)db.execute("ROLLBACK");
      return status;
    }
  }
  return {};
}

Result<std::unique_ptr<Database>> open_file(const std::string& path, std::uint32_t pages_max,
                                            std::span<const char* const> migrations,
                                            const Errors& errors) {
  // Created by us, so that the file is never readable by others, not even for a moment.
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
  if (fd < 0) return Error(errors.failed, path + ": " + std::strerror(errno));
  ::close(fd);
  PAVISE_TRY_ASSIGN(auto db, Database::open(path, Database::Access::read_write, pages_max, errors));
  std::string finding;
  PAVISE_TRY(db->query("PRAGMA quick_check(1)", [&](const Row& row) { finding = row.text(0); }));
  if (finding != "ok") return Error(errors.corrupt, finding);
  PAVISE_TRY(migrate(*db, path, migrations));
  return db;
}

Result<FileLock> FileLock::take(const std::string& path, const Errors& errors) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
  if (fd < 0) return Error(errors.failed, path + ": " + std::strerror(errno));
  FileLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) return Error(errors.busy, path);
  return lock;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace pavise::sqlite
