// Uploaded files with everything they stand on.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "cloud/hub/files/blob_requests.h"
#include "cloud/hub/store/identity_index.h"
#include "common/base/step_thread.h"

namespace pavise::hub::files {

// A text that a later hub of the same name does not have.
std::string hub_key(const store::HubRecord& hub);
FileLimits limits_of(const store::HubSettings& settings);

// How often there is a look whether objects are to be removed, and how long failures make it wait.
struct CollectTimes {
  std::int64_t every_ms = 2'000;
  std::int64_t retry_ms = 2'000;
  std::int64_t retry_ms_max = 60'000;
};

struct FileHouseOptions {
  std::string folder;
  MakeDepot depot{};  // empty: a folder beside the catalogue
  // Objects cannot be listed or removed for now; null: they can again. May be empty.
  std::function<void(const Error*)> depot_failed{};
  CollectTimes collect{};
};

// Thread-safe.
class FileHouse {
 public:
  // Opens or makes the folder (mode 0700). `index` and `clock` outlive the house. Blocks on disk,
  // not on a remote depot. Errors of FileStore::open; kObjectsElsewhere: there are objects in the
  // folder, and the depot is another.
  static Result<std::unique_ptr<FileHouse>> open(FileHouseOptions options,
                                                 const store::IdentityIndex& index,
                                                 const Clock& clock);
  ~FileHouse();  // stop()
  FileHouse(const FileHouse&) = delete;
  FileHouse& operator=(const FileHouse&) = delete;

  FileStore& store() { return *store_; }
  const UploadTokens& tokens() const { return tokens_; }
  const BlobRequests& blobs() const { return blobs_; }
  // Removes what is over; to be called once a minute or so. Blocks.
  Status keep();
  // Begins to remove objects that nothing names any more, on a thread of its own. Called once.
  void start();
  // Ends that, and lets calls of the depot fail from now on. Idempotent.
  void stop();

 private:
  FileHouse(FileHouseOptions options, std::unique_ptr<FileStore> store, SecretBytes key,
            const store::IdentityIndex& index, const Clock& clock);
  std::int64_t collect();
  Result<FileLimits> admit(const NewUpload& upload) const;
  Status admit_container(const Container& container) const;

  const FileHouseOptions options_;
  const store::IdentityIndex& index_;
  std::unique_ptr<FileStore> store_;
  UploadTokens tokens_;
  BlobRequests blobs_;
  const ErrorInfo* failing_ = nullptr;  // of the collector's thread
  std::int64_t retry_ms_ = 0;
  std::atomic<bool> stopping_ = false;
  StepThread collector_;
};

}  // namespace pavise::hub::files
