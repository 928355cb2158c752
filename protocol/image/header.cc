#include "protocol/image/header.h"

#include <algorithm>

#include "protocol/image/hash_tree.h"

namespace pavise::image {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMagic = "PVIMAGE\0"sv;
constexpr std::size_t kTenantFieldBytes = 51;
constexpr std::size_t kReservedBytes = 24;
static_assert(TenantId::kLengthMax <= kTenantFieldBytes);

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{}; });
}

bool is_need_name(std::string_view name) {
  return !name.empty() && name.size() <= kNeedNameMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// The text of a field, or nothing if a byte behind its zero is not zero too.
std::optional<std::string_view> padded_text(ByteView field) {
  const std::string_view text = as_text(field).substr(0, as_text(field).find('\0'));
  if (!all_zero(field.subspan(text.size()))) return std::nullopt;
  return text;
}

void put_padded(ByteWriter& out, std::string_view text, std::size_t size) {
  out.raw(as_bytes(text));
  for (std::size_t i = text.size(); i < size; ++i) out.be(std::uint8_t{0});
}

// The fields of a header whose length was checked: reading never fails, and parse() asks once, at
// the end, whether it took exactly all bytes.
class Fields {
 public:
  explicit Fields(ByteView bytes) : in_(bytes) {}

  template <std::unsigned_integral T>
  T be() {
    return in_.be<T>().value_or(T{0});
  }
  ByteView take(std::size_t size) { return in_.take(size).value_or(ByteView()); }
  template <std::size_t kSize>
  void take(std::array<std::byte, kSize>& out) {
    std::ranges::copy(take(kSize), out.begin());
  }
  bool at_end() const { return in_.at_end(); }

 private:
  ByteReader in_;
};

Status read_needs(Fields& in, std::vector<AbiNeed>& out) {
  const auto count = in.be<std::uint8_t>();
  if (!all_zero(in.take(3)) || count > kNeedsMax) return Error(kBadHeader, "number of needs");
  for (std::size_t i = 0; i < kNeedsMax; ++i) {
    const auto name = padded_text(in.take(kNeedNameMax));
    const auto version = in.be<std::uint32_t>();
    if (i >= count) {
      if (!name || !name->empty() || version != 0) return Error(kBadHeader, "an unused need");
      continue;
    }
    // In order, so that no two packages differ in it alone, and none comes twice.
    if (!name || !is_need_name(*name) || (!out.empty() && out.back().name >= *name))
      return Error(kBadHeader, "name of a need");
    out.push_back({std::string(*name), version});
  }
  return {};
}

}  // namespace

Result<Header> Header::parse(ByteView bytes) {
  if (bytes.size() != kHeaderBytes) return Error(kNotPackage, "shorter than a header");
  Fields in(bytes);
  if (!equal(in.take(kMagic.size()), as_bytes(kMagic))) return Error(kNotPackage, "magic");
  if (const auto format = in.be<std::uint16_t>(); format != kFormatVersion)
    return Error(kOtherFormat, std::to_string(format));
  if (in.be<std::uint16_t>() != kHeaderBytes) return Error(kBadHeader, "size of the header");
  const auto manifest_bytes = in.be<std::uint32_t>();
  if (manifest_bytes == 0 || manifest_bytes > manifest::kManifestBytesMax)
    return Error(kBadHeader, "size of the manifest");
  const auto id = manifest::ComponentId::from_bytes(in.take(manifest::ComponentId::kBytes));
  if (!id) return Error(kBadHeader, "component id");
  manifest::Version version;
  for (std::uint16_t* part : {&version.major, &version.minor, &version.patch}) {
    *part = in.be<std::uint16_t>();
    if (*part > manifest::kVersionPartMax) return Error(kBadHeader, "version");
  }
  if (in.be<std::uint16_t>() != 0) return Error(kBadHeader, "after the version");
  const auto epoch = in.be<std::uint32_t>();
  if (epoch > manifest::kSecurityEpochMax) return Error(kBadHeader, "security epoch");
  const auto content_blocks = in.be<std::uint32_t>();
  if (content_blocks < kContentBlocksMin || content_blocks > kContentBlocksMax)
    return Error(kBadHeader, "blocks of the content");
  const auto tenant_length = in.be<std::uint8_t>();
  const auto tenant_text = padded_text(in.take(kTenantFieldBytes));
  const auto tenant = TenantId::parse(tenant_text.value_or(""sv));
  if (!tenant || tenant->text().size() != tenant_length) return Error(kBadHeader, "tenant");

  Header out(*id, *tenant);
  out.manifest_bytes = manifest_bytes;
  out.version = version;
  out.security_epoch = epoch;
  out.content_blocks = content_blocks;
  for (Digest256* digest :
       {&out.manifest_digest, &out.sbom_digest, &out.root_hash, &out.salt, &out.owner_key_id})
    in.take(*digest);
  PAVISE_TRY(read_needs(in, out.needs));
  if (!all_zero(in.take(kReservedBytes))) return Error(kBadHeader, "reserved bytes");
  in.take(out.signature);
  PAVISE_CHECK(in.at_end());
  return out;
}

Bytes Header::signed_bytes() const {
  ByteWriter out;
  out.raw(as_bytes(kMagic)).be(kFormatVersion).be(static_cast<std::uint16_t>(kHeaderBytes));
  out.be(manifest_bytes).raw(component_id.bytes());
  out.be(version.major).be(version.minor).be(version.patch).be(std::uint16_t{0});
  out.be(security_epoch).be(content_blocks);
  out.be(static_cast<std::uint8_t>(tenant.text().size()));
  put_padded(out, tenant.text(), kTenantFieldBytes);
  out.raw(manifest_digest).raw(sbom_digest).raw(root_hash).raw(salt).raw(owner_key_id);
  PAVISE_CHECK(needs.size() <= kNeedsMax);
  out.be(static_cast<std::uint32_t>(needs.size()) << 24U);
  for (std::size_t i = 0; i < kNeedsMax; ++i) {
    put_padded(out, i < needs.size() ? std::string_view(needs[i].name) : ""sv, kNeedNameMax);
    out.be(i < needs.size() ? needs[i].version : std::uint32_t{0});
  }
  put_padded(out, "", kReservedBytes);
  PAVISE_CHECK(out.size() == kSignedBytes);
  return out.take();
}

std::uint64_t Header::tree_offset() const {
  const std::uint64_t end = kHeaderBytes + std::uint64_t{manifest_bytes};
  return (end + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

std::uint64_t Header::tree_bytes() const {
  return std::uint64_t{tree_blocks(content_blocks)} * kBlockBytes;
}

Digest256 key_id(const crypto::P256PublicKey& key) {
  return crypto::sha256(key.spki_der());
}

Status check_needs(const std::vector<AbiNeed>& needs, const std::vector<AbiOffer>& offers) {
  for (const AbiNeed& need : needs) {
    const bool met = std::ranges::any_of(offers, [&need](const AbiOffer& offer) {
      return offer.name == need.name && offer.oldest <= need.version &&
             need.version <= offer.newest;
    });
    if (!met) return Error(kAbiMissing, need.name + " " + std::to_string(need.version));
  }
  return {};
}

}  // namespace pavise::image
