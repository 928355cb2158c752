// A package on this device, as its owner signed it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/crypto/crypto.h"
#include "protocol/image/package.h"

namespace pavise::device {

inline constexpr ErrorInfo kPackageUnreadable{"PV-PKG-001", Retry::later,
                                              "an app package cannot be read",
                                              "See the detail; copy the package again."};

struct PackageFile {
  UniqueFd file;
  image::Package package;
};

// Blocks on the file. kPackageUnreadable, and the errors of image::Package::open() and
// image::check_needs().
Result<PackageFile> open_package(const std::string& path,
                                 std::span<const crypto::P256PublicKey> owner_keys,
                                 const std::vector<image::AbiOffer>& offers);

}  // namespace pavise::device
