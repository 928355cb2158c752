// Where the bytes of uploaded files lie: objects under names that the hub makes up, written once
// and never changed. The suite in byte_depot_test.cc holds for every implementation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/hub/files/errors.h"
#include "common/base/bytes.h"

namespace pavise::hub::files {

// 32 lower-case hexadecimal digits; nothing that a client says is ever part of it.
bool is_object_name(std::string_view name);

// Thread-safe; every function blocks. Errors: kFilesFailed, kFilesFull.
class ByteDepot {
 public:
  virtual ~ByteDepot() = default;
  // The object is on the medium, whole, when this returns; after an error there is none.
  // Precondition: is_object_name, and the name was never used.
  virtual Status write(const std::string& name, ByteView bytes) = 0;
  // Short only at the end of the object. kFilesFailed: there is no such object.
  virtual Result<Bytes> read(const std::string& name, std::uint64_t position, std::size_t size) = 0;
  // An object that is not there is removed already.
  virtual Status remove(const std::string& name) = 0;
  // All objects, also what is left of writes that were cut off.
  virtual Result<std::vector<std::string>> list() = 0;
  virtual Result<std::uint64_t> free_bytes() = 0;
};

// A folder (made with mode 0700 if it is missing), one file per object.
Result<std::unique_ptr<ByteDepot>> open_directory_depot(const std::string& path);

}  // namespace pavise::hub::files
