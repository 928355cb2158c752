#include "protocol/dev_grant/dev_grant.h"

#include <algorithm>

#include "protocol/cbor/cbor.h"
#include "protocol/image/header.h"

namespace pavise::dev_grant {
namespace {

constexpr std::string_view kMagic = "pavise-dev-grant-1";
// What an owner's key signs begins with what it is for; this is no beginning of a package.
constexpr std::string_view kSignedLabel = "pavise development grant 1";
constexpr std::size_t kSignedEntries = 6;

bool are_times(UnixSeconds begin, UnixSeconds end) {
  return begin >= 0 && end <= kGrantTimeMax && begin < end && end - begin <= kGrantSecondsMax;
}

void put_terms(cbor::Writer& out, std::size_t entries, const Terms& terms,
               const Digest256& key_id) {
  const auto device = from_hex(terms.device.text());
  PAVISE_CHECK(device.has_value());
  out.map(entries).uint(1).text(kMagic).uint(2).bytes(*device);
  out.uint(3).bytes(terms.component.bytes());
  out.uint(4).uint(static_cast<std::uint64_t>(terms.not_before));
  out.uint(5).uint(static_cast<std::uint64_t>(terms.not_after)).uint(6).bytes(key_id);
}

Digest256 signed_digest(const Terms& terms, const Digest256& key_id) {
  cbor::Writer out;
  put_terms(out, kSignedEntries, terms, key_id);
  constexpr std::byte kEnd{0};
  return crypto::sha256({as_bytes(kSignedLabel), ByteView(&kEnd, 1), ByteView(out.take())});
}

}  // namespace

Result<Grant> Grant::sign(const Terms& terms, const crypto::P256PublicKey& key,
                          const SignDigest& sign_digest) {
  if (!are_times(terms.not_before, terms.not_after)) return kBadTerms;
  const Digest256 key_id = image::key_id(key);
  PAVISE_TRY_ASSIGN(const crypto::EcdsaRaw signature, sign_digest(signed_digest(terms, key_id)));
  return Grant(terms, key_id, signature);
}

Result<Grant> Grant::sign(const Terms& terms, const crypto::P256PrivateKey& key) {
  return sign(terms, key.public_key(),
              [&key](const Digest256& digest) { return key.sign_digest(digest); });
}

Result<Grant> Grant::parse(ByteView bytes) {
  if (bytes.size() > kGrantBytesMax) return Error(kNotGrant, "too long");
  cbor::Reader in(bytes);
  cbor::MapReader map(in, kSignedEntries + 1);
  map.required(1);
  in.require(in.text(kMagic.size(), kMagic.size()) == kMagic);
  map.required(2);
  const auto device_bytes = in.fixed<32>();
  map.required(3);
  const auto component = manifest::ComponentId::from_bytes(
      in.bytes(manifest::ComponentId::kBytes, manifest::ComponentId::kBytes));
  map.required(4);
  const auto not_before = static_cast<UnixSeconds>(in.uint(kGrantTimeMax));
  map.required(5);
  const auto not_after = static_cast<UnixSeconds>(in.uint(kGrantTimeMax));
  map.required(6);
  const auto key_id = in.fixed<32>();
  map.required(7);
  const auto signature = in.fixed<64>();
  map.finish();
  if (const Status read = in.finish(); !read)
    return Error(kNotGrant, std::string(read.error().code()));
  const auto device = DeviceId::parse(to_hex(device_bytes));
  if (!component || !device) return Error(kNotGrant, "component id");
  if (!are_times(not_before, not_after)) return Error(kNotGrant, "times");
  return Grant({.device = *device,
                .component = *component,
                .not_before = not_before,
                .not_after = not_after},
               key_id, signature);
}

Bytes Grant::encode() const {
  cbor::Writer out(kGrantBytesMax);
  put_terms(out, kSignedEntries + 1, terms_, key_id_);
  out.uint(7).bytes(signature_);
  return out.take();
}

Result<Terms> Grant::accept(std::span<const crypto::P256PublicKey> keys, const DeviceId& device,
                            UnixSeconds now_s) const {
  const bool is_signed = std::ranges::any_of(keys, [this](const crypto::P256PublicKey& key) {
    return image::key_id(key) == key_id_ &&
           key.verify_digest(signed_digest(terms_, key_id_), signature_).has_value();
  });
  if (!is_signed) return Error(kGrantNotSigned, "key " + to_hex(key_id_));
  if (terms_.device != device) return Error(kOtherDevice, terms_.device.text());
  if (now_s < terms_.not_before) return kNotYet;
  if (now_s >= terms_.not_after) return kExpired;
  return terms_;
}

}  // namespace pavise::dev_grant
