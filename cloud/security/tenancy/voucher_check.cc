#include "cloud/security/tenancy/voucher_check.h"

#include <tuple>

#include "cloud/security/tenancy/tenancy.h"
#include "common/crypto/crypto.h"
#include "protocol/tpm/attest.h"
#include "protocol/tpm/public_area.h"

namespace pavise::security {
namespace {

constexpr std::uint32_t kPcr0Only = 1U;

Error invalid(std::string_view why) {
  return Error(kVoucherInvalid, std::string(why));
}

bool is_before(const tpm::ClockInfo& clock, const ClockMark& mark) {
  return std::tuple(clock.reset_count, clock.restart_count, clock.clock_ms) <
         std::tuple(mark.reset_count, mark.restart_count, mark.clock_ms);
}

}  // namespace

Status check_voucher(const evidence::Voucher& voucher, ByteView ak_public,
                     const std::optional<ClockMark>& not_before) {
  PAVISE_TRY_ASSIGN(const tpm::PublicArea ak, tpm::PublicArea::parse(ak_public));
  PAVISE_TRY_ASSIGN(const crypto::P256PublicKey key, ak.p256_key());
  const auto signature = tpm::parse_signature(voucher.signature);
  if (!signature) return invalid(signature.error().info().what);
  if (!key.verify_digest(crypto::sha256(voucher.attest), *signature))
    return invalid("not signed by the device's attestation key");
  const auto attest = tpm::Attest::parse(voucher.attest);
  if (!attest) return invalid(attest.error().info().what);
  const tpm::QuoteInfo* quote = attest->quote();
  if (quote == nullptr) return invalid("the statement is not a quote");
  // A quote over more would be evidence of some boot, not a voucher.
  for (const tpm::PcrSelection& selection : quote->selections)
    if ((selection.mask & ~kPcr0Only) != 0) return invalid("the quote covers other PCRs");
  if (!equal(attest->extra_data, evidence::voucher_binding(voucher.device, voucher.serial)))
    return invalid("the quote is for another device or serial");
  if (not_before && is_before(attest->clock, *not_before))
    return invalid("made before the device last attested for its earlier owner");
  return {};
}

}  // namespace pavise::security
