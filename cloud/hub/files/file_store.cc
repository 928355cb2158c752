#include "cloud/hub/files/file_store.h"

#include <algorithm>
#include <map>

#include "cloud/hub/files/upload_token.h"
#include "common/crypto/crypto.h"

namespace pavise::hub::files {
namespace {

constexpr sqlite::Errors kErrors{.failed = kFilesFailed,
                                 .full = kFilesFull,
                                 .corrupt = kFilesCorrupt,
                                 .busy = kFilesLocked,
                                 .too_new = kFilesTooNew,
                                 .already_exists = kFilesCorrupt,
                                 .not_found = kFilesCorrupt};

// Times are Unix milliseconds. An object is named by one row, of a block or of a part. A charge of
// device '' is the hub's.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE uploads (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  hub TEXT NOT NULL,
  device TEXT NOT NULL,
  generation INTEGER NOT NULL,
  name TEXT NOT NULL,
  expires INTEGER NOT NULL,
  committed INTEGER NOT NULL DEFAULT 0 CHECK (committed IN (0, 1))
) STRICT;
CREATE INDEX uploads_by_device ON uploads (hub, device);
CREATE INDEX uploads_by_expiry ON uploads (expires);
CREATE TABLE blocks (
  upload INTEGER NOT NULL REFERENCES uploads (number) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  block TEXT NOT NULL,
  object TEXT NOT NULL UNIQUE,
  size INTEGER NOT NULL CHECK (size >= 0),
  PRIMARY KEY (upload, block)
) STRICT, WITHOUT ROWID;
CREATE TABLE files (
  number INTEGER PRIMARY KEY,
  hub TEXT NOT NULL,
  device TEXT NOT NULL,
  name TEXT NOT NULL,
  size INTEGER NOT NULL CHECK (size >= 0),
  modified INTEGER NOT NULL,
  content_type TEXT NOT NULL,
  etag TEXT NOT NULL,
  UNIQUE (hub, device, name)
) STRICT;
CREATE TABLE parts (
  file INTEGER NOT NULL REFERENCES files (number) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  block TEXT NOT NULL,
  object TEXT NOT NULL UNIQUE,
  size INTEGER NOT NULL CHECK (size >= 0),
  PRIMARY KEY (file, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE token_key (
  number INTEGER PRIMARY KEY CHECK (number = 1),
  key BLOB NOT NULL
) STRICT;
CREATE TABLE charges (
  hub TEXT NOT NULL,
  device TEXT NOT NULL,
  bytes INTEGER NOT NULL CHECK (bytes >= 0),
  PRIMARY KEY (hub, device)
) STRICT, WITHOUT ROWID;
)sql";
constexpr const char* kMigrations[] = {kVersion1};

constexpr std::string_view kFileColumns =
    "SELECT device, name, size, modified, content_type, etag, number FROM files WHERE hub = ?1 ";

std::int64_t charge_for(std::uint64_t size) {
  return static_cast<std::int64_t>(std::max(size, kChargeMin));
}

StoredFile file_from(const sqlite::Row& row) {
  return {row.text(0),    row.text(1), static_cast<std::uint64_t>(row.integer(2)),
          row.integer(3), row.text(4), row.text(5)};
}

Result<std::string> random_name() {
  Bytes random(16);
  PAVISE_TRY(crypto::random_fill(random));
  return to_hex(random);
}

// Whether the bytes are UTF-8 (RFC 3629) without control characters and backslashes.
bool is_plain(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x20 || lead == 0x7f || lead == '\\') return false;
    const std::size_t more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (lead >= 0x80 && (lead < 0xc2 || lead > 0xf4)) return false;
    if (i + more >= text.size()) return false;
    std::uint32_t point = more == 0 ? lead : lead & (0x3fU >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0U) != 0x80) return false;
      point = point << 6U | (next & 0x3fU);
    }
    constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (point < kLeast[more] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ||
        (point >= 0x80 && point < 0xa0))
      return false;
    i += more + 1;
  }
  return true;
}

}  // namespace

Status check_file_name(std::string_view name) {
  if (name.empty() || name.size() > kFileNameSizeMax || !is_plain(name)) return kBadFileName;
  for (std::string_view rest = name;;) {
    const std::size_t end = rest.find('/');
    const std::string_view part = rest.substr(0, end);
    if (part.empty() || part == "." || part == "..") return kBadFileName;
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + 1);
  }
}

