// What pavise-signer may still do once it serves.
#pragma once

#include <string>

#include "common/sandbox/sandbox.h"

namespace pavise::security::signer {

// Its key directory and the connections of its listening socket, nothing else: no network, no exec,
// no other file.
sandbox::SandboxPolicy signer_sandbox(const std::string& keys_directory, bool without_landlock);

}  // namespace pavise::security::signer
