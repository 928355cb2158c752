// Symmetric keys of identities, policies and enrolment groups (reference: iothub-dps-wire E4, F1).
#pragma once

#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/sas/errors.h"

namespace pavise::sas {

inline constexpr std::size_t kKeySizeMin = 16;
inline constexpr std::size_t kKeySizeMax = 64;

// Strict base64 of kKeySizeMin to kKeySizeMax bytes. kBadKey; the detail never holds the key.
Result<SecretBytes> parse_key(std::string_view base64);

// The key of one device of an enrolment group: HMAC-SHA256 of the registration id (E4).
SecretBytes derive_device_key(ByteView group_key, std::string_view registration_id);

}  // namespace pavise::sas
