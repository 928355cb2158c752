// Uploads under way and the files that came of them: a catalogue in SQLite over a ByteDepot. A file
// is a list of objects, so putting one together moves no bytes: what commits the catalogue makes
// the file there, whole, in place of the one before.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "cloud/hub/files/block_list.h"
#include "cloud/hub/files/byte_depot.h"
#include "common/base/clock.h"
#include "common/sqlite/database.h"
#include "common/sqlite/file.h"

namespace pavise::hub::files {

inline constexpr std::size_t kUploadsMax = 10;  // under way at once, of one device
inline constexpr std::size_t kFileNameSizeMax = 1024;
// The first characters of an upload's id, the same for all uploads of a device.
inline constexpr std::size_t kUploaderMarkSize = 16;
inline constexpr std::size_t kPartSizeMax = 8UL * 1024 * 1024;  // one request's share of a file
inline constexpr std::size_t kContentTypeSizeMax = 256;
inline constexpr std::size_t kFilesPageMax = 1000;
// What an object or an empty file counts at least: so many tiny ones cannot fill the disk's tables.
inline constexpr std::uint64_t kChargeMin = 4096;
// Uploads stop before the disk is full: the hub's telemetry and twins lie on it too.
inline constexpr std::uint64_t kFreeBytesMin = 256UL * 1024 * 1024;
// An upload that is over is told from one that never was for so long.
inline constexpr std::int64_t kExpiredKeptMs = 10LL * 60 * 1000;
inline constexpr std::size_t kContainersMax = 10;  // of a hub
inline constexpr std::int64_t kContainerMsMax = 24LL * 3600 * 1000;
inline constexpr std::uint64_t kContainerBytesMax = std::uint64_t{4} << 30;  // of all its files
// Names of objects that wait to be removed; when there are more, a listing finds them.
inline constexpr std::size_t kDroppedMax = 100'000;
// A write that failed at a remote depot may still be done there. It is looked for after so long,
// and once more if others failed so shortly before that look.
inline constexpr std::int64_t kDoubtMs = 10LL * 60 * 1000;
inline constexpr std::int64_t kDoubtSettleMs = 60'000;

struct FileLimits {
  std::uint64_t file_bytes_max = 0;
  std::uint64_t device_bytes_max = 0;  // of all files and blocks of one device
  std::uint64_t hub_bytes_max = 0;
};

// `hub` is a text that no other hub has, also not a later one of the same name.
struct NewUpload {
  std::string hub;
  std::string device;
  std::uint64_t generation = 0;  // of the device
  std::string name;
  UnixMillis expires_ms = 0;
};
struct Upload {
  std::string id;
  NewUpload about;
  bool committed = false;  // a file came of it
};

struct StoredFile {
  std::string device;
  std::string name;
  std::uint64_t size_bytes = 0;
  UnixMillis modified_ms = 0;
  std::string content_type;
  std::string etag;
};
// A place for files that belongs to a hub and no device, for import and export; all that is in it
// goes when its time is over.
struct Container {
  std::string id;
  std::string hub;
  UnixMillis expires_ms = 0;

  // What stands for the hub of its files: they are counted and listed apart from those of devices.
  std::string files_hub() const { return hub + "/" + id; }
};
inline constexpr std::string_view kContainerDevice = "container";
inline constexpr FileLimits kContainerLimits{kContainerBytesMax, kContainerBytesMax,
                                             kContainerBytesMax};

struct FilePage {
  std::string after_device{};  // both empty: from the first
  std::string after_name{};
  std::size_t limit = kFilesPageMax;
};

// Makes the depot of a store. `name` is the store's own, of 32 hexadecimal digits: random, and the
// same ever after.
using MakeDepot = std::function<Result<std::unique_ptr<ByteDepot>>(const std::string& name)>;

// Thread-safe; every function blocks on disk, those that carry bytes on the depot. Besides the
// errors named: kFilesFailed, kFilesFull, kFilesCorrupt, kStoreUnreachable, kStoreRefused.
class FileStore {
 public:
  // Opens or makes "<folder>/files.db" and removes objects that nothing names, unless the depot is
  // remote: what a broken write left. kFilesLocked, kFilesTooNew.
  static Result<std::unique_ptr<FileStore>> open(const std::string& folder,
                                                 std::unique_ptr<ByteDepot> depot,
                                                 const Clock& clock);
  static Result<std::unique_ptr<FileStore>> open(const std::string& folder, const MakeDepot& depot,
                                                 const Clock& clock);

  // The key of UploadTokens: made at the first call, the same ever after.
  Result<SecretBytes> token_key();

  // kBadFileName, kTooManyUploads.
  Result<Upload> begin(const NewUpload& about);
  // kUploadNotFound, kUploadExpired.
  Result<Upload> upload(std::string_view id);

  // A block with the id of one that is there replaces it. kUploadNotFound, kUploadExpired,
  // kBadBlockId, kTooManyBlocks, kBlockTooLarge, kFileTooLarge, kQuotaExceeded.
  Status put_block(std::string_view upload, std::string_view block_id, ByteView bytes,
                   const FileLimits& limits);
  // Drops the blocks whose ids begin so: what an attempt that was cut off left. kUploadNotFound,
  // kUploadExpired.
  Status drop_blocks(std::string_view upload, std::string_view block_id_prefix);
  // Makes the file of these blocks; the upload's other blocks are dropped. kFileExists when
  // `only_new` and there is one; kBadBlockList, kFileTooLarge, and as above.
  Result<StoredFile> commit(std::string_view upload, std::span<const BlockName> blocks,
                            std::string_view content_type, bool only_new, const FileLimits& limits);
  // The file in one piece.
  Result<StoredFile> put(std::string_view upload, ByteView bytes, std::string_view content_type,
                         bool only_new, const FileLimits& limits);

