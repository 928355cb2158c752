// An app package as a whole: what its owner signed, its manifest, and the rules for its content.
#pragma once

#include <span>

#include "common/crypto/crypto.h"
#include "protocol/image/hash_tree.h"
#include "protocol/image/header.h"
#include "protocol/manifest/manifest.h"

namespace pavise::image {

// The front of a package. Whoever holds one from open() knows that the owner signed it; its content
// still has to go through ContentVerifier and inspect_content().
class Package {
 public:
  // `front`: the first bytes of the file, at least up to tree_offset() (kFrontBytesMax is always
  // enough; what follows is not looked at). `file_bytes`: how long the file is. One of `owner_keys`
  // must have signed. Errors: PV-IMG-001 to -008, and PV-MAN-001 to -013 of the manifest. Pure;
  // thread-safe.
  static Result<Package> open(ByteView front, std::uint64_t file_bytes,
                              std::span<const crypto::P256PublicKey> owner_keys);
  // The same without a look at the signature: to show a package to a person, never to install it.
  static Result<Package> read_unverified(ByteView front, std::uint64_t file_bytes);

  const Header& header() const { return header_; }
  const manifest::Manifest& manifest() const { return manifest_; }

 private:
  Package(Header header, manifest::Manifest manifest)
      : header_(std::move(header)), manifest_(std::move(manifest)) {}

  Header header_;
  manifest::Manifest manifest_;
};

// The rules for what an app's image may hold: files, folders and symbolic links only, owned by
// root, without setuid, setgid and sticky bits, without extended attributes; no link that is
// absolute or leaves the image; names without control characters; an executable file at
// `entry_point`; and the limits of protocol/erofs. `content`: exactly the content of the package.
// Errors: PV-IMG-020 to -024 with the path, PV-ERF-001 to -004. Pure; thread-safe.
Status inspect_content(ByteView content, std::string_view entry_point);

}  // namespace pavise::image
