#include "protocol/x509/names.h"

#include <algorithm>

namespace pavise::x509 {
namespace {

using der::Tag;

constexpr auto bytes_of(auto... values) {
  return std::array<std::byte, sizeof...(values)>{static_cast<std::byte>(values)...};
}

// OID contents: 2.5.4.3 and 2.5.4.10.
constexpr auto kCommonNameOid = bytes_of(0x55, 0x04, 0x03);
constexpr auto kOrganizationOid = bytes_of(0x55, 0x04, 0x0a);
// SEQUENCE { OID 1.2.840.10045.4.3.2 }
constexpr auto kEcdsaWithSha256 =
    bytes_of(0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02);

Bytes attribute(ByteView oid, std::string_view value) {
  return der::element(
      Tag::kSet, der::element(Tag::kSequence, {der::element(Tag::kObjectId, oid),
                                               der::element(Tag::kUtf8String, as_bytes(value))}));
}

std::optional<std::string_view> take_attribute(der::Reader& names, ByteView oid) {
  const auto set = names.take(Tag::kSet);
  if (!set) return std::nullopt;
  der::Reader in_set(*set);
  const auto pair = in_set.take(Tag::kSequence);
  if (!pair || !in_set.at_end()) return std::nullopt;
  der::Reader in_pair(*pair);
  const auto found = in_pair.take(Tag::kObjectId);
  if (!found || !equal(*found, oid)) return std::nullopt;
  const bool utf8 = in_pair.peek() == Tag::kUtf8String;
  const auto value = in_pair.take(utf8 ? Tag::kUtf8String : Tag::kPrintableString);
  if (!value || !in_pair.at_end() || value->empty() || value->size() > kNameBytesMax)
    return std::nullopt;
  const std::string_view text = as_text(*value);
  // Ours are ASCII; anything else would only help somebody to look like somebody else.
  if (!std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; })) return std::nullopt;
  return text;
}

}  // namespace

KeyId key_id(const crypto::P256PublicKey& key) {
  const Digest256 digest = crypto::sha256(key.point());
  KeyId out;
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

Result<Bytes> encode_name(const Name& name) {
  if (name.common_name.empty() || name.common_name.size() > kNameBytesMax ||
      name.organization.size() > kNameBytesMax)
    return Error(kBadTemplate, "a name is empty or longer than 64 bytes");
  const Bytes organization =
      name.organization.empty() ? Bytes{} : attribute(kOrganizationOid, name.organization);
  return der::element(Tag::kSequence, {organization, attribute(kCommonNameOid, name.common_name)});
}

std::optional<Name> decode_name(ByteView content) {
  der::Reader names(content);
  // O comes first when it is there.
  der::Reader look = names;
  Name out;
  if (const auto organization = take_attribute(look, kOrganizationOid)) {
    out.organization = *organization;
    names = look;
  }
  const auto common_name = take_attribute(names, kCommonNameOid);
  if (!common_name || !names.at_end()) return std::nullopt;
  out.common_name = *common_name;
  return out;
}

ByteView ecdsa_with_sha256() {
  return kEcdsaWithSha256;
}

Bytes assemble_signed(ByteView to_be_signed, ByteView signature_der) {
  return der::element(Tag::kSequence,
                      {to_be_signed, kEcdsaWithSha256, der::bit_string(signature_der)});
}

}  // namespace pavise::x509
