// Whether a set of apps can live on one device.
#pragma once

#include <span>
#include <vector>

#include "protocol/manifest/manifest.h"

namespace pavise::manifest {

// Everything that keeps these apps from living together: PV-MAN-020 to -024, each with both names
// in the detail. Empty: they may. With PV-MAN-023 they run, but the connection is refused. An
// app_connections or start_after whose peer is not in the set is none. Pure; thread-safe.
std::vector<Error> conflicts(std::span<const Manifest> apps);

}  // namespace pavise::manifest
