// What pavise-names may still do once it serves.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "device/sandbox/sandbox.h"

namespace pavise::device {

// No path, no child, no capability, no listening: the sockets that it was given, and connections to
// the server's port.
sandbox::SandboxPolicy names_policy(uid_t user, std::uint16_t server_port);

}  // namespace pavise::device
