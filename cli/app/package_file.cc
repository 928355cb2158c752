#include "cli/app/package_file.h"

#include "cli/app/files.h"

namespace pavise::cli::app {

Result<PackageFile> read_package(const std::filesystem::path& path,
                                 std::span<const crypto::P256PublicKey> owner_keys) {
  PAVISE_TRY_ASSIGN(Bytes bytes, read_whole(path, kPackageBytesMax));
  PAVISE_TRY_ASSIGN(image::Package package,
                    owner_keys.empty() ? image::Package::read_unverified(bytes, bytes.size())
                                       : image::Package::open(bytes, bytes.size(), owner_keys));
  PackageFile out{.bytes = std::move(bytes), .package = std::move(package)};
  image::ContentVerifier verifier(out.package.header());
  PAVISE_TRY(verifier.feed(ByteView(out.bytes).subspan(out.package.header().tree_offset())));
  PAVISE_TRY(verifier.finish());
  PAVISE_TRY(image::inspect_content(out.content(), out.package.manifest().entry_point));
  return out;
}

}  // namespace pavise::cli::app
