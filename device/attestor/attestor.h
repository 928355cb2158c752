// Attestations in the form that api/evidence.cddl gives them.
//
// Functions block for the TPM commands they send; the root of trust is used by one thread only.
#pragma once

#include "common/base/result.h"
#include "device/root_of_trust/root_of_trust.h"
#include "protocol/evidence/voucher.h"

namespace pavise::attestor {

// What makes a quote one for this moment, this TLS channel and this key.
struct Binding {
  Digest256 nonce;
  Digest256 tls_exporter;
  Digest256 csr_digest;
};

// A quote over `pcrs` whose qualifying data is SHA-256(nonce ‖ exporter ‖ CSR digest). Errors:
// those of RootOfTrust::quote.
Result<root_of_trust::Quote> attest(root_of_trust::RootOfTrust& root, root_of_trust::PcrMask pcrs,
                                    const Binding& binding);

// A voucher with a fresh random serial, signed by the AK. Errors: those of RootOfTrust::identity
// and quote; crypto::kNoEntropy.
Result<evidence::Voucher> make_voucher(root_of_trust::RootOfTrust& root);

}  // namespace pavise::attestor
