// The owner's side: what a package will hold before it is signed.
#pragma once

#include "protocol/image/package.h"

namespace pavise::image {

struct Parts {
  ByteView manifest;  // the exact bytes
  ByteView content;   // a whole EROFS image
  TenantId tenant;
  Digest256 sbom_digest{};
  std::vector<AbiNeed> needs;  // in any order, no name twice
  Digest256 owner_key_id{};
};

struct Draft {
  Header header;  // all but the signature
  Bytes tree;
};

// Refuses what the device would refuse: every error of Package::open() but kNotSigned, and all of
// inspect_content(). The salt follows from the manifest, so that the same parts give the same
// bytes. Pure; thread-safe.
Result<Draft> draft_package(const Parts& parts);

// What stands before tree and content in the file.
Bytes package_front(const Header& header, ByteView manifest);

}  // namespace pavise::image
