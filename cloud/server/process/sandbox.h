// What pavise-server may still do once it serves.
#pragma once

#include <string>

#include "common/sandbox/sandbox.h"

namespace pavise::server {

// Files below the state's data directory (not the signer's keys), TCP listeners, a connection to
// the signer, threads. No program can be started, no other path written. Without Landlock in the
// kernel, paths are not confined.
sandbox::SandboxPolicy server_sandbox(const std::string& state_directory);

}  // namespace pavise::server
