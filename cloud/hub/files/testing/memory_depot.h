// A ByteDepot in memory whose disk can fill up, fail, or stop existing in the middle of a write.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "cloud/hub/files/byte_depot.h"

namespace pavise::hub::files::testing {

// What stays when the process ends: several depots, one after the other, may have it.
struct MemoryMedium {
  std::map<std::string, Bytes> objects;
  std::uint64_t free = std::uint64_t{1} << 40;
  const ErrorInfo* failure = nullptr;  // of every call
  bool remote = false;
  std::function<void(const std::string& name)> written{};  // before anybody else learns of it
  bool loses_answers = false;  // an object is written, and nobody learns of it
  int writes = 0;
  int listings = 0;
};

class MemoryDepot final : public ByteDepot {
 public:
  explicit MemoryDepot(std::shared_ptr<MemoryMedium> medium) : medium_(std::move(medium)) {}

  Status write(const std::string& name, ByteView bytes) override {
    {
      const std::lock_guard lock(mutex_);
      PAVISE_CHECK(is_object_name(name) && !medium_->objects.contains(name));
      ++medium_->writes;
      if (medium_->failure != nullptr) return *medium_->failure;
      if (bytes.size() > medium_->free) return kFilesFull;
      medium_->objects.emplace(name, to_bytes(bytes));
    }
    if (medium_->written) medium_->written(name);
    if (medium_->loses_answers) return kStoreUnreachable;
    return {};
  }
  Result<Bytes> read(const std::string& name, std::uint64_t position, std::size_t size) override {
    const std::lock_guard lock(mutex_);
    const auto found = medium_->objects.find(name);
    if (medium_->failure != nullptr) return *medium_->failure;
    if (found == medium_->objects.end()) return kFilesFailed;
    const ByteView all = found->second;
    const auto from = std::min<std::size_t>(position, all.size());
    return to_bytes(all.subspan(from, std::min(size, all.size() - from)));
  }
  Status remove(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    if (medium_->failure != nullptr) return *medium_->failure;
    medium_->objects.erase(name);
    return {};
  }
  Status each(const VisitObject& visit) override {
    std::vector<std::string> names;
    {
      const std::lock_guard lock(mutex_);
      ++medium_->listings;
      if (medium_->failure != nullptr) return *medium_->failure;
      for (const auto& [name, bytes] : medium_->objects) names.push_back(name);
    }
    for (const std::string& name : names) PAVISE_TRY(visit(name));
    return {};
  }
  Result<std::uint64_t> free_bytes() override { return medium_->free; }
  bool is_remote() const override { return medium_->remote; }

 private:
  std::mutex mutex_;
  std::shared_ptr<MemoryMedium> medium_;
};

}  // namespace pavise::hub::files::testing
