// The first 512 bytes of an app package. Byte by byte: docs/formats/app-image.md.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "protocol/image/errors.h"
#include "protocol/manifest/manifest.h"

namespace pavise::image {

inline constexpr std::size_t kHeaderBytes = 512;
inline constexpr std::size_t kSignedBytes = 448;  // of it; the signature is the rest
inline constexpr std::uint16_t kFormatVersion = 1;
inline constexpr std::size_t kBlockBytes = 4096;
inline constexpr std::uint32_t kContentBlocksMin = 2;         // below it dm-verity has no tree
inline constexpr std::uint32_t kContentBlocksMax = 1U << 16;  // 256 MiB
inline constexpr std::size_t kNeedsMax = 8;
inline constexpr std::size_t kNeedNameMax = 16;
// Header, manifest and padding.
inline constexpr std::size_t kFrontBytesMax = kHeaderBytes + manifest::kManifestBytesMax + 3584;

// What a package needs of the device: a name of a-z, 0-9, '-' and '_', and a version.
struct AbiNeed {
  std::string name;
  std::uint32_t version = 0;
  bool operator==(const AbiNeed&) const = default;
};

struct Header {
  Header(const manifest::ComponentId& id, TenantId owner)
      : component_id(id), tenant(std::move(owner)) {}

  // The fields alone, each within its limits and every unused byte zero; says nothing about the
  // signature. kNotPackage, kOtherFormat, kBadHeader. Pure; thread-safe; allocates the needs only.
  static Result<Header> parse(ByteView first_512);
  // The bytes that are signed: kSignedBytes of them.
  Bytes signed_bytes() const;

  std::uint32_t manifest_bytes = 0;
  manifest::ComponentId component_id;
  manifest::Version version;
  std::uint32_t security_epoch = 0;
  TenantId tenant;
  std::uint32_t content_blocks = 0;
  Digest256 manifest_digest{};
  Digest256 sbom_digest{};
  Digest256 root_hash{};
  Digest256 salt{};
  Digest256 owner_key_id{};  // key_id() of the key that signed
  std::vector<AbiNeed> needs;
  crypto::EcdsaRaw signature{};

  // Where the parts stand in the file, in bytes. The tree and the content are whole blocks.
  std::uint64_t tree_offset() const;
  std::uint64_t tree_bytes() const;
  std::uint64_t content_offset() const { return tree_offset() + tree_bytes(); }
  std::uint64_t content_bytes() const { return std::uint64_t{content_blocks} * kBlockBytes; }
  std::uint64_t package_bytes() const { return content_offset() + content_bytes(); }
};

// SHA-256 of the key's SubjectPublicKeyInfo (DER).
Digest256 key_id(const crypto::P256PublicKey& key);

// What a device offers under a name: all versions from oldest to newest.
struct AbiOffer {
  std::string name;
  std::uint32_t oldest = 0;
  std::uint32_t newest = 0;
};
// kAbiMissing with the first need that no offer meets.
Status check_needs(const std::vector<AbiNeed>& needs, const std::vector<AbiOffer>& offers);

}  // namespace pavise::image
