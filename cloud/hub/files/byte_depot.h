// Where the bytes of uploaded files lie: objects under names that the hub makes up, written once
// and never changed. The suite in testing/depot_contract.h holds for every implementation.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cloud/hub/files/errors.h"
#include "common/base/bytes.h"

namespace pavise::hub::files {

// 32 lower-case hexadecimal digits; nothing that a client says is ever part of it.
bool is_object_name(std::string_view name);

// Stops the listing by an error.
using VisitObject = std::function<Status(const std::string& name)>;

// Thread-safe; every function blocks. Errors: kFilesFailed, kFilesFull; of a remote one also
// kStoreUnreachable, kStoreRefused.
class ByteDepot {
 public:
  virtual ~ByteDepot() = default;
  // The object is on the medium, whole, when this returns. After an error there is none; a remote
  // depot may have it all the same, now or soon.
  // Precondition: is_object_name, and the name was never used.
  virtual Status write(const std::string& name, ByteView bytes) = 0;
  // Short only at the end of the object. kFilesFailed: there is no such object.
  virtual Result<Bytes> read(const std::string& name, std::uint64_t position, std::size_t size) = 0;
  // An object that is not there is removed already.
  virtual Status remove(const std::string& name) = 0;
  // All objects, also what is left of writes that were cut off. Those that come or go meanwhile may
  // be among them. `visit` may remove objects. Errors of `visit`.
  virtual Status each(const VisitObject& visit) = 0;
  virtual Result<std::uint64_t> free_bytes() = 0;
  // Calls may take long, or fail for hours.
  virtual bool is_remote() const { return false; }
  // Ends calls that are under way, and lets new ones fail. Does not block.
  virtual void stop() {}
};

// A folder (made with mode 0700 if it is missing), one file per object.
Result<std::unique_ptr<ByteDepot>> open_directory_depot(const std::string& path);

}  // namespace pavise::hub::files