Result<std::unique_ptr<FileStore>> FileStore::open(const std::string& folder,
                                                   std::unique_ptr<ByteDepot> depot,
                                                   const Clock& clock) {
  const std::string path = folder + "/files.db";
  PAVISE_TRY_ASSIGN(auto lock, sqlite::FileLock::take(path + ".lock", kErrors));
  PAVISE_TRY_ASSIGN(auto db, sqlite::open_file(path, 0, kMigrations, kErrors));
  std::unique_ptr<FileStore> store(
      new FileStore(std::move(db), std::move(lock), std::move(depot), clock));
  PAVISE_TRY(store->sweep_objects());
  return store;
}

// ---- transactions and rows

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

Result<FileStore::Row> FileStore::find_upload(std::string_view id) {
  std::optional<Row> found;
  PAVISE_TRY(db_->query(
      "SELECT number, id, hub, device, generation, name, expires, committed FROM uploads "
      "WHERE id = ?1",
      [&](const sqlite::Row& row) {
        found = Row{row.integer(0),
                    {row.text(1),
                     {row.text(2), row.text(3), static_cast<std::uint64_t>(row.integer(4)),
                      row.text(5), row.integer(6)},
                     row.integer(7) != 0}};
      },
      id));
  if (!found) return kUploadNotFound;
  if (found->upload.about.expires_ms <= clock_.now_ms()) return kUploadExpired;
  return *std::move(found);
}

Result<std::vector<FileStore::Part>> FileStore::parts(std::string_view table, std::string_view key,
                                                      std::int64_t number) {
  std::vector<Part> out;
  PAVISE_TRY(db_->query(
      std::string("SELECT block, object, size FROM ")
          .append(table)
          .append(" WHERE ")
          .append(key)
          .append(" = ?1 ORDER BY position"),
      [&](const sqlite::Row& row) {
        out.push_back({row.text(0), row.text(1), static_cast<std::uint64_t>(row.integer(2))});
      },
      number));
  return out;
}

Result<SecretBytes> FileStore::token_key() {
  const std::lock_guard lock(mutex_);
  SecretBytes fresh(kUploadKeySize);
  PAVISE_TRY(crypto::random_fill(fresh.span()));
  PAVISE_TRY(db_->change(
      "INSERT INTO token_key (number, key) VALUES (1, ?1) ON CONFLICT DO NOTHING", fresh.view()));
  SecretBytes key;
  PAVISE_TRY(db_->query("SELECT key FROM token_key",
                        [&](const sqlite::Row& row) { key = SecretBytes(row.blob(0)); }));
  if (key.size() != kUploadKeySize) return Error(kFilesCorrupt, "the key of upload tokens");
  return key;
}

// ---- what is used

Status FileStore::charge(std::string_view hub, std::string_view device, std::int64_t bytes) {
  for (const std::string_view each : {device, std::string_view()}) {
    PAVISE_TRY(
        db_->change("INSERT INTO charges (hub, device, bytes) VALUES (?1, ?2, 0) "
                    "ON CONFLICT DO NOTHING",
                    hub, each));
    PAVISE_TRY(db_->change("UPDATE charges SET bytes = bytes + ?3 WHERE hub = ?1 AND device = ?2",
                           hub, each, bytes));
  }
  return {};
}

Status FileStore::charge(const NewUpload& of, std::int64_t bytes) {
  return charge(of.hub, of.device, bytes);
}

Result<std::uint64_t> FileStore::charge_of(std::string_view hub, std::string_view device) {
  std::int64_t bytes = 0;
  PAVISE_TRY(db_->query(
      "SELECT bytes FROM charges WHERE hub = ?1 AND device = ?2",
      [&](const sqlite::Row& row) { bytes = row.integer(0); }, hub, device));
  return static_cast<std::uint64_t>(bytes);
}

Result<std::uint64_t> FileStore::charged(std::string_view hub, std::string_view device) {
  const std::lock_guard lock(mutex_);
  return charge_of(hub, device);
}

