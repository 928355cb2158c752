// A LogDirectory in memory that can fail on demand and forget what was not synced.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "cloud/hub/segment_log/log_directory.h"

namespace pavise::hub::testing {

// What the "disk" does wrong from now on. Shared by all files of one directory.
struct DiskFaults {
  std::size_t write_max = SIZE_MAX;            // short writes
  std::optional<std::size_t> space_left = {};  // then kDiskFull
  bool sync_fails = false;
  bool truncate_fails = false;
  bool create_fails = false;
  bool remove_fails = false;
  // Called while a file is truncated, synced or removed: what happens while the disk hangs.
  std::function<void()> meanwhile = {};
  std::size_t removes_left = SIZE_MAX;  // then kLogIoFailed
};

// The state of the disk; survives the directory objects that show it. Thread-safe.
class MemoryDisk {
 public:
  struct FileState {
    Bytes written;
    std::size_t synced_size = 0;
    bool name_synced = false;  // the folder was synced since it has its name
  };

  std::mutex mutex;
  DiskFaults faults;
  std::map<std::string, std::shared_ptr<FileState>> files;

  void hang() {
    std::function<void()> meanwhile;
    {
      const std::lock_guard lock(mutex);
      meanwhile = faults.meanwhile;
    }
    if (meanwhile) meanwhile();
  }
  void set_faults(const DiskFaults& wanted) {
    const std::lock_guard lock(mutex);
    faults = wanted;
  }
  // A power cut: of what was not synced, only `kept_bytes` remain in each file, and no file whose
  // name was not synced.
  std::shared_ptr<MemoryDisk> after_power_cut(std::size_t kept_bytes) {
    const std::lock_guard lock(mutex);
    auto out = std::make_shared<MemoryDisk>();
    for (const auto& [name, file] : files) {
      if (!file->name_synced) continue;
      auto copy = std::make_shared<FileState>(*file);
      copy->written.resize(std::min(copy->written.size(), file->synced_size + kept_bytes));
      copy->synced_size = copy->written.size();
      out->files[name] = std::move(copy);
    }
    return out;
  }
  std::shared_ptr<MemoryDisk> copy() {
    const std::lock_guard lock(mutex);
    auto out = std::make_shared<MemoryDisk>();
    for (const auto& [name, file] : files) out->files[name] = std::make_shared<FileState>(*file);
    return out;
  }
};

class MemoryLogFile final : public LogFile {
 public:
  MemoryLogFile(std::shared_ptr<MemoryDisk> disk, std::shared_ptr<MemoryDisk::FileState> file)
      : disk_(std::move(disk)), file_(std::move(file)) {}

  Result<std::size_t> write(ByteView bytes) override {
    const std::lock_guard lock(disk_->mutex);
    auto& space = disk_->faults.space_left;
    if (space && *space == 0) return kDiskFull;
    std::size_t size = std::min(bytes.size(), disk_->faults.write_max);
    if (space) {
      size = std::min(size, *space);
      *space -= size;
    }
    append(file_->written, bytes.first(size));
    return size;
  }
  Status sync() override {
    disk_->hang();
    const std::lock_guard lock(disk_->mutex);
    if (disk_->faults.sync_fails) return Error(kLogIoFailed, "injected");
    file_->synced_size = file_->written.size();
    return {};
  }
  Status truncate(std::uint64_t size_bytes) override {
    disk_->hang();
    const std::lock_guard lock(disk_->mutex);
    if (disk_->faults.truncate_fails) return Error(kLogIoFailed, "injected");
    file_->written.resize(size_bytes);
    file_->synced_size = std::min<std::size_t>(file_->synced_size, size_bytes);
    return {};
  }
  Result<std::size_t> read_at(std::uint64_t position, std::span<std::byte> out) const override {
    const std::lock_guard lock(disk_->mutex);
    if (position >= file_->written.size()) return std::size_t{0};
    const std::size_t size = std::min<std::size_t>(out.size(), file_->written.size() - position);
    std::copy_n(file_->written.begin() + static_cast<std::ptrdiff_t>(position), size, out.begin());
    return size;
  }
  Result<std::uint64_t> size() const override {
    const std::lock_guard lock(disk_->mutex);
    return std::uint64_t{file_->written.size()};
  }

 private:
  std::shared_ptr<MemoryDisk> disk_;
  std::shared_ptr<MemoryDisk::FileState> file_;
};

class MemoryLogDirectory final : public LogDirectory {
 public:
  explicit MemoryLogDirectory(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {}

  Result<std::vector<std::string>> list() override {
    const std::lock_guard lock(disk_->mutex);
    std::vector<std::string> names;
    for (const auto& [name, file] : disk_->files) names.push_back(name);
    return names;
  }
  Result<std::unique_ptr<LogFile>> open(const std::string& name) override {
    const std::lock_guard lock(disk_->mutex);
    const auto found = disk_->files.find(name);
    if (found == disk_->files.end()) return Error(kLogIoFailed, "no file " + name);
    return file_of(found->second);
  }
  Result<std::unique_ptr<LogFile>> create(const std::string& name) override {
    const std::lock_guard lock(disk_->mutex);
    if (disk_->faults.create_fails) return kDiskFull;
    auto state = std::make_shared<MemoryDisk::FileState>();
    disk_->files[name] = state;
    return file_of(state);
  }
  Status rename(const std::string& from, const std::string& to) override {
    const std::lock_guard lock(disk_->mutex);
    auto node = disk_->files.extract(from);
    if (node.empty()) return Error(kLogIoFailed, "no file " + from);
    node.key() = to;
    node.mapped()->name_synced = false;
    disk_->files.insert(std::move(node));
    return {};
  }
  Status remove(const std::string& name) override {
    disk_->hang();
    const std::lock_guard lock(disk_->mutex);
    if (disk_->faults.remove_fails || disk_->faults.removes_left == 0)
      return Error(kLogIoFailed, "injected");
    --disk_->faults.removes_left;
    if (disk_->files.erase(name) == 0) return Error(kLogIoFailed, "no file " + name);
    return {};
  }
  Status sync() override {
    const std::lock_guard lock(disk_->mutex);
    for (const auto& [name, file] : disk_->files) file->name_synced = true;
    return {};
  }

 private:
  Result<std::unique_ptr<LogFile>> file_of(std::shared_ptr<MemoryDisk::FileState> state) {
    return std::unique_ptr<LogFile>(std::make_unique<MemoryLogFile>(disk_, std::move(state)));
  }
  std::shared_ptr<MemoryDisk> disk_;
};

}  // namespace pavise::hub::testing
