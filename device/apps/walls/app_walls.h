// The walls of an app as the kernel has them: its image, its group, its guard, its storage.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "device/apps/house/walls.h"
#include "device/apps/names/name_service.h"
#include "device/apps/packages/content_mount.h"
#include "device/apps/storage/app_storage.h"

namespace pavise::device {

// Where walls are put up.
struct Ground {
  std::string groups;                   // folder of cgroup2 whose children have the controllers
  std::string mounts;                   // folder on a tmpfs
  AppStorage* storage;                  // null: the data partition is closed
  std::function<NameService*()> names;  // null: names cannot be resolved
};

// Not thread-safe. What `ground` names outlives them.
class AppWalls final : public Walls {
 public:
  // Mounts the image, provides storage, makes group and guard. Nothing runs yet. Errors of all of
  // these rooms. `number`: as in PutUpWalls.
  static Result<std::unique_ptr<Walls>> put_up(const InstalledApp& app, uid_t user,
                                               std::uint8_t number, const Ground& ground);
  AppWalls(const AppWalls&) = delete;
  AppWalls& operator=(const AppWalls&) = delete;
  ~AppWalls() override;

  bool has_debugger() const override;
  Result<std::unique_ptr<Program>> start(const Run& run) override;
  BudgetEvents events() const override { return group_.events(); }
  std::uint64_t memory_bytes() const override { return group_.memory_bytes(); }
  bool storage_is_full() const override { return quota_ != nullptr && quota_->is_full(user_); }
  std::vector<RefusedPeer> take_refused() override { return guard_.take_refused(); }
  Status pin(const AddressBytes& address, int socket_type, std::uint16_t port,
             std::chrono::seconds lifetime) override {
    return guard_.pin(address, socket_type, port, lifetime);
  }

 private:
  AppWalls(uid_t user, std::uint8_t number, AppGroup group, EgressGuard guard, ContentMount mount);
  CompartmentSpec spec(const Run& run) const;
  Status provide_storage(const InstalledApp& app, AppStorage* storage);
  Status provide_names(const AppPolicy& policy, NameService* names);

  uid_t user_;
  std::uint8_t number_;
  AppGroup group_;
  EgressGuard guard_;
  ContentMount mount_;
  StorageFolders storage_;
  const AppStorage* quota_ = nullptr;  // null: no storage
  NameService* names_ = nullptr;       // null: it lists no names
};

}  // namespace pavise::device
