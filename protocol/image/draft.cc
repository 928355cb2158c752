#include "protocol/image/draft.h"

#include <algorithm>

namespace pavise::image {
namespace {

constexpr std::string_view kSaltLabel = "pavise app image salt 1";

}  // namespace

Result<Draft> draft_package(const Parts& parts) {
  PAVISE_TRY_ASSIGN(const manifest::Manifest manifest, manifest::Manifest::parse(parts.manifest));
  PAVISE_TRY(inspect_content(parts.content, manifest.entry_point));
  Draft out{.header = Header(manifest.component_id, parts.tenant), .tree = {}};
  Header& header = out.header;
  header.manifest_bytes = static_cast<std::uint32_t>(parts.manifest.size());
  header.version = manifest.version;
  header.security_epoch = manifest.security_epoch;
  header.content_blocks = static_cast<std::uint32_t>(parts.content.size() / kBlockBytes);
  header.manifest_digest = manifest.digest;
  header.sbom_digest = parts.sbom_digest;
  header.salt = crypto::sha256({as_bytes(kSaltLabel), ByteView(manifest.digest)});
  header.owner_key_id = parts.owner_key_id;
  if (parts.needs.size() > kNeedsMax) return Error(kBadHeader, "number of needs");
  header.needs = parts.needs;
  std::ranges::sort(header.needs, {}, &AbiNeed::name);
  HashTree tree = build_tree(parts.content, header.salt);
  header.root_hash = tree.root;
  out.tree = std::move(tree.blocks);
  // Whatever is still wrong is refused by the words of the reader.
  PAVISE_TRY(
      Package::read_unverified(package_front(header, parts.manifest), header.package_bytes()));
  return out;
}

Bytes package_front(const Header& header, ByteView manifest) {
  Bytes out = header.signed_bytes();
  append(out, header.signature);
  append(out, manifest);
  out.resize(header.tree_offset());
  return out;
}

}  // namespace pavise::image
