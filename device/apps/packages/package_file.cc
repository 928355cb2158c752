#include "device/apps/packages/package_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace pavise::device {

Result<PackageFile> open_package(const std::string& path,
                                 std::span<const crypto::P256PublicKey> owner_keys,
                                 const std::vector<image::AbiOffer>& offers) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0)
    return Error(kPackageUnreadable, path + ": " + std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return Error(kPackageUnreadable, path + ": not a file");
  Bytes front(image::kFrontBytesMax);
  std::size_t used = 0;
  while (used < front.size()) {
    const ssize_t size =
        ::pread(file.get(), front.data() + used, front.size() - used, static_cast<off_t>(used));
    if (size < 0) return Error(kPackageUnreadable, path + ": " + std::strerror(errno));
    if (size == 0) break;
    used += static_cast<std::size_t>(size);
  }
  front.resize(used);
  PAVISE_TRY_ASSIGN(
      image::Package package,
      image::Package::open(front, static_cast<std::uint64_t>(info.st_size), owner_keys));
  PAVISE_TRY(image::check_needs(package.header().needs, offers));
  return PackageFile{std::move(file), std::move(package)};
}

}  // namespace pavise::device
