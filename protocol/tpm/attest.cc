#include "protocol/tpm/attest.h"

namespace pavise::tpm {
namespace {

// One byte on the wire, least significant PCR first; a select of n bytes covers 8n PCRs.
Result<PcrSelection> read_selection(ByteReader& reader) {
  PcrSelection out;
  out.hash = reader.be<std::uint16_t>().value_or(0);
  const auto select = reader.sized<std::uint8_t>(kPcrSelectBytesMax);
  if (!select) return kTruncated;
  if (select->empty()) return Error(kBadValue, "an empty PCR select");
  for (std::size_t i = 0; i < select->size(); ++i)
    out.mask |= std::to_integer<std::uint32_t>((*select)[i]) << (8 * i);
  return out;
}

Result<QuoteInfo> read_quote(ByteReader& reader) {
  const auto count = reader.be<std::uint32_t>();
  if (!count) return kTruncated;
  if (*count > kPcrSelectionsMax) return Error(kBadValue, "too many PCR selections");
  QuoteInfo out;
  out.selections.reserve(*count);
  for (std::uint32_t i = 0; i < *count; ++i) {
    PAVISE_TRY_ASSIGN(const PcrSelection selection, read_selection(reader));
    out.selections.push_back(selection);
  }
  const auto digest = reader.sized<std::uint16_t>(kDigestBytesMax);
  if (!digest) return kTruncated;
  out.pcr_digest = to_bytes(*digest);
  return out;
}

Result<CertifyInfo> read_certify(ByteReader& reader) {
  const auto name = reader.sized<std::uint16_t>(kNameBytesMax);
  const auto qualified_name = reader.sized<std::uint16_t>(kNameBytesMax);
  if (!name || !qualified_name) return kTruncated;
  return CertifyInfo{to_bytes(*name), to_bytes(*qualified_name)};
}

}  // namespace

Result<Attest> Attest::parse(ByteView tpms_attest) {
  if (tpms_attest.size() > kAttestBytesMax) return Error(kTruncated, "statement too long");
  ByteReader reader(tpms_attest);
  const auto magic = reader.be<std::uint32_t>();
  const auto type = reader.be<std::uint16_t>();
  if (!reader.ok()) return kTruncated;
  if (magic != kGeneratedValue) return kWrongMagic;
  if (type != kAttestQuote && type != kAttestCertify) return kWrongAttestType;

  const auto signer = reader.sized<std::uint16_t>(kNameBytesMax);
  const auto extra = reader.sized<std::uint16_t>(kExtraDataBytesMax);
  Attest out;
  out.clock.clock_ms = reader.be<std::uint64_t>().value_or(0);
  out.clock.reset_count = reader.be<std::uint32_t>().value_or(0);
  out.clock.restart_count = reader.be<std::uint32_t>().value_or(0);
  const auto safe = reader.be<std::uint8_t>();
  out.firmware_version = reader.be<std::uint64_t>().value_or(0);
  if (!reader.ok()) return kTruncated;
  if (*safe > 1) return Error(kBadValue, "TPMI_YES_NO is neither 0 nor 1");
  out.clock.safe = *safe == 1;
  out.qualified_signer = to_bytes(*signer);
  out.extra_data = to_bytes(*extra);
  if (type == kAttestQuote) {
    PAVISE_TRY_ASSIGN(out.info, read_quote(reader));
  } else {
    PAVISE_TRY_ASSIGN(out.info, read_certify(reader));
  }
  if (!reader.at_end()) return kTrailingBytes;
  return out;
}

Bytes Attest::encode() const {
  ByteWriter writer;
  writer.be(kGeneratedValue).be(quote() != nullptr ? kAttestQuote : kAttestCertify);
  writer.sized<std::uint16_t>(qualified_signer).sized<std::uint16_t>(extra_data);
  writer.be(clock.clock_ms).be(clock.reset_count).be(clock.restart_count);
  writer.be(static_cast<std::uint8_t>(clock.safe ? 1 : 0)).be(firmware_version);
  if (const QuoteInfo* q = quote()) {
    writer.be(static_cast<std::uint32_t>(q->selections.size()));
    for (const PcrSelection& selection : q->selections) {
      const std::uint8_t size_bytes = selection.mask >> 24U != 0 ? 4 : 3;
      writer.be(selection.hash).be(size_bytes);
      for (unsigned i = 0; i < size_bytes; ++i)
        writer.be(static_cast<std::uint8_t>(selection.mask >> (8 * i)));
    }
    writer.sized<std::uint16_t>(q->pcr_digest);
  } else {
    const CertifyInfo& c = *certify();
    writer.sized<std::uint16_t>(c.name).sized<std::uint16_t>(c.qualified_name);
  }
  return writer.take();
}

Result<crypto::EcdsaRaw> parse_signature(ByteView tpmt_signature) {
  if (tpmt_signature.size() > kSignatureBytesMax) return Error(kTruncated, "signature too long");
  ByteReader reader(tpmt_signature);
  const auto algorithm = reader.be<std::uint16_t>();
  const auto hash = reader.be<std::uint16_t>();
  if (!reader.ok()) return kTruncated;
  if (algorithm != kAlgEcdsa || hash != kAlgSha256) return kUnsupportedSignature;
  const auto r = reader.sized<std::uint16_t>(kP256CoordinateBytesMax);
  const auto s = reader.sized<std::uint16_t>(kP256CoordinateBytesMax);
  if (!r || !s) return kTruncated;
  if (!reader.at_end()) return kTrailingBytes;
  if (r->empty() || s->empty()) return Error(kBadValue, "an empty signature integer");
  return crypto::ecdsa_from_integers(*r, *s);
}

Bytes encode_signature(const crypto::EcdsaRaw& signature) {
  const ByteView raw(signature);
  ByteWriter writer;
  writer.be(kAlgEcdsa).be(kAlgSha256);
  writer.sized<std::uint16_t>(raw.first(32)).sized<std::uint16_t>(raw.subspan(32));
  return writer.take();
}

}  // namespace pavise::tpm
