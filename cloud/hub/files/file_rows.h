// What the parts of the file store share about its rows. Private to this room.
#pragma once

#include "cloud/hub/files/file_store.h"
#include "common/crypto/crypto.h"

namespace pavise::hub::files {

inline constexpr sqlite::Errors kSqliteErrors{.failed = kFilesFailed,
                                              .full = kFilesFull,
                                              .corrupt = kFilesCorrupt,
                                              .busy = kFilesLocked,
                                              .too_new = kFilesTooNew,
                                              .already_exists = kFilesCorrupt,
                                              .not_found = kFilesCorrupt};

inline constexpr std::string_view kFileColumns =
    "SELECT device, name, size, modified, content_type, etag, number FROM files WHERE hub = ?1 ";

inline std::int64_t charge_for(std::uint64_t size) {
  return static_cast<std::int64_t>(std::max(size, kChargeMin));
}

inline StoredFile file_from(const sqlite::Row& row) {
  return {row.text(0),    row.text(1), static_cast<std::uint64_t>(row.integer(2)),
          row.integer(3), row.text(4), row.text(5)};
}

inline Result<std::string> random_name() {
  Bytes random(16);
  PAVISE_TRY(crypto::random_fill(random));
  return to_hex(random);
}

template <class Work>
Status FileStore::transact(const Work& work) {
  PAVISE_TRY(db_->control("BEGIN IMMEDIATE"));
  const std::size_t dropped_before = dropped_.size();  // others' commits, not removed yet
  Status done = work();
  if (done) done = db_->control("COMMIT");
  if (!done) {
    dropped_.resize(dropped_before);
    if (db_->in_transaction()) (void)db_->control("ROLLBACK");
  }
  return done;
}

}  // namespace pavise::hub::files
