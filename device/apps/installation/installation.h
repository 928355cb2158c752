// Which apps this device has.
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"
#include "device/apps/deployment/package_store.h"
#include "device/apps/packages/package_file.h"
#include "device/apps/policy/app_policy.h"

namespace pavise::device {

inline constexpr ErrorInfo kOtherOwner{"PV-INS-001", Retry::never,
                                       "an app is of another owner than this device",
                                       "Build the package for the tenant that owns the device."};
inline constexpr ErrorInfo kTooManyApps{
    "PV-INS-002", Retry::never, "there are more apps than a device can have", "Remove some."};
inline constexpr ErrorInfo kBadOwnerKeys{
    "PV-INS-003", Retry::never, "the keys of the apps' owner cannot be read",
    "Build the image again with the owner's public keys as PEM."};

inline constexpr ErrorInfo kOlderEpoch{
    "PV-INS-004", Retry::never, "the app's security epoch is older than what the device had",
    "Build the package with the epoch that the detail names, or a later one."};

inline constexpr std::size_t kAppsMax = 32;
inline constexpr std::size_t kOwnerKeysMax = 8;
inline constexpr std::string_view kPackageEnding = ".pvimage";

struct Owner {
  TenantId tenant;
  std::vector<crypto::P256PublicKey> keys;  // any may have signed
};
// `pem`: public keys one after the other, 1 to kOwnerKeysMax. kBadOwnerKeys.
Result<Owner> parse_owner(std::string_view tenant, std::string_view pem);

struct InstalledApp {
  std::string path;
  bool deployed = false;  // false: it came with the image
  PackageFile package;
  AppPolicy policy;

  const manifest::Manifest& manifest() const { return package.package.manifest(); }
  const image::Header& header() const { return package.package.header(); }
};
struct RefusedPackage {
  std::string path;
  Error why;
};
struct Installation {
  std::vector<InstalledApp> apps;  // each before those that start after it
  std::vector<RefusedPackage> refused;
};

// What an app has to obey to be one of this device.
struct InstallRules {
  Owner owner;
  HardwareDefinition hardware;
  uid_t inspector = 0;  // becomes who reads contents
  EpochFloors floors = {};
};

// A package that was deployed, beside `others` and instead of the one of the same app among them.
// Blocks: everything in it is read and checked, in a child. Needs root.
Result<InstalledApp> judge_deployed(const std::string& path, const InstallRules& rules,
                                    std::vector<manifest::Manifest> others);

// The image's package of `app`; nullopt: it has none. Otherwise as judge_deployed().
Result<std::optional<InstalledApp>> find_in_image(const std::string& image_folder,
                                                  const manifest::ComponentId& app,
                                                  const InstallRules& rules,
                                                  const std::vector<manifest::Manifest>& others);

// Looks into both folders for packages, by name: of two that cannot live together the first stays.
// What was deployed goes before what the image has, and instead of the image's package of the same
// app, unless its security epoch is older. Blocks as judge_deployed() does. Needs root.
Installation read_installation(const std::string& image_folder, const std::string& deployed_folder,
                               const InstallRules& rules);

}  // namespace pavise::device
