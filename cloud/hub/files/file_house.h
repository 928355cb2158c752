// Uploaded files with everything they stand on.
#pragma once

#include <memory>
#include <string>

#include "cloud/hub/files/blob_requests.h"
#include "cloud/hub/store/identity_index.h"

namespace pavise::hub::files {

// A text that a later hub of the same name does not have.
std::string hub_key(const store::HubRecord& hub);
FileLimits limits_of(const store::HubSettings& settings);

// Thread-safe.
class FileHouse {
 public:
  // Opens or makes the folder (mode 0700). `index` and `clock` outlive the house. Blocks. Errors of
  // FileStore::open.
  static Result<std::unique_ptr<FileHouse>> open(const std::string& folder,
                                                 const store::IdentityIndex& index,
                                                 const Clock& clock);
  FileHouse(const FileHouse&) = delete;
  FileHouse& operator=(const FileHouse&) = delete;

  FileStore& store() { return *store_; }
  const UploadTokens& tokens() const { return tokens_; }
  const BlobRequests& blobs() const { return blobs_; }
  // Removes what is over; to be called once a minute or so. Blocks.
  Status keep();

 private:
  FileHouse(std::unique_ptr<FileStore> store, SecretBytes key, const store::IdentityIndex& index,
            const Clock& clock);
  Result<FileLimits> admit(const NewUpload& upload) const;
  Status admit_container(const Container& container) const;

  const store::IdentityIndex& index_;
  std::unique_ptr<FileStore> store_;
  UploadTokens tokens_;
  BlobRequests blobs_;
};

}  // namespace pavise::hub::files
