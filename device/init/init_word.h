// What the launcher of apps may ask of init: packets of one byte on its descriptor 3. It asks for
// apps whose manifests grant it, and has judged that.
#pragma once

#include <cstdint>

namespace pavise::device {

enum class InitWord : std::uint8_t {
  restart = 1,    // of the device
  power_off = 2,  // likewise
};

}  // namespace pavise::device