Status FileStore::check_room(const NewUpload& of, std::uint64_t more, const FileLimits& limits) {
  PAVISE_TRY_ASSIGN(const std::uint64_t device, charge_of(of.hub, of.device));
  if (device + more > limits.device_bytes_max) return Error(kQuotaExceeded, "of the device");
  PAVISE_TRY_ASSIGN(const std::uint64_t hub, charge_of(of.hub, {}));
  if (hub + more > limits.hub_bytes_max) return Error(kQuotaExceeded, "of the hub");
  return {};
}

// ---- objects

Result<std::string> FileStore::write_object(ByteView bytes) {
  PAVISE_TRY_ASSIGN(const std::uint64_t room, depot_->free_bytes());
  if (room < kFreeBytesMin + bytes.size()) return kFilesFull;
  PAVISE_TRY_ASSIGN(std::string name, random_name());
  PAVISE_TRY(depot_->write(name, bytes));
  return name;
}

// One that cannot be removed now is removed at the next start.
void FileStore::remove_objects() {
  std::vector<std::string> names;
  {
    const std::lock_guard lock(mutex_);
    names.swap(dropped_);
  }
  for (const std::string& name : names) (void)depot_->remove(name);
}

Status FileStore::sweep_objects() {
  PAVISE_TRY_ASSIGN(auto names, depot_->list());
  for (const std::string& name : names) {
    bool named = false;
    PAVISE_TRY(db_->query(
        "SELECT 1 FROM blocks WHERE object = ?1 UNION ALL SELECT 1 FROM parts WHERE object = ?1",
        [&](const sqlite::Row&) { named = true; }, name));
    if (!named) PAVISE_TRY(depot_->remove(name));
  }
  return {};
}

// ---- uploads

