// The file layer under the event log: real (POSIX) and, in tests, fault-injecting.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cloud/hub/segment_log/errors.h"
#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::hub {

// An open segment file. write, sync and truncate are called by one thread at a time; read_at may be
// called at the same time from others. All block. Errors: kLogIoFailed, kDiskFull.
class LogFile {
 public:
  virtual ~LogFile() = default;
  // Appends at the end; may write less than all, at least one byte.
  virtual Result<std::size_t> write(ByteView bytes) = 0;
  virtual Status sync() = 0;  // data and size are on the medium afterwards
  virtual Status truncate(std::uint64_t size_bytes) = 0;
  // Short only at the end of the file.
  virtual Result<std::size_t> read_at(std::uint64_t position, std::span<std::byte> out) const = 0;
  virtual Result<std::uint64_t> size() const = 0;
};

// One flat folder of files. Errors: kLogIoFailed, kDiskFull.
class LogDirectory {
 public:
  virtual ~LogDirectory() = default;
  virtual Result<std::vector<std::string>> list() = 0;
  virtual Result<std::unique_ptr<LogFile>> open(const std::string& name) = 0;
  virtual Result<std::unique_ptr<LogFile>> create(const std::string& name) = 0;  // or empties
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& name) = 0;
  virtual Status sync() = 0;  // names are on the medium afterwards
};

// Creates the folder (mode 0700) if it is missing and locks it against a second process:
// kLogLocked. The lock ends with the process or with the object.
Result<std::unique_ptr<LogDirectory>> open_log_directory(const std::string& path);

}  // namespace pavise::hub
