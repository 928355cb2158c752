// A public key as tokens tell it.
#pragma once

#include "common/crypto/crypto.h"

namespace pavise::cli::pkcs11 {

// CKA_EC_PARAMS: true for the object identifier of P-256 in DER (RFC 5480), and nothing else.
bool is_p256(ByteView ec_params);
// CKA_EC_POINT: an OCTET STRING in DER around the uncompressed point (PKCS#11 2.40, 2.3.3), or the
// point alone, as older modules give it. kTokenFailed; crypto::kBadPublicKey: not on the curve.
Result<crypto::P256PublicKey> parse_ec_point(ByteView ec_point);

}  // namespace pavise::cli::pkcs11
