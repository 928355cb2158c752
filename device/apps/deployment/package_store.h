// Packages of apps on the data partition.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "protocol/manifest/component_id.h"

namespace pavise::device {

inline constexpr ErrorInfo kPartOutOfOrder{
    "PV-DEP-001", Retry::later, "a part of a package does not follow what the device has of it",
    "Begin anew with the first part; perhaps somebody else deploys at the same time."};
inline constexpr ErrorInfo kNotReceived{
    "PV-DEP-002", Retry::later, "the device has not received the package that it is to install",
    "Deploy it again; perhaps somebody else deploys at the same time."};
inline constexpr ErrorInfo kNoRoom{"PV-DEP-003", Retry::needs_operator,
                                   "the device has no room for the package",
                                   "Remove apps that are not needed, or make the package smaller."};
inline constexpr ErrorInfo kStoreFailed{
    "PV-DEP-004", Retry::later, "the device cannot keep packages",
    "See the detail: the data partition may be closed or full."};

// Of the header's size field and the limits of protocol/image: nothing longer is a package.
inline constexpr std::uint64_t kReceivedBytesMax = 272ULL * 1024 * 1024;
// What packages leave free of the data partition.
inline constexpr std::uint64_t kFreeBytesMin = 8ULL * 1024 * 1024;

// The security epoch below which no package of an app is taken.
using EpochFloors = std::map<manifest::ComponentId, std::uint32_t>;

// Not thread-safe. Blocks on the disk.
class PackageStore {
 public:
  // `folder` is made if it is missing, for root alone. What was under way is gone. kStoreFailed.
  static Result<PackageStore> open(const std::string& folder);

  // Floors of all apps that were ever kept. One that cannot be read is the highest there is.
  // kStoreFailed.
  Result<EpochFloors> floors() const;
  // Nothing if the floor of `app` is as high already. It is on the disk afterwards. kStoreFailed.
  Status raise_floor(const manifest::ComponentId& app, std::uint32_t epoch);

  // The next part of a package of `size` bytes; offset 0 begins anew. How many bytes there are now.
  // After a refusal there are as many as before, of a first part none. kPartOutOfOrder (also:
  // beyond the size),
  // kNoRoom, kStoreFailed.
  Result<std::uint64_t> receive(std::uint64_t size, std::uint64_t offset, ByteView data);
  // The file that was received, if it is whole and this one. kNotReceived, kStoreFailed.
  Result<std::string> received(std::uint64_t size, const Digest256& sha256) const;
  // What was received, or a part of it, takes no room any more.
  void forget_received();
  // What was received becomes the package of `app`, and `epoch` its floor if that is higher. It is
  // on the disk afterwards. kStoreFailed; then the earlier package is still there, unless the last
  // of it fails, which wants no room.
  Status keep(const manifest::ComponentId& app, std::uint32_t epoch);
  // Where keep() puts the package of `app`.
  std::string path_of(const manifest::ComponentId& app) const;
  bool has(const manifest::ComponentId& app) const;
  // The package; the floor stays. Missing is no error. kStoreFailed.
  Status erase(const manifest::ComponentId& app);

  const std::string& folder() const { return folder_; }

 private:
  PackageStore(std::string folder, UniqueFd handle)
      : folder_(std::move(folder)), handle_(std::move(handle)) {}
  Status begin(std::uint64_t size);
  // Whether the floor of `app` is lower; then a new one is ready to take its place.
  Result<bool> prepare_floor(const manifest::ComponentId& app, std::uint32_t epoch);
  Status put_floor(const manifest::ComponentId& app);

  std::string folder_;
  UniqueFd handle_;
  UniqueFd incoming_;  // a file of size_ bytes, of which the first received_ are there
  std::uint64_t size_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace pavise::device
