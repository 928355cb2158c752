// What a client's own certificate proves, for identities that are registered by thumbprint or CA.
#pragma once

#include <span>
#include <string>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/result.h"

namespace pavise::hub {

// The fields of a leaf that count here.
struct LeafFacts {
  std::string common_name;  // the last CN of the subject; empty: none
  UnixMillis not_before_ms = 0;
  UnixMillis not_after_ms = 0;
};

// kUnreadableCertificate.
Result<LeafFacts> leaf_facts(ByteView leaf_der);

// Whether the leaf chains to one of the CAs, through the other certificates that the client sent,
// at this time (RFC 5280 section 6). Revocation lists are not asked: an identity is disabled
// instead. kUntrustedCertificate with the reason, kUnreadableCertificate.
Status check_chain(std::span<const Bytes> chain_der, std::span<const Bytes> trusted_der,
                   UnixMillis now_ms);

// True if the leaf's SHA-1 (20 bytes) or SHA-256 (32 bytes) is this one. In constant time.
bool has_thumbprint(ByteView leaf_der, ByteView thumbprint);

}  // namespace pavise::hub
