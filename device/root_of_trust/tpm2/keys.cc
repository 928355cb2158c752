// AK, TLS key, and what is signed with them.
#include <tss2/tss2_mu.h>

#include <array>

#include "device/root_of_trust/tpm2/operations.h"
#include "protocol/tpm/public_area.h"

namespace pavise::root_of_trust::tpm2 {
namespace {

constexpr unsigned kQuoteAttemptsMax = 3;

struct KeyPlace {
  TPM2_HANDLE handle;
  ESYS_TR hierarchy;
  tpm::PublicArea (*template_of)(ByteView x, ByteView y);
};
constexpr KeyPlace kAk{kAkHandle, ESYS_TR_RH_ENDORSEMENT, tpm::ak_template};
constexpr KeyPlace kTlsKey{kTlsKeyHandle, ESYS_TR_RH_OWNER, tpm::tls_key_template};

struct Key {
  Referenced reference;
  Bytes area;
};

// The persistent key at its place; kForeignObject if it is not the kind of key that we make.
Result<Key> find_key(Context& context, const KeyPlace& place) {
  PAVISE_TRY_ASSIGN(Referenced reference, refer(context, place.handle, kNotProvisioned));
  Owned<TPM2B_PUBLIC> area;
  Owned<TPM2B_NAME> name;
  Owned<TPM2B_NAME> qualified;
  PAVISE_TRY(
      context.check(Esys_ReadPublic(context.esys(), reference.get(), ESYS_TR_NONE, ESYS_TR_NONE,
                                    ESYS_TR_NONE, out(area), out(name), out(qualified)),
                    "TPM2_ReadPublic"));
  PAVISE_TRY_ASSIGN(Bytes bytes, to_bytes(area->publicArea));
  const auto parsed = tpm::PublicArea::parse(bytes);
  if (!parsed) return Error(kForeignObject, parsed.error().detail());
  const auto expected = place.template_of(parsed->x, parsed->y);
  if (parsed->attributes != expected.attributes || parsed->scheme != expected.scheme ||
      parsed->symmetric != expected.symmetric || !parsed->auth_policy.empty())
    return Error(kForeignObject, "unexpected attributes");
  return Key{.reference = std::move(reference), .area = std::move(bytes)};
}

// A primary key made again from the same template is the same key, so that one lost from its handle
// comes back, and one put there by somebody else is seen.
Status provision_key(Context& context, const KeyPlace& place) {
  const Bytes zeros(32);
  PAVISE_TRY_ASSIGN(const Primary made, create_primary(context, place.hierarchy,
                                                       place.template_of(zeros, zeros).encode()));
  PAVISE_TRY_ASSIGN(const Bytes made_area, to_bytes(made.area->publicArea));
  const auto found = find_key(context, place);
  if (found) {
    if (found->area != made_area) return Error(kForeignObject, "another key");
    return {};
  }
  if (!found.error().is(kNotProvisioned)) return found.error();
  Referenced persistent(context);
  return context.check(
      Esys_EvictControl(context.esys(), ESYS_TR_RH_OWNER, made.object.get(), ESYS_TR_PASSWORD,
                        ESYS_TR_NONE, ESYS_TR_NONE, place.handle, persistent.out()),
      "TPM2_EvictControl");
}

// The key's own scheme.
constexpr TPMT_SIG_SCHEME kOwnScheme{.scheme = TPM2_ALG_NULL, .details = {}};

struct QuoteOnce {
  Bytes attest;
  Bytes signature;
  Bytes pcr_digest;
};

Result<QuoteOnce> quote_once(Context& context, ESYS_TR ak, PcrMask pcrs, ByteView qualifying) {
  TPM2B_DATA data{};
  fill(data, data.buffer, qualifying);
  const TPML_PCR_SELECTION selection = to_selection(pcrs);
  Owned<TPM2B_ATTEST> attest;
  Owned<TPMT_SIGNATURE> signature;
  PAVISE_TRY(
      context.check(Esys_Quote(context.esys(), ak, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                               &data, &kOwnScheme, &selection, out(attest), out(signature)),
                    "TPM2_Quote"));
  TPMS_ATTEST parsed{};
  std::size_t offset = 0;
  const TSS2_RC rc =
      Tss2_MU_TPMS_ATTEST_Unmarshal(attest->attestationData, attest->size, &offset, &parsed);
  if (rc != TSS2_RC_SUCCESS || parsed.type != TPM2_ST_ATTEST_QUOTE)
    return to_error(rc, "TPMS_ATTEST");
  const TPM2B_DIGEST& digest = parsed.attested.quote.pcrDigest;
  PAVISE_TRY_ASSIGN(Bytes signature_bytes, to_bytes(*signature));
  return QuoteOnce{
      .attest = pavise::to_bytes(std::as_bytes(std::span(attest->attestationData, attest->size))),
      .signature = std::move(signature_bytes),
      .pcr_digest = pavise::to_bytes(std::as_bytes(std::span(digest.buffer, digest.size)))};
}

// One TPM2_PCR_Read answers at most eight values, and possibly fewer than asked for.
Result<std::uint32_t> read_some_pcrs(Context& context, PcrMask wanted, PcrValues& values) {
  const TPML_PCR_SELECTION selection = to_selection(wanted);
  UINT32 update_counter = 0;
  Owned<TPML_PCR_SELECTION> answered;
  Owned<TPML_DIGEST> digests;
  PAVISE_TRY(context.check(Esys_PCR_Read(context.esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                         &selection, &update_counter, out(answered), out(digests)),
                           "TPM2_PCR_Read"));
  if (answered->count != 1) return kNoSha256Bank;
  std::uint32_t bits = 0;
  for (unsigned octet = 0; octet < answered->pcrSelections[0].sizeofSelect && octet < 3; ++octet)
    bits |= std::uint32_t{answered->pcrSelections[0].pcrSelect[octet]} << (8 * octet);
  bits &= wanted.bits();
  if (bits == 0) return kNoSha256Bank;
  unsigned position = 0;
  for (unsigned pcr = 0; pcr < kPcrCount; ++pcr) {
    if (((bits >> pcr) & 1U) == 0) continue;
    Digest256 value{};
    if (position >= digests->count || digests->digests[position].size != value.size())
      return Error(kCommandFailed, "TPM2_PCR_Read: short answer");
    std::memcpy(value.data(), digests->digests[position++].buffer, value.size());
    values[pcr] = value;
  }
  return bits;
}

}  // namespace

Status require_sha256_bank(Context& context) {
  PAVISE_TRY_ASSIGN(const PcrMask all, PcrMask::from_bits((1U << kPcrCount) - 1));
  PAVISE_TRY_ASSIGN(const PcrValues values, read_pcrs(context, all));
  return {};
}

Status provision_keys(Context& context) {
  PAVISE_TRY(provision_key(context, kAk));
  return provision_key(context, kTlsKey);
}

Result<DeviceKeys> read_keys(Context& context) {
  PAVISE_TRY_ASSIGN(const Key ak, find_key(context, kAk));
  PAVISE_TRY_ASSIGN(const Key tls, find_key(context, kTlsKey));
  const TPM2B_DATA no_data{};
  Owned<TPM2B_ATTEST> attest;
  Owned<TPMT_SIGNATURE> signature;
  PAVISE_TRY(context.check(Esys_Certify(context.esys(), tls.reference.get(), ak.reference.get(),
                                        ESYS_TR_PASSWORD, ESYS_TR_PASSWORD, ESYS_TR_NONE, &no_data,
                                        &kOwnScheme, out(attest), out(signature)),
                           "TPM2_Certify"));
  PAVISE_TRY_ASSIGN(Bytes signature_bytes, to_bytes(*signature));
  const tpm::Name name = tpm::name_of(ak.area);
  return DeviceKeys{.ak_public = ak.area,
                    .ak_name = pavise::to_bytes(name),
                    .tls_public = tls.area,
                    .tls_certify_attest = pavise::to_bytes(
                        std::as_bytes(std::span(attest->attestationData, attest->size))),
                    .tls_certify_signature = std::move(signature_bytes)};
}

Result<crypto::EcdsaRaw> sign_tls(Context& context, const Digest256& digest) {
  PAVISE_TRY_ASSIGN(const Referenced key, refer(context, kTlsKeyHandle, kNotProvisioned));
  TPM2B_DIGEST wanted{};
  fill(wanted, wanted.buffer, digest);
  TPMT_TK_HASHCHECK no_ticket{};
  no_ticket.tag = TPM2_ST_HASHCHECK;
  no_ticket.hierarchy = TPM2_RH_NULL;
  Owned<TPMT_SIGNATURE> signature;
  PAVISE_TRY(
      context.check(Esys_Sign(context.esys(), key.get(), ESYS_TR_PASSWORD, ESYS_TR_NONE,
                              ESYS_TR_NONE, &wanted, &kOwnScheme, &no_ticket, out(signature)),
                    "TPM2_Sign"));
  return to_raw(*signature);
}

Result<Quote> quote(Context& context, PcrMask pcrs, ByteView qualifying) {
  PAVISE_TRY_ASSIGN(const Referenced ak, refer(context, kAkHandle, kNotProvisioned));
  for (unsigned attempt = 0; attempt < kQuoteAttemptsMax; ++attempt) {
    PAVISE_TRY_ASSIGN(PcrValues values, read_pcrs(context, pcrs));
    PAVISE_TRY_ASSIGN(QuoteOnce once, quote_once(context, ak.get(), pcrs, qualifying));
    if (equal(once.pcr_digest, pcr_policy::composite_digest(values)))
      return Quote{.attest = std::move(once.attest),
                   .signature = std::move(once.signature),
                   .pcrs = std::move(values)};
  }
  return kPcrsUnstable;
}

Result<PcrValues> read_pcrs(Context& context, PcrMask pcrs) {
  PcrValues values;
  std::uint32_t left = pcrs.bits();
  while (left != 0) {
    PAVISE_TRY_ASSIGN(const PcrMask wanted, PcrMask::from_bits(left));
    PAVISE_TRY_ASSIGN(const std::uint32_t got, read_some_pcrs(context, wanted, values));
    left &= ~got;
  }
  return values;
}

Status extend(Context& context, unsigned pcr, const Digest256& digest) {
  TPML_DIGEST_VALUES values{};
  values.count = 1;
  values.digests[0].hashAlg = TPM2_ALG_SHA256;
  std::memcpy(values.digests[0].digest.sha256, digest.data(), digest.size());
  // ESYS numbers its PCR objects from zero.
  return context.check(Esys_PCR_Extend(context.esys(), static_cast<ESYS_TR>(pcr), ESYS_TR_PASSWORD,
                                       ESYS_TR_NONE, ESYS_TR_NONE, &values),
                       "TPM2_PCR_Extend");
}

}  // namespace pavise::root_of_trust::tpm2
