// Apps that come, change and go while the device runs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "device/apps/control/control.h"
#include "device/apps/deployment/package_store.h"
#include "device/apps/house/house.h"
#include "device/apps/storage/app_storage.h"

namespace pavise::device {

inline constexpr ErrorInfo kPartOfImage{"PV-DEP-005", Retry::never,
                                        "the app is part of the device's image",
                                        "Stop it, or build the image without it."};

inline constexpr ErrorInfo kUpdateWaits{"PV-DEP-006", Retry::later, "the app has its update wait",
                                        "Deploy it again when the time of the detail has passed."};

inline constexpr ErrorInfo kGoesDown{"PV-DEP-007", Retry::later, "the device goes down",
                                     "Deploy again when it is back."};
inline constexpr ErrorInfo kAppHangs{"PV-DEP-008", Retry::later,
                                     "the version before was killed and has not ended",
                                     "It waits in the kernel for its hardware; try again when it "
                                     "has ended, or start the device again."};

// How long the version before may take to end, whatever its manifest says.
inline constexpr std::int64_t kUpdateStopMs = 10'000;
// From its kill to its end.
inline constexpr std::int64_t kKillMs = 2000;

// Not thread-safe. Others are looked after while it waits for an app to end.
class Deploying {
 public:
  // All outlive it.
  struct Surroundings {
    House& house;
    PackageStore& store;
    AppStorage& storage;
    InstallRules rules;        // their floors are those of the store
    std::string image_folder;  // of the packages that came with the image
    const Clock& clock;
    Tell tell;
    // So that what cannot be measured is refused while the version before still runs.
    std::function<Status(const InstalledApp&)> measure;
    // Waits for something to happen at most so many milliseconds, and looks after all that runs.
    // False: the device goes down, and nobody waits any more.
    std::function<bool(std::int64_t)> turn;
  };
  explicit Deploying(Surroundings around) : around_(std::move(around)) {}

  Result<std::uint64_t> receive(std::uint64_t size, std::uint64_t offset, ByteView data) {
    return around_.store.receive(size, offset, data);
  }
  // Checks what was received, puts it in the place of the app's version before, keeps it and starts
  // it. What the check refuses is not there any more. After an error that version goes on, or is
  // started again like any app that ended; when the device goes down it is what the next start
  // finds. kUpdateWaits, kGoesDown, kAppHangs; errors of PackageStore, judge_deployed(), `measure`
  // and PutUpWalls.
  Result<apps_ipc::Installed> install(std::uint64_t size, const Digest256& sha256);
  // Ends the app; its package and storage are gone. The image's version, if there is one, is back.
  // That is so as well if the storage cannot be erased, which is an error. kAppHangs: the device's
  // next start does what is left. kUnknownApp, kPartOfImage, errors of PackageStore and AppStorage.
  Result<apps_ipc::AppSource> remove(std::string_view name);

 private:
  std::vector<manifest::Manifest> manifests() const;
  RunningApp* find(const manifest::ComponentId& app) const;
  uid_t user_of(const manifest::ComponentId& app) const;
  Result<InstalledApp> judge(const std::string& path) const;
  Status hear_out(RunningApp& app, const std::string& version);
  bool wait_until(std::int64_t steady_ms);
  bool wanted(const RunningApp& app) const;
  Status end(RunningApp& app);
  Result<RunningApp*> put_in_place(InstalledApp app, uid_t user);
  void bring_back(House::MovedOut before, uid_t user, bool wanted);
  Result<std::optional<InstalledApp>> version_of_image(const manifest::ComponentId& app);
  bool bring_image_version(const manifest::ComponentId& app);

  Surroundings around_;
  bool goes_down_ = false;  // the device
};

}  // namespace pavise::device
