// The owner's signing key in a file.
#pragma once

#include <filesystem>

#include "cli/app/errors.h"
#include "common/crypto/crypto.h"

namespace pavise::cli::app {

// Makes a P-256 key: `path` (PEM, mode 0600, never over another file) and `path`.pub (PEM of the
// public key, 0644). kKeyExists, kFileFailed, kNoEntropy.
Result<crypto::P256PublicKey> create_owner_key(const std::filesystem::path& path);
// kFileFailed, crypto::kBadPrivateKey; kKeyOpenToOthers if anybody but its owner may open it.
Result<crypto::P256PrivateKey> read_owner_key(const std::filesystem::path& path);
// A PEM public key. kFileFailed, crypto::kBadPublicKey.
Result<crypto::P256PublicKey> read_public_key(const std::filesystem::path& path);

}  // namespace pavise::cli::app