Result<Upload> FileStore::begin(const NewUpload& about) {
  PAVISE_TRY(check_file_name(about.name));
  PAVISE_TRY_ASSIGN(const std::string id, random_name());
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
    PAVISE_TRY_ASSIGN(const auto blocks, parts("blocks", "upload", row.number));
    const std::uint64_t more = static_cast<std::uint64_t>(charge_for(bytes.size()));
    bool there = false;
    number = 0;
    for (const Part& block : blocks) {
      there = there || block.block_id == block_id;
      ++number;
    }
    if (!there && blocks.size() >= kBlocksMax) return kTooManyBlocks;
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
      PAVISE_TRY_ASSIGN(const auto blocks, parts("blocks", "upload", row.number));
      for (const Part& block : blocks) {
        if (block.block_id != block_id) continue;
        dropped_.push_back(block.object);
        PAVISE_TRY(charge(row.upload.about, -charge_for(block.size)));
      }
      PAVISE_TRY(charge(row.upload.about, charge_for(bytes.size())));
      PAVISE_TRY(
          db_->change("INSERT INTO blocks (upload, position, block, object, size) VALUES "
                      "(?1, ?2, ?3, ?4, ?5) ON CONFLICT (upload, block) DO UPDATE SET "
                      "object = excluded.object, size = excluded.size",
                      row.number, number, block_id, object, bytes.size()));
      return {};
    });
  }
  if (!done) (void)depot_->remove(object);
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
  for (const Part& block : blocks) {
    dropped_.push_back(block.object);
    PAVISE_TRY(charge(about, -charge_for(block.size)));
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
  for (const Part& part : chosen) {
    PAVISE_TRY(
        db_->change("INSERT INTO parts (file, position, block, object, size) "
                    "VALUES (?1, ?2, ?3, ?4, ?5)",
                    number, position++, part.block_id, part.object, part.size));
    PAVISE_TRY(charge(about, charge_for(part.size)));
    std::erase(dropped_, part.object);
  }
  if (chosen.empty()) PAVISE_TRY(charge(about, charge_for(0)));
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
  if (!done)
    for (const Part& part : chosen) (void)depot_->remove(part.object);
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

Result<std::vector<StoredFile>> FileStore::files(std::string_view hub,
                                                 const std::optional<std::string>& device,
                                                 const FilePage& page) {
  const std::lock_guard lock(mutex_);
  std::vector<StoredFile> out;
  const std::size_t limit = std::min(page.limit, kFilesPageMax);
  const auto take = [&](const sqlite::Row& row) { out.push_back(file_from(row)); };
  if (device) {
    PAVISE_TRY(db_->query(
        std::string(kFileColumns) + "AND device = ?2 AND name > ?3 ORDER BY name LIMIT ?4", take,
        hub, *device, page.after_device == *device ? page.after_name : std::string(), limit));
  } else {
    PAVISE_TRY(db_->query(
        std::string(kFileColumns) + "AND (device, name) > (?2, ?3) ORDER BY device, name LIMIT ?4",
        take, hub, page.after_device, page.after_name, limit));
  }
  return out;
}

Result<StoredFile> FileStore::file(std::string_view hub, std::string_view device,
                                   std::string_view name) {
  const std::lock_guard lock(mutex_);
  std::optional<StoredFile> found;
  PAVISE_TRY(db_->query(
      std::string(kFileColumns) + "AND device = ?2 AND name = ?3",
      [&](const sqlite::Row& row) { found = file_from(row); }, hub, device, name));
  if (!found) return kFileNotFound;
  return *std::move(found);
}

Result<Bytes> FileStore::read(std::string_view hub, std::string_view device, const StoredFile& file,
                              std::uint64_t position, std::size_t size) {
  std::vector<Part> all;
  {
    const std::lock_guard lock(mutex_);
    std::int64_t number = 0;
    PAVISE_TRY(db_->query(
        std::string(kFileColumns) + "AND device = ?2 AND name = ?3 AND etag = ?4",
        [&](const sqlite::Row& row) { number = row.integer(6); }, hub, device, file.name,
        file.etag));
    if (number == 0) return kFileNotFound;
    PAVISE_TRY_ASSIGN(all, parts("parts", "file", number));
  }
  Bytes out;
  for (const Part& part : all) {
    if (out.size() == size) break;
    if (position >= part.size) {
      position -= part.size;
      continue;
    }
    const std::size_t wanted = std::min(size - out.size(), part.size - position);
    PAVISE_TRY_ASSIGN(const Bytes bytes, depot_->read(part.object, position, wanted));
    if (bytes.size() != wanted) return Error(kFilesCorrupt, "an object is shorter than it was");
    append(out, bytes);
    position = 0;
  }
  return out;
}

Status FileStore::remove(std::string_view hub, std::string_view device, std::string_view name) {
  Status done;
  {
    const std::lock_guard lock(mutex_);
    done = transact([&]() -> Status {
      std::int64_t number = 0;
      PAVISE_TRY(db_->query(
          "SELECT number FROM files WHERE hub = ?1 AND device = ?2 AND name = ?3",
          [&](const sqlite::Row& row) { number = row.integer(0); }, hub, device, name));
      if (number == 0) return kFileNotFound;
      return drop_file(number, hub, device);
    });
  }
  remove_objects();
  return done;
}

// ---- what is over

Status FileStore::sweep(const std::set<std::string, std::less<>>& hubs) {
  Status done;
  {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> known;
    PAVISE_TRY(db_->query(
        "SELECT hub FROM charges WHERE device = '' UNION SELECT DISTINCT hub FROM uploads",
        [&](const sqlite::Row& row) { known.push_back(row.text(0)); }));
    done = transact([&]() -> Status {
      std::vector<Row> over;
      PAVISE_TRY(db_->query(
          "SELECT number, hub, device FROM uploads WHERE expires <= ?1",
          [&](const sqlite::Row& row) {
            over.push_back({row.integer(0), {{}, {row.text(1), row.text(2), 0, {}, 0}}});
          },
          clock_.now_ms() - kExpiredKeptMs));
      for (const Row& row : over) PAVISE_TRY(drop_upload(row.number, row.upload.about));
      for (const std::string& hub : known) {
        if (hubs.contains(hub)) continue;
        for (const std::string_view sql :
             {"SELECT object FROM blocks JOIN uploads ON number = upload WHERE hub = ?1",
              "SELECT object FROM parts JOIN files ON number = file WHERE hub = ?1"})
          PAVISE_TRY(db_->query(
              sql, [&](const sqlite::Row& row) { dropped_.push_back(row.text(0)); }, hub));
        for (const std::string_view sql :
             {"DELETE FROM uploads WHERE hub = ?1", "DELETE FROM files WHERE hub = ?1",
              "DELETE FROM charges WHERE hub = ?1"})
          PAVISE_TRY(db_->change(sql, hub));
      }
      return {};
    });
  }
  remove_objects();
  return done;
}

}  // namespace pavise::hub::files
