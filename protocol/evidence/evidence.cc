#include "protocol/evidence/evidence.h"

#include <algorithm>

#include "common/crypto/crypto.h"
#include "protocol/cbor/cbor.h"

namespace pavise::evidence {
namespace {

bool is_printable_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

std::uint8_t read_pcr(cbor::Reader& in) {
  return static_cast<std::uint8_t>(in.uint(kPcrHighest));
}

void read_pcrs(cbor::Reader& in, std::vector<PcrValue>& out) {
  const std::size_t count = in.array(1, kPcrsMax);
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    in.array(2, 2);
    const std::uint8_t pcr = read_pcr(in);
    in.require(out.empty() || pcr > out.back().pcr);
    out.push_back({pcr, in.fixed<32>()});
  }
}

void read_runtime_events(cbor::Reader& in, std::vector<RuntimeEvent>& out) {
  const std::size_t count = in.array(0, kRuntimeEventsMax);
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    in.array(2, 2);
    const std::uint8_t pcr = read_pcr(in);
    const std::string_view text = in.text(0, kRuntimeEventTextBytesMax);
    in.require(is_printable_ascii(text));
    out.push_back({pcr, text});
  }
}

void read_claims(cbor::Reader& in, EvidenceFields& out) {
  cbor::TextMapReader map(in, kClaimsMax);
  out.claims.reserve(map.size());
  for (std::size_t i = 0; i < map.size(); ++i) {
    const std::string_view name = map.key(1, kClaimKeyBytesMax);
    out.claims.emplace_back(name, in.text(0, kClaimValueBytesMax));
  }
}

Status read_fields(ByteView message, EvidenceFields& out) {
  cbor::Reader in(message);
  cbor::MapReader map(in, 14);
  map.required(1);
  in.require(in.uint() == kFormatVersion);
  map.required(2);
  out.session = in.fixed<kSessionBytes>();
  map.required(3);
  out.ak_public = in.bytes(1, kPublicAreaBytesMax);
  map.required(4);
  out.quote = in.bytes(1, kAttestBytesMax);
  map.required(5);
  out.quote_signature = in.bytes(1, kSignatureBytesMax);
  map.required(6);
  read_pcrs(in, out.pcrs);
  map.required(7);
  out.event_log = in.bytes(0, kEventLogBytesMax);
  map.required(8);
  read_runtime_events(in, out.runtime_events);
  map.required(9);
  out.csr = in.bytes(1, kCsrBytesMax);
  map.required(10);
  out.tls_public = in.bytes(1, kPublicAreaBytesMax);
  map.required(11);
  out.certify = in.bytes(1, kAttestBytesMax);
  map.required(12);
  out.certify_signature = in.bytes(1, kSignatureBytesMax);
  if (map.optional(13)) out.activation_secret = in.fixed<32>();
  if (map.optional(14)) read_claims(in, out);
  map.finish();
  return in.finish();
}

}  // namespace

Result<Evidence> Evidence::parse(Bytes&& message) {
  if (message.size() > kEvidenceBytesMax) return kMessageTooLong;
  Evidence out;
  out.message_ = std::move(message);
  PAVISE_TRY(read_fields(out.message_, out.fields_));
  return out;
}

std::optional<std::string_view> Evidence::claim(std::string_view name) const {
  for (const auto& [key, value] : fields_.claims)
    if (key == name) return value;
  return std::nullopt;
}

Bytes encode_evidence(EvidenceFields fields) {
  std::ranges::sort(fields.claims, [](const auto& a, const auto& b) {
    return cbor::text_key_before(a.first, b.first);
  });
  cbor::Writer out(fields.event_log.size() + 8192);
  const std::size_t optional_keys =
      (fields.activation_secret ? 1U : 0U) + (fields.claims.empty() ? 0U : 1U);
  out.map(12 + optional_keys).uint(1).uint(kFormatVersion);
  out.uint(2).bytes(fields.session);
  out.uint(3).bytes(fields.ak_public);
  out.uint(4).bytes(fields.quote);
  out.uint(5).bytes(fields.quote_signature);
  out.uint(6).array(fields.pcrs.size());
  for (const PcrValue& value : fields.pcrs) out.array(2).uint(value.pcr).bytes(value.digest);
  out.uint(7).bytes(fields.event_log);
  out.uint(8).array(fields.runtime_events.size());
  for (const RuntimeEvent& event : fields.runtime_events)
    out.array(2).uint(event.pcr).text(event.text);
  out.uint(9).bytes(fields.csr);
  out.uint(10).bytes(fields.tls_public);
  out.uint(11).bytes(fields.certify);
  out.uint(12).bytes(fields.certify_signature);
  if (fields.activation_secret) out.uint(13).bytes(*fields.activation_secret);
  if (!fields.claims.empty()) {
    out.uint(14).map(fields.claims.size());
    for (const auto& [name, value] : fields.claims) out.text(name).text(value);
  }
  return out.take();
}

Digest256 quote_binding(const Digest256& nonce, const Digest256& tls_exporter,
                        const Digest256& csr_digest) {
  return crypto::sha256({nonce, tls_exporter, csr_digest});
}

}  // namespace pavise::evidence
