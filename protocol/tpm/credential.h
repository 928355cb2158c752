// TPM2_MakeCredential in software (TPM 2.0 part 1, 24): a secret that only the TPM which holds both
// the endorsement key and an object with the given Name can read.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/tpm/public_area.h"

namespace pavise::tpm {

inline constexpr std::size_t kCredentialSecretBytesMax = 32;

struct Credential {
  Bytes id_object;         // contents of TPM2B_ID_OBJECT, without the outer size
  Bytes encrypted_secret;  // contents of TPM2B_ENCRYPTED_SECRET, without the outer size
};

// `ek` must be an endorsement key (RSA-2048 or P-256, AES-128-CFB, nameAlg SHA-256). Draws fresh
// randomness; thread-safe. Errors: kNotEndorsementKey, kSecretSize, crypto errors.
Result<Credential> make_credential(const PublicArea& ek, const Name& ak_name, ByteView secret);

}  // namespace pavise::tpm