  // Ends an upload of this device. After a success `told` is called with its file before the upload
  // is forgotten; when it fails, the upload stays and the call may come again. kUploadNotFound,
  // kUploadExpired, kNothingUploaded, errors of `told`.
  Status finish(std::string_view hub, std::string_view device, std::string_view upload,
                bool success, const std::function<Status(const StoredFile&)>& told);

  // In the order of devices and names. Without a device: of all.
  Result<std::vector<StoredFile>> files(std::string_view hub,
                                        const std::optional<std::string>& device,
                                        const FilePage& page);
  Result<StoredFile> file(std::string_view hub, std::string_view device,
                          std::string_view name);  // kFileNotFound
  // At most `size` bytes from `position` on, short only at the file's end. kFileNotFound (also: it
  // is another one than `etag` now).
  Result<Bytes> read(std::string_view hub, std::string_view device, const StoredFile& file,
                     std::uint64_t position, std::size_t size);
  Status remove(std::string_view hub, std::string_view device,
                std::string_view name);  // kFileNotFound

  // `expires_ms` is at most kContainerMsMax from now. kTooManyContainers.
  Result<Container> make_container(const std::string& hub, UnixMillis expires_ms);
  // kContainerNotFound.
  Result<Container> container(std::string_view id);
  // With its files. kContainerNotFound.
  Status remove_container(std::string_view id);
  // The upload through which a file of the container is written: the one that is under way, or a
  // new one. To be ended when there is a file. Errors of begin(), kContainerNotFound.
  Result<Upload> container_upload(std::string_view id, std::string_view name);
  // Forgets an upload and its blocks; a file that came of it stays. One that is gone is ended.
  Status end_upload(std::string_view upload);

  // Drops uploads and containers whose time is over, and all of hubs that are not among these.
  Status sweep(const std::set<std::string, std::less<>>& hubs);
  // Removes objects that nothing names any more; of a remote depot nothing else does. To be called
  // every few seconds by one thread. After an error a later call goes on. kObjectsElsewhere: the
  // depot has none of the objects that it should have; nothing was removed.
  Status collect();
  // Ends calls of the depot that are under way. Does not block.
  void stop_depot() { depot_->stop(); }
  // What files and blocks of a device, or with an empty name of the hub, count.
  Result<std::uint64_t> charged(std::string_view hub, std::string_view device);

 private:
  struct Part {
    std::string block_id;
    std::string object;
    std::uint64_t size = 0;
  };
  struct Row {
    std::int64_t number = 0;
    Upload upload;
  };

  FileStore(std::unique_ptr<sqlite::Database> db, sqlite::FileLock lock, const Clock& clock)
      : db_(std::move(db)), lock_(std::move(lock)), clock_(clock) {}

  // These run under the mutex.
  template <class Work>
  Status transact(const Work& work);
  Result<Row> find_upload(std::string_view id);
  Result<Container> find_container(std::string_view id);
  Result<std::vector<Part>> parts(std::string_view table, std::string_view key,
                                  std::int64_t number);
  Status charge(const NewUpload& of, std::int64_t bytes);
  Status charge(std::string_view hub, std::string_view device, std::int64_t bytes);
  Result<std::uint64_t> charge_of(std::string_view hub, std::string_view device);
  Status check_room(const NewUpload& of, std::uint64_t more, const FileLimits& limits);
  Status drop_upload(std::int64_t number, const NewUpload& about);
  Status drop_hub(std::string_view hub);
  Status drop_file(std::int64_t number, std::string_view hub, std::string_view device);
  Result<StoredFile> make_file(const Row& row, const std::vector<Part>& chosen,
                               std::string_view content_type, bool only_new);

  // What stands for the hubs of those that are left.
  Result<std::set<std::string, std::less<>>> sweep_containers(
      const std::set<std::string, std::less<>>& hubs);
  Result<bool> is_named(std::string_view object);
  Status sweep_objects();
  // The object is nobody's orphan until it is settled: named by a row, or to be removed.
  Result<std::string> write_object(ByteView bytes);
  void settle_object(const std::string& name, bool named);
  void remove_objects();  // those of dropped_, after the commit that dropped them
  Status remove_dropped();

  std::mutex mutex_;
  std::unique_ptr<sqlite::Database> db_;
  sqlite::FileLock lock_;
  std::unique_ptr<ByteDepot> depot_;
  const Clock& clock_;
  std::vector<std::string> dropped_;
  std::set<std::string, std::less<>> writing_;
  // On the steady clock: when all objects are to be looked at, and when a write last failed.
  std::int64_t list_due_ms_ = 0;
  std::int64_t last_doubt_ms_ = INT64_MIN / 2;
  std::set<std::string, std::less<>> finishing_;
};

// 1 to kFileNameSizeMax bytes of UTF-8 without control characters or backslashes, of parts that
// '/' separates and that are neither empty nor "." nor "..". kBadFileName.
Status check_file_name(std::string_view name);

}  // namespace pavise::hub::files
