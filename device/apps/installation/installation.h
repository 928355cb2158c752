// Which apps this device has.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"
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
  PackageFile package;
  AppPolicy policy;

  const manifest::Manifest& manifest() const { return package.package.manifest(); }
};
struct RefusedPackage {
  std::string path;
  Error why;
};
struct Installation {
  std::vector<InstalledApp> apps;  // each before those that start after it
  std::vector<RefusedPackage> refused;
};

// Looks into `folder` for packages, by name: of two that cannot live together the first stays.
// Blocks: everything in them is read and checked, in a child that becomes `inspector`. Needs root.
Installation read_installation(const std::string& folder, const Owner& owner,
                               const HardwareDefinition& hardware, uid_t inspector);

}  // namespace pavise::device
