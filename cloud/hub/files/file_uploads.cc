// Uploads under way, and how files come of them.
#include <algorithm>
#include <map>

#include "cloud/hub/files/file_rows.h"

namespace pavise::hub::files {

// ---- uploads

namespace {

std::string uploader_mark(const NewUpload& about) {
  const Digest256 digest = crypto::sha256(as_bytes(about.hub + "/" + about.device));
  return to_hex(ByteView(digest).first(kUploaderMarkSize / 2));
}

}  // namespace

Result<Upload> FileStore::begin(const NewUpload& about) {
  PAVISE_TRY(check_file_name(about.name));
  PAVISE_TRY_ASSIGN(const std::string own, random_name());
  const std::string id = uploader_mark(about) + own;
  const std::lock_guard lock(mutex_);
  PAVISE_TRY(transact([&]() -> Status {
    std::int64_t under_way = 0;
    PAVISE_TRY(db_->query(
        "SELECT count(*) FROM uploads WHERE hub = ?1 AND device = ?2 AND expires > ?3",
        [&](const sqlite::Row& row) { under_way = row.integer(0); }, about.hub, about.device,
        clock_.now_ms()));
    if (under_way >= static_cast<std::int64_t>(kUploadsMax)) return kTooManyUploads;
    PAVISE_TRY(
        db_->change("INSERT INTO uploads (id, hub, device, generation, name, expires) "
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    id, about.hub, about.device, about.generation, about.name, about.expires_ms));
    return {};
  }));
  return Upload{id, about};
}

Result<Upload> FileStore::upload(std::string_view id) {
  const std::lock_guard lock(mutex_);
  PAVISE_TRY_ASSIGN(Row row, find_upload(id));
  return std::move(row.upload);
}

Status FileStore::drop_upload(std::int64_t number, const NewUpload& about) {
  PAVISE_TRY_ASSIGN(const auto blocks, parts("blocks", "upload", number));
  for (const Part& block : blocks) {
    dropped_.push_back(block.object);
    PAVISE_TRY(charge(about, -charge_for(block.size)));
  }
  PAVISE_TRY(db_->change("DELETE FROM uploads WHERE number = ?1", number));
  return {};
}

Status FileStore::put_block(std::string_view upload_id, std::string_view block_id, ByteView bytes,
                            const FileLimits& limits) {
  PAVISE_TRY(check_block_id(block_id));
  if (bytes.size() > kPartSizeMax) return kBlockTooLarge;
  // Blocks of attempts that were given up do not count for the file: what it holds, its list says.
  if (bytes.size() > limits.file_bytes_max) return kFileTooLarge;
  // Looks before the bytes are written, and again when they are: others may have been faster.
  std::int64_t number = 0;
  const auto look = [&]() -> Result<Row> {
    PAVISE_TRY_ASSIGN(const Row row, find_upload(upload_id));
    const auto more = static_cast<std::uint64_t>(charge_for(bytes.size()));
    bool there = false;
    PAVISE_TRY(db_->query(
        "SELECT count(*), coalesce(max(block = ?2), 0) FROM blocks WHERE upload = ?1",
        [&](const sqlite::Row& found) {
          number = found.integer(0);
          there = found.integer(1) != 0;
        },
        row.number, block_id));
    if (!there && number >= static_cast<std::int64_t>(kBlocksMax)) return kTooManyBlocks;
    PAVISE_TRY(check_room(row.upload.about, more, limits));
    return row;
  };
  {
    const std::lock_guard lock(mutex_);
    PAVISE_TRY(look());
  }
  PAVISE_TRY_ASSIGN(const std::string object, write_object(bytes));
  Status done;
  {
    const std::lock_guard lock(mutex_);
    done = transact([&]() -> Status {
      PAVISE_TRY_ASSIGN(const Row row, look());
      std::int64_t freed = 0;
      PAVISE_TRY(db_->query(
          "SELECT object, size FROM blocks WHERE upload = ?1 AND block = ?2",
          [&](const sqlite::Row& old) {
            dropped_.push_back(old.text(0));
            freed = charge_for(static_cast<std::uint64_t>(old.integer(1)));
          },
          row.number, block_id));
      if (freed != 0) PAVISE_TRY(charge(row.upload.about, -freed));
      PAVISE_TRY(charge(row.upload.about, charge_for(bytes.size())));
      PAVISE_TRY(
          db_->change("INSERT INTO blocks (upload, position, block, object, size) VALUES "
                      "(?1, ?2, ?3, ?4, ?5) ON CONFLICT (upload, block) DO UPDATE SET "
                      "object = excluded.object, size = excluded.size",
                      row.number, number, block_id, object, bytes.size()));
      return {};
    });
  }
  settle_object(object, done.has_value());
  remove_objects();
  return done;
}

Status FileStore::drop_blocks(std::string_view upload_id, std::string_view prefix) {
  Status done;
  {
    const std::lock_guard lock(mutex_);
    done = transact([&]() -> Status {
      PAVISE_TRY_ASSIGN(const Row row, find_upload(upload_id));
      PAVISE_TRY_ASSIGN(const auto blocks, parts("blocks", "upload", row.number));
      for (const Part& block : blocks) {
        if (!block.block_id.starts_with(prefix)) continue;
        dropped_.push_back(block.object);
        PAVISE_TRY(charge(row.upload.about, -charge_for(block.size)));
        PAVISE_TRY(db_->change("DELETE FROM blocks WHERE upload = ?1 AND block = ?2", row.number,
                               block.block_id));
      }
      return {};
    });
  }
  remove_objects();
  return done;
}

// ---- files

Status FileStore::drop_file(std::int64_t number, std::string_view hub, std::string_view device) {
  PAVISE_TRY_ASSIGN(const auto old, parts("parts", "file", number));
  for (const Part& part : old) {
    dropped_.push_back(part.object);
    PAVISE_TRY(charge(hub, device, -charge_for(part.size)));
  }
  if (old.empty()) PAVISE_TRY(charge(hub, device, -charge_for(0)));
  PAVISE_TRY(db_->change("DELETE FROM files WHERE number = ?1", number));
  return {};
}

// The chosen objects become the file's; those that the file and the upload had besides are dropped.
// What is kept must not be charged yet.
Result<StoredFile> FileStore::make_file(const Row& row, const std::vector<Part>& chosen,
                                        std::string_view content_type, bool only_new) {
  const NewUpload& about = row.upload.about;
  std::int64_t there = 0;
  PAVISE_TRY(db_->query(
      "SELECT number FROM files WHERE hub = ?1 AND device = ?2 AND name = ?3",
      [&](const sqlite::Row& found) { there = found.integer(0); }, about.hub, about.device,
      about.name));
  if (there != 0 && only_new) return kFileExists;
  if (there != 0) PAVISE_TRY(drop_file(there, about.hub, about.device));
  PAVISE_TRY_ASSIGN(const auto blocks, parts("blocks", "upload", row.number));
  std::int64_t more = chosen.empty() ? charge_for(0) : 0;
  for (const Part& block : blocks) {
    dropped_.push_back(block.object);
    more -= charge_for(block.size);
  }
  PAVISE_TRY(db_->change("DELETE FROM blocks WHERE upload = ?1", row.number));

  StoredFile file{.device = about.device,
                  .name = about.name,
                  .modified_ms = clock_.now_ms(),
                  .content_type = std::string(content_type.substr(0, kContentTypeSizeMax)),
                  .etag = {}};
  for (const Part& part : chosen) file.size_bytes += part.size;
  PAVISE_TRY_ASSIGN(const std::string random, random_name());
  file.etag = "0x" + random.substr(0, 16);
  PAVISE_TRY(
      db_->change("INSERT INTO files (hub, device, name, size, modified, content_type, etag) "
                  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                  about.hub, file.device, file.name, file.size_bytes, file.modified_ms,
                  file.content_type, file.etag));
  const std::int64_t number = db_->last_insert_id();
  std::int64_t position = 0;
  std::set<std::string_view> kept;
  for (const Part& part : chosen) {
    PAVISE_TRY(
        db_->change("INSERT INTO parts (file, position, block, object, size) "
                    "VALUES (?1, ?2, ?3, ?4, ?5)",
                    number, position++, part.block_id, part.object, part.size));
    more += charge_for(part.size);
    kept.insert(part.object);
  }
  std::erase_if(dropped_, [&](const std::string& object) { return kept.contains(object); });
  PAVISE_TRY(charge(about, more));
  PAVISE_TRY(db_->change("UPDATE uploads SET committed = 1 WHERE number = ?1", row.number));
  return file;
}

Result<StoredFile> FileStore::commit(std::string_view upload_id, std::span<const BlockName> names,
                                     std::string_view content_type, bool only_new,
                                     const FileLimits& limits) {
  if (names.size() > kBlocksMax) return kTooManyBlocks;
  StoredFile out;
  Status done;
  {
    const std::lock_guard lock(mutex_);
    done = transact([&]() -> Status {
      PAVISE_TRY_ASSIGN(const Row row, find_upload(upload_id));
      const NewUpload& about = row.upload.about;
      std::map<std::string, Part, std::less<>> sent;
      std::map<std::string, Part, std::less<>> kept;
      PAVISE_TRY_ASSIGN(auto blocks, parts("blocks", "upload", row.number));
      for (Part& block : blocks) sent.emplace(block.block_id, std::move(block));
      std::int64_t there = 0;
      PAVISE_TRY(db_->query(
          "SELECT number FROM files WHERE hub = ?1 AND device = ?2 AND name = ?3",
          [&](const sqlite::Row& found) { there = found.integer(0); }, about.hub, about.device,
          about.name));
      PAVISE_TRY_ASSIGN(auto old, parts("parts", "file", there));
      for (Part& part : old) kept.emplace(part.block_id, std::move(part));
      std::vector<Part> chosen;
      std::uint64_t size = 0;
      for (const BlockName& name : names) {
        const auto in_sent = sent.find(name.id);
        const auto in_kept = kept.find(name.id);
        if (name.from != BlockFrom::committed && in_sent != sent.end()) {
          chosen.push_back(in_sent->second);
        } else if (name.from != BlockFrom::uncommitted && in_kept != kept.end()) {
          chosen.push_back(in_kept->second);
        } else {
          return Error(kBadBlockList, "a block was not sent");
        }
        size += chosen.back().size;
      }
      if (size > limits.file_bytes_max) return kFileTooLarge;
      // An empty file is charged though it has no blocks.
      if (chosen.empty()) PAVISE_TRY(check_room(about, kChargeMin, limits));
      PAVISE_TRY_ASSIGN(out, make_file(row, chosen, content_type, only_new));
      return {};
    });
  }
  remove_objects();
  PAVISE_TRY(std::move(done));
  return out;
}

Result<StoredFile> FileStore::put(std::string_view upload_id, ByteView bytes,
                                  std::string_view content_type, bool only_new,
                                  const FileLimits& limits) {
  if (bytes.size() > kPartSizeMax) return kBlockTooLarge;
  if (bytes.size() > limits.file_bytes_max) return kFileTooLarge;
  const auto look = [&]() -> Result<Row> {
    PAVISE_TRY_ASSIGN(Row row, find_upload(upload_id));
    PAVISE_TRY(
        check_room(row.upload.about, static_cast<std::uint64_t>(charge_for(bytes.size())), limits));
    return row;
  };
  {
    const std::lock_guard lock(mutex_);
    PAVISE_TRY(look());
  }
  std::vector<Part> chosen;
  if (!bytes.empty()) {
    PAVISE_TRY_ASSIGN(const std::string object, write_object(bytes));
    chosen.push_back({{}, object, bytes.size()});
  }
  StoredFile out;
  Status done;
  {
    const std::lock_guard lock(mutex_);
    done = transact([&]() -> Status {
      PAVISE_TRY_ASSIGN(const Row row, look());
      PAVISE_TRY_ASSIGN(out, make_file(row, chosen, content_type, only_new));
      return {};
    });
  }
  for (const Part& part : chosen) settle_object(part.object, done.has_value());
  remove_objects();
  PAVISE_TRY(std::move(done));
  return out;
}

Status FileStore::finish(std::string_view hub, std::string_view device, std::string_view upload_id,
                         bool success, const std::function<Status(const StoredFile&)>& told) {
  StoredFile file;
  {
    const std::lock_guard lock(mutex_);
    PAVISE_TRY_ASSIGN(const Row row, find_upload(upload_id));
    const NewUpload& about = row.upload.about;
    if (about.hub != hub || about.device != device) return kUploadNotFound;
    if (success && !row.upload.committed) return kNothingUploaded;
    bool there = false;
    PAVISE_TRY(db_->query(
        std::string(kFileColumns) + "AND device = ?2 AND name = ?3",
        [&](const sqlite::Row& found) {
          file = file_from(found);
          there = true;
        },
        hub, device, about.name));
    if (success && !there) return kNothingUploaded;
    if (!finishing_.emplace(upload_id).second) return kUploadNotFound;
  }
  Status done = success ? told(file) : Status();
  {
    const std::lock_guard lock(mutex_);
    finishing_.erase(std::string(upload_id));
    if (done)
      done = transact([&]() -> Status {
        const auto row = find_upload(upload_id);
        // Its time may have ended meanwhile; then the next sweep takes it.
        if (!row) return {};
        return drop_upload(row->number, row->upload.about);
      });
  }
  remove_objects();
  return done;
}

}  // namespace pavise::hub::files
