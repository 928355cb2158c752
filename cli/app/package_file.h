// A package as it lies in a file, after the checks that need no device.
#pragma once

#include <filesystem>
#include <span>

#include "cli/app/errors.h"
#include "common/base/bytes.h"
#include "protocol/image/package.h"

namespace pavise::cli::app {

inline constexpr std::size_t kPackageBytesMax = 300UL << 20U;  // more than any may have

struct PackageFile {
  Bytes bytes;  // the whole file
  image::Package package;

  ByteView content() const { return ByteView(bytes).subspan(package.header().content_offset()); }
};

// The file's parts belong together and its content keeps the rules. Without `owner_keys` nothing is
// said about who signed it; with them one has to have. Blocks; hashes all of it. kFileFailed, and
// PV-IMG, PV-MAN and PV-ERF as a device would answer.
Result<PackageFile> read_package(const std::filesystem::path& path,
                                 std::span<const crypto::P256PublicKey> owner_keys = {});

}  // namespace pavise::cli::app
