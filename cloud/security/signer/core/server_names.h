// The forms of name that the signer puts into a server certificate.
#pragma once

#include <vector>

#include "cloud/security/signer/api/signer.h"

namespace pavise::security::signer {

// Checks that all names are plain host names (RFC 1123; no wildcard) and that there is at least one
// name or address; returns the addresses as 4 or 16 bytes. kSignerPolicy.
Result<std::vector<Bytes>> check_server_names(const ServerRequest& request);

}  // namespace pavise::security::signer
