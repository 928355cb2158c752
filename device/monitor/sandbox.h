// What the monitor may still do once it serves.
#pragma once

#include "device/root_of_trust/tpm2/tpm2.h"
#include "device/sandbox/sandbox.h"

namespace pavise::monitor {

// No path, no new descriptor, no network, no child, no executable memory: it reads and writes what
// it has open (the TPM, its clients' sockets, its own memory report) and nothing else. With a
// software TPM, on a developer's machine, local sockets as well: its transport connects anew for
// each command.
sandbox::SandboxPolicy sandbox_policy(root_of_trust::TpmAddress::Kind tpm);

}  // namespace pavise::monitor
