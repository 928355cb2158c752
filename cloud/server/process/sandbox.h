// What pavise-server may still do once it serves.
#pragma once

#include <string>

#include "cloud/server/bootstrap/options.h"
#include "common/sandbox/sandbox.h"

namespace pavise::server {

// Whether a listener needs a port that only the administrator may take, and this process could.
enum class PortUse { unprivileged, below_1024 };
PortUse port_use(const ServerOptions& options);
// Whether it may connect to others than the signer.
enum class Outbound { none, anywhere };
Outbound outbound(const ServerOptions& options);

// Files below the state's data directory (not the signer's keys), TCP listeners, a connection to
// the signer, threads. No program can be started, no other path written. Without Landlock in the
// kernel, paths are not confined. No capability, but CAP_NET_BIND_SERVICE for ports below 1024:
// listeners are opened after this, because opening them reads certificates and state. Connections
// to other hosts and the look-up of their names only with Outbound::anywhere.
sandbox::SandboxPolicy server_sandbox(const std::string& state_directory,
                                      PortUse ports = PortUse::unprivileged,
                                      Outbound outbound = Outbound::none);

}  // namespace pavise::server
