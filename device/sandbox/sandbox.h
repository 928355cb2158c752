// The sandbox library serves programs of the device and of the server: see common/sandbox.
#pragma once

#include "common/sandbox/sandbox.h"  // IWYU pragma: export
