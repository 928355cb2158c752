#include "protocol/pcr_policy/pcr_policy.h"

#include <algorithm>

namespace pavise::pcr_policy {
namespace {

constexpr std::uint32_t kCcPolicyPcr = 0x0000017F;
constexpr std::uint32_t kCcPolicyAuthorize = 0x0000016A;
constexpr std::uint16_t kAlgSha256 = 0x000B;
constexpr std::uint16_t kAlgNull = 0x0010;
constexpr std::uint16_t kAlgEcdsa = 0x0018;
constexpr std::uint16_t kAlgEcc = 0x0023;
constexpr std::uint16_t kCurveP256 = 0x0003;
constexpr std::uint32_t kAttributesSignUserWithAuth = 0x00040040;

Bytes point_xy(const crypto::P256PublicKey& key) {
  const auto point = key.point();
  return to_bytes(ByteView(point).subspan(1));
}

// Everything of the file before any signature is believed.
struct RawPolicy {
  ByteView x, y;
  std::vector<Entry> entries;
};

Result<RawPolicy> parse_raw(ByteView file) {
  if (file.size() > kFileBytesMax) return kMalformed;
  ByteReader in(file);
  const auto magic = in.take(kMagic.size());
  if (!magic || as_text(*magic) != kMagic) return Error(kMalformed, "magic");
  const auto x = in.take(32);
  const auto y = in.take(32);
  const auto count = in.be<std::uint8_t>();
  if (!count) return Error(kMalformed, "header");
  if (*count == 0 || *count > kEntriesMax) return kTooManyEntries;
  if (in.remaining() != *count * kEntryBytes) return Error(kMalformed, "length");

  RawPolicy out{.x = *x, .y = *y, .entries = {}};
  out.entries.reserve(*count);
  for (unsigned i = 0; i < *count; ++i) {
    std::uint32_t bits = 0;
    for (unsigned octet = 0; octet < 3; ++octet)
      bits |= std::uint32_t{*in.be<std::uint8_t>()} << (8 * octet);
    PAVISE_TRY_ASSIGN(const PcrMask mask, PcrMask::from_bits(bits));
    Entry entry{.mask = mask, .composite = {}, .signature = {}};
    std::ranges::copy(*in.take(entry.composite.size()), entry.composite.begin());
    std::ranges::copy(*in.take(entry.signature.size()), entry.signature.begin());
    out.entries.push_back(entry);
  }
  return out;
}

}  // namespace

Result<PcrMask> PcrMask::from_bits(std::uint32_t bits) {
  if (bits == 0 || (bits >> kPcrCount) != 0) return kBadSelection;
  return PcrMask(bits);
}

Result<PcrMask> PcrMask::of(std::span<const unsigned> indices) {
  std::uint32_t bits = 0;
  for (const unsigned pcr : indices) {
    if (pcr >= kPcrCount || ((bits >> pcr) & 1U) != 0) return kBadSelection;
    bits |= 1U << pcr;
  }
  return from_bits(bits);
}

std::vector<unsigned> PcrMask::indices() const {
  std::vector<unsigned> out;
  for (unsigned pcr = 0; pcr < kPcrCount; ++pcr)
    if (has(pcr)) out.push_back(pcr);
  return out;
}

std::array<std::byte, 3> PcrMask::select_bytes() const {
  return {static_cast<std::byte>(bits_), static_cast<std::byte>(bits_ >> 8U),
          static_cast<std::byte>(bits_ >> 16U)};
}

Digest256 composite_digest(const PcrValues& values) {
  Bytes all;
  for (const auto& [pcr, digest] : values) append(all, digest);
  return crypto::sha256(all);
}

Digest256 policy_pcr_digest(PcrMask mask, const Digest256& composite) {
  ByteWriter out;
  out.raw(Digest256{}).be(kCcPolicyPcr);
  // TPML_PCR_SELECTION with the one bank.
  out.be(std::uint32_t{1}).be(kAlgSha256).sized<std::uint8_t>(mask.select_bytes());
  return crypto::sha256(out.raw(composite).bytes());
}

Digest256 authorization_digest(const Digest256& approved_policy) {
  return crypto::sha256({approved_policy, as_bytes(kPolicyReference)});
}

Bytes policy_key_public(const crypto::P256PublicKey& key) {
  const Bytes xy = point_xy(key);
  ByteWriter out;
  out.be(kAlgEcc).be(kAlgSha256).be(kAttributesSignUserWithAuth);
  out.sized<std::uint16_t>({});                        // authPolicy
  out.be(kAlgNull).be(kAlgEcdsa).be(kAlgSha256);       // symmetric, scheme
  out.be(kCurveP256).be(kAlgNull);                     // curve, kdf
  out.sized<std::uint16_t>(ByteView(xy).first(32));    // unique.x
  out.sized<std::uint16_t>(ByteView(xy).subspan(32));  // unique.y
  return out.take();
}

Bytes policy_key_name(const crypto::P256PublicKey& key) {
  return ByteWriter().be(kAlgSha256).raw(crypto::sha256(policy_key_public(key))).take();
}

Digest256 authorized_policy(const crypto::P256PublicKey& key) {
  const Bytes step =
      ByteWriter().raw(Digest256{}).be(kCcPolicyAuthorize).raw(policy_key_name(key)).take();
  return crypto::sha256({crypto::sha256(step), as_bytes(kPolicyReference)});
}

Result<SignedPcrPolicy> SignedPcrPolicy::parse(ByteView file,
                                               const crypto::P256PublicKey& trusted) {
  PAVISE_TRY_ASSIGN(RawPolicy raw, parse_raw(file));
  const Bytes xy = point_xy(trusted);
  // The file's key only says whom to blame; what counts is that it is the trusted one.
  if (!equal(raw.x, ByteView(xy).first(32)) || !equal(raw.y, ByteView(xy).subspan(32)))
    return kForeignKey;
  for (const Entry& entry : raw.entries)
    if (!trusted.verify_digest(authorization_digest(entry.policy_digest()), entry.signature))
      return kForgedEntry;
  return SignedPcrPolicy(trusted, std::move(raw.entries));
}

Result<SignedPcrPolicy> SignedPcrPolicy::sign(const crypto::P256PrivateKey& key,
                                              std::span<const PcrValues> states) {
  if (states.empty() || states.size() > kEntriesMax) return kTooManyEntries;
  std::vector<Entry> entries;
  for (const PcrValues& state : states) {
    std::vector<unsigned> indices;
    for (const auto& [pcr, digest] : state) indices.push_back(pcr);
    PAVISE_TRY_ASSIGN(const PcrMask mask, PcrMask::of(indices));
    Entry entry{.mask = mask, .composite = composite_digest(state), .signature = {}};
    PAVISE_TRY_ASSIGN(entry.signature,
                      key.sign_digest(authorization_digest(entry.policy_digest())));
    entries.push_back(entry);
  }
  return SignedPcrPolicy(key.public_key(), std::move(entries));
}

Bytes SignedPcrPolicy::encode() const {
  ByteWriter out;
  out.raw(as_bytes(kMagic)).raw(point_xy(key_)).be(static_cast<std::uint8_t>(entries_.size()));
  for (const Entry& entry : entries_)
    out.raw(entry.mask.select_bytes()).raw(entry.composite).raw(entry.signature);
  return out.take();
}

}  // namespace pavise::pcr_policy
