#include "device/attestor/attestor.h"

#include "protocol/evidence/evidence.h"

namespace pavise::attestor {

using root_of_trust::PcrMask;

Result<root_of_trust::Quote> attest(root_of_trust::RootOfTrust& root, PcrMask pcrs,
                                    const Binding& binding) {
  return root.quote(
      pcrs, evidence::quote_binding(binding.nonce, binding.tls_exporter, binding.csr_digest));
}

Result<evidence::Voucher> make_voucher(root_of_trust::RootOfTrust& root) {
  PAVISE_TRY_ASSIGN(auto identity, root.identity());
  evidence::VoucherSerial serial{};
  PAVISE_TRY(crypto::random_fill(serial));
  // A quote needs some PCR; the voucher is about the binding, not about a state.
  PAVISE_TRY_ASSIGN(const PcrMask pcr_zero, PcrMask::from_bits(1));
  PAVISE_TRY_ASSIGN(auto quote,
                    root.quote(pcr_zero, evidence::voucher_binding(identity.device, serial)));
  return evidence::Voucher{.device = std::move(identity.device),
                           .serial = serial,
                           .attest = std::move(quote.attest),
                           .signature = std::move(quote.signature)};
}

}  // namespace pavise::attestor
