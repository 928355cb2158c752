// The topics of the TPM implementation, one function each; Tpm2 in tpm2.cc strings them together.
// Not for use outside this folder.
#pragma once

#include "device/root_of_trust/root_of_trust.h"
#include "device/root_of_trust/tpm2/context.h"

namespace pavise::root_of_trust::tpm2 {

// ek.cc
Result<Identity> read_identity(Context& context);
// The EK, compared with the one that `identity` is about.
Result<Primary> create_ek(Context& context, const Identity& identity);
Result<SecretBytes> activate(Context& context, const Identity& identity, ByteView id_object,
                             ByteView encrypted_secret);

// keys.cc
Status provision_keys(Context& context);
Result<DeviceKeys> read_keys(Context& context);
Result<crypto::EcdsaRaw> sign_tls(Context& context, const Digest256& digest);
Result<Quote> quote(Context& context, PcrMask pcrs, ByteView qualifying);
Result<PcrValues> read_pcrs(Context& context, PcrMask pcrs);
Status extend(Context& context, unsigned pcr, const Digest256& digest);
Status require_sha256_bank(Context& context);

// counter.cc
Status provision_counter(Context& context);
Result<Counter> read_counter(Context& context);
Status increment_counter(Context& context);
// The whole content of an NV index that may be read with empty authorisation.
Result<Bytes> read_nv(Context& context, TPM2_HANDLE index, std::size_t bytes_max,
                      const ErrorInfo& missing);

// sealing.cc
Result<Bytes> seal(Context& context, ByteView secret, const crypto::P256PublicKey& policy_key);
Result<SecretBytes> unseal(Context& context, ByteView blob,
                           const pcr_policy::SignedPcrPolicy& policy);

}  // namespace pavise::root_of_trust::tpm2
