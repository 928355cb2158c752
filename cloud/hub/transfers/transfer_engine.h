// Executes imports and exports of devices, step by step: a page of devices or a batch of lines at a
// time, in turn for all hubs.
//
// An export that is broken off begins anew; its file is there when it is whole. An import commits a
// batch of lines together with how far it is and what it has to say of them, so it goes on where it
// was, and no line is applied or reported twice.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "cloud/hub/files/file_house.h"
#include "cloud/hub/ports/gatekeeper.h"
#include "cloud/hub/rest/bulk_items.h"
#include "cloud/hub/rest/transfer_request.h"
#include "cloud/hub/store/store_queue.h"
#include "cloud/hub/transfers/errors.h"
#include "common/base/clock.h"

namespace pavise::hub::transfers {

inline constexpr std::size_t kDevicesPerPage = 100;
inline constexpr std::size_t kLinesPerCommit = 50;
inline constexpr std::uint64_t kLinesMax = 2'000'000;
inline constexpr std::size_t kExportBlockSize = 4UL * 1024 * 1024;
inline constexpr std::size_t kImportWindow = 512UL * 1024;  // of the file, at hand
inline constexpr std::size_t kErrorBlockSize = 64UL * 1024;
inline constexpr std::size_t kTransfersAtOnce = 64;  // of all hubs; others wait for their turn
inline constexpr std::int64_t kRetryMs = 1'000;      // after a failure of the store
inline constexpr std::int64_t kWaitMs = 60'000;

struct TransferServices {
  store::StoreQueue& queue;
  files::FileHouse& files;
  const Clock& clock;
  // Called on the queue's thread, so that notifications leave in the order of their versions. None
  // of these blocks.
  std::function<void(const iothub::Identity&, std::uint64_t version, std::string body)>
      desired_changed;
  std::function<void(const iothub::Identity&)> forget;
  std::function<void(const RightsChanged&)> rights_changed;
  // A step failed and is done again; for the log. May be empty.
  std::function<void(const Error&)> failed = {};
  std::uint64_t lines_max = kLinesMax;
};

// Not thread-safe. One for each store.
class TransferEngine {
 public:
  explicit TransferEngine(TransferServices services) : services_(std::move(services)) {}

  // Does a bounded part of each import and export that is open; blocks on store and files. Returns
  // for how many milliseconds there is nothing to do, unless a job is made or cancelled; 0: there
  // is more now.
  std::int64_t step();

 private:
  struct Active {
    iothub::HubName hub;
    store::JobRecord job;
    rest::TransferRequest request;
    files::Upload output;
    // Of an export.
    std::string buffer{};
    std::string after{};
    bool of_modules = false;
    std::uint64_t written = 0;
    std::uint64_t expected = 0;
    // Of an import: the window of its file.
    files::StoredFile input{};
    std::string window{};
    std::uint64_t window_at = 0;
    std::size_t blocks = 0;  // of the output that are there
  };
  // How far an import is, as its job keeps it.
  struct Checkpoint {
    std::string etag{};  // of the input
    std::uint64_t position = 0;
    std::uint64_t lines = 0;
    std::uint64_t failed = 0;
    std::size_t blocks = 0;  // of the log, before `errors`
    std::string errors{};    // what is not yet in a block
  };
  struct Batch;

  Status advance(const store::HubReader::DueJob& due);
  Status begin(const store::HubReader::DueJob& due);
  Status prepare(Active& active);
  Status export_page(Active& active);
  Status import_batch(Active& active);
  Status read_window(Active& active, std::uint64_t position);
  Result<Batch> next_batch(Active& active, const Checkpoint& before);
  Status commit_batch(Active& active, const Batch& batch);
  Status write_block(Active& active, std::string_view text);
  Status finish_output(Active& active, std::string_view content_type);
  // The job as it stands, if it still runs; then writes what is new of it.
  Status save(Active& active);
  Status complete(Active& active, std::string words);
  Status fail(const store::HubReader::DueJob& due, const Error& why);
  void drop(const std::string& key);

  static Result<Checkpoint> parse(const std::string& text);
  static std::string text_of(const Checkpoint& checkpoint);
  void tell(const iothub::Identity& identity, rest::BulkOutcome outcome) const;

  TransferServices services_;
  std::map<std::string, Active, std::less<>> active_;  // by "{hub}/{job}"
};

}  // namespace pavise::hub::transfers
