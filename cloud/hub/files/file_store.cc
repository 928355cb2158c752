#include <algorithm>
#include <map>

#include "cloud/hub/files/file_rows.h"
#include "cloud/hub/files/upload_token.h"
#include "common/crypto/crypto.h"

namespace pavise::hub::files {
namespace {

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
constexpr const char* kContainers = R"sql(
CREATE TABLE containers (
  id TEXT PRIMARY KEY NOT NULL,
  hub TEXT NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX containers_by_hub ON containers (hub);
)sql";
constexpr const char* kMigrations[] = {kVersion1, kContainers};

// What the name of the store at its depot is made of, besides the key of tokens.
constexpr std::string_view kDepotName = "pavise uploaded files";
constexpr std::size_t kDepotNameBytes = 16;

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
  return open(
      folder,
      [&](const std::string&) { return Result<std::unique_ptr<ByteDepot>>(std::move(depot)); },
      clock);
}

Result<std::unique_ptr<FileStore>> FileStore::open(const std::string& folder,
                                                   const MakeDepot& depot, const Clock& clock) {
  const std::string path = folder + "/files.db";
  PAVISE_TRY_ASSIGN(auto lock, sqlite::FileLock::take(path + ".lock", kSqliteErrors));
  PAVISE_TRY_ASSIGN(auto db, sqlite::open_file(path, 0, kMigrations, kSqliteErrors));
  std::unique_ptr<FileStore> store(new FileStore(std::move(db), std::move(lock), clock));
  PAVISE_TRY_ASSIGN(const SecretBytes key, store->token_key());
  const Digest256 name = crypto::hmac_sha256(key.view(), as_bytes(kDepotName));
  PAVISE_TRY_ASSIGN(store->depot_, depot(to_hex(ByteView(name).first(kDepotNameBytes))));
  if (store->depot_->is_remote()) return store;
  // Lost objects are no reason not to start: who collects meets and reports them.
  if (const Status done = store->collect(); !done && !done.error().is(kObjectsElsewhere))
    return done.error();
  return store;
}

// ---- transactions and rows

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

// ---- files

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

Status FileStore::drop_hub(std::string_view hub) {
  for (const std::string_view sql :
       {"SELECT object FROM blocks JOIN uploads ON number = upload WHERE hub = ?1",
        "SELECT object FROM parts JOIN files ON number = file WHERE hub = ?1"})
    PAVISE_TRY(
        db_->query(sql, [&](const sqlite::Row& row) { dropped_.push_back(row.text(0)); }, hub));
  for (const std::string_view sql :
       {"DELETE FROM uploads WHERE hub = ?1", "DELETE FROM files WHERE hub = ?1",
        "DELETE FROM charges WHERE hub = ?1"})
    PAVISE_TRY(db_->change(sql, hub));
  return {};
}

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
      PAVISE_TRY_ASSIGN(const auto containers, sweep_containers(hubs));
      for (const std::string& hub : known) {
        if (!hubs.contains(hub) && !containers.contains(hub)) PAVISE_TRY(drop_hub(hub));
      }
      return {};
    });
  }
  remove_objects();
  return done;
}

}  // namespace pavise::hub::files
