// What the agent may still do once it has started.
#pragma once

#include <string>

#include "device/sandbox/sandbox.h"

namespace pavise::agent {

// Network as a client, reading of /proc and of the name look-up's files, writing below
// `data_folder`; no exec, no listening, no other files, no signals to others.
sandbox::SandboxPolicy sandbox_policy(const std::string& data_folder);

}  // namespace pavise::agent
