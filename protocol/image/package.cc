#include "protocol/image/package.h"

#include <algorithm>

#include "protocol/erofs/erofs.h"

namespace pavise::image {
namespace {

static_assert(kContentBlocksMin == erofs::kBlocksMin && kContentBlocksMax == erofs::kBlocksMax);

bool is_signed_by(const Header& header, ByteView signed_bytes, const crypto::P256PublicKey& key) {
  return key_id(key) == header.owner_key_id &&
         key.verify_digest(crypto::sha256(signed_bytes), header.signature).has_value();
}

Result<manifest::Manifest> read_manifest(const Header& header, ByteView bytes) {
  if (crypto::sha256(bytes) != header.manifest_digest) return Error(kBadManifest);
  PAVISE_TRY_ASSIGN(manifest::Manifest out, manifest::Manifest::parse(bytes));
  if (out.component_id != header.component_id) return Error(kOtherApp, "component id");
  if (out.version != header.version) return Error(kOtherApp, "version");
  if (out.security_epoch != header.security_epoch) return Error(kOtherApp, "security epoch");
  const auto& identity = out.capabilities.device_authentication;
  if (identity && *identity != header.tenant) return Error(kOtherTenant, identity->text());
  return out;
}

// Leading ../ stay within the directories that hold the link, and after them no .. comes again: a
// name may be a link itself, and .. behind it would go up from where that one points.
bool leaves(std::string_view target, unsigned depth) {
  if (target.starts_with('/')) return true;
  unsigned up = 0;
  bool down = false;
  while (!target.empty()) {
    const std::string_view part = target.substr(0, target.find('/'));
    target.remove_prefix(std::min(part.size() + 1, target.size()));
    if (part == "..") {
      if (down || ++up > depth) return true;
    } else if (!part.empty() && part != ".") {
      down = true;
    }
  }
  return false;
}

bool has_control_characters(std::string_view path) {
  return std::ranges::any_of(
      path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Status inspect_entry(const erofs::Entry& entry) {
  if (has_control_characters(entry.path)) return Error(kBadFileName, to_hex(as_bytes(entry.path)));
  const std::string path(entry.path);
  if (entry.kind != erofs::Kind::file && entry.kind != erofs::Kind::directory &&
      entry.kind != erofs::Kind::symlink)
    return Error(kSpecialFile, path + ": " + std::string(to_string(entry.kind)));
  if ((entry.permissions & 07000U) != 0 || entry.uid != 0 || entry.gid != 0)
    return Error(kPrivilegedFile, path);
  if (entry.kind == erofs::Kind::symlink) {
    const std::string target = std::string(as_text(entry.head)) + std::string(as_text(entry.tail));
    if (target.find('\0') != std::string::npos || has_control_characters(target) ||
        leaves(target, entry.depth))
      return Error(kLinkLeaves, path);
  }
  return {};
}

}  // namespace

Result<Package> Package::read_unverified(ByteView front, std::uint64_t file_bytes) {
  PAVISE_TRY_ASSIGN(Header header,
                    Header::parse(front.first(std::min(front.size(), kHeaderBytes))));
  if (file_bytes != header.package_bytes())
    return Error(kBadSize, std::to_string(header.package_bytes()) + " bytes are wanted");
  if (front.size() < header.tree_offset()) return Error(kBadSize, "the manifest is cut");
  const ByteView rest = front.subspan(kHeaderBytes, header.tree_offset() - kHeaderBytes);
  if (!std::ranges::all_of(rest.subspan(header.manifest_bytes),
                           [](std::byte b) { return b == std::byte{}; }))
    return Error(kBadHeader, "padding after the manifest");
  PAVISE_TRY_ASSIGN(manifest::Manifest manifest,
                    read_manifest(header, rest.first(header.manifest_bytes)));
  return Package(std::move(header), std::move(manifest));
}

Result<Package> Package::open(ByteView front, std::uint64_t file_bytes,
                              std::span<const crypto::P256PublicKey> owner_keys) {
  PAVISE_TRY_ASSIGN(const Header header,
                    Header::parse(front.first(std::min(front.size(), kHeaderBytes))));
  // Before anything else that an attacker wrote is looked at.
  const bool is_signed = std::ranges::any_of(owner_keys, [&](const crypto::P256PublicKey& key) {
    return is_signed_by(header, front.first(kSignedBytes), key);
  });
  if (!is_signed) return Error(kNotSigned, "key " + to_hex(header.owner_key_id));
  return read_unverified(front, file_bytes);
}

Status inspect_content(ByteView content, std::string_view entry_point) {
  bool has_entry_point = false;
  PAVISE_TRY(erofs::walk(content, [&](const erofs::Entry& entry) -> Status {
    PAVISE_TRY(inspect_entry(entry));
    has_entry_point =
        has_entry_point || (entry.path == entry_point && entry.kind == erofs::Kind::file &&
                            (entry.permissions & 0111U) == 0111U && entry.size_bytes != 0);
    return {};
  }));
  if (!has_entry_point) return Error(kNoEntryPoint, std::string(entry_point));
  return {};
}

}  // namespace pavise::image
