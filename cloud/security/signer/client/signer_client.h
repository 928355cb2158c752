// Signer over the Unix seqpacket socket of pavise-signer.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "cloud/security/signer/api/signer.h"

namespace pavise::security::signer {

struct SignerClientOptions {
  std::string socket_path{};
  int timeout_ms = 5000;        // per call, connecting included
  std::size_t connections = 2;  // parallel calls; further ones wait
};

// Connects lazily and again after any failure, so the signer may restart at any time; a request is
// sent a second time only when its first connection was already dead (all requests are idempotent).
// Callers of sign_leaf() who meet while all connections are in use share the next round trip.
// Errors: kSignerUnreachable, kSignerProtocol, and those of Signer.
std::unique_ptr<Signer> make_signer_client(SignerClientOptions options);

}  // namespace pavise::security::signer
