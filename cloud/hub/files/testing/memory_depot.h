// A ByteDepot in memory whose disk can fill up, fail, or stop existing in the middle of a write.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>

#include "cloud/hub/files/byte_depot.h"

namespace pavise::hub::files::testing {

// What stays when the process ends: several depots, one after the other, may have it.
struct MemoryMedium {
  std::map<std::string, Bytes> objects;
  std::uint64_t free = std::uint64_t{1} << 40;
  bool fails = false;
  int writes = 0;
};

class MemoryDepot final : public ByteDepot {
 public:
  explicit MemoryDepot(std::shared_ptr<MemoryMedium> medium) : medium_(std::move(medium)) {}

  Status write(const std::string& name, ByteView bytes) override {
    const std::lock_guard lock(mutex_);
    PAVISE_CHECK(is_object_name(name) && !medium_->objects.contains(name));
    ++medium_->writes;
    if (medium_->fails) return kFilesFailed;
    if (bytes.size() > medium_->free) return kFilesFull;
    medium_->objects.emplace(name, to_bytes(bytes));
    return {};
  }
  Result<Bytes> read(const std::string& name, std::uint64_t position, std::size_t size) override {
    const std::lock_guard lock(mutex_);
    const auto found = medium_->objects.find(name);
    if (medium_->fails || found == medium_->objects.end()) return kFilesFailed;
    const ByteView all = found->second;
    const auto from = std::min<std::size_t>(position, all.size());
    return to_bytes(all.subspan(from, std::min(size, all.size() - from)));
  }
  Status remove(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    if (medium_->fails) return kFilesFailed;
    medium_->objects.erase(name);
    return {};
  }
  Result<std::vector<std::string>> list() override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const auto& [name, bytes] : medium_->objects) out.push_back(name);
    return out;
  }
  Result<std::uint64_t> free_bytes() override { return medium_->free; }

 private:
  std::mutex mutex_;
  std::shared_ptr<MemoryMedium> medium_;
};

}  // namespace pavise::hub::files::testing
