// What an app may ask of the launcher, and hear from it.
#pragma once

#include <vector>

#include "protocol/manifest/component_id.h"

namespace pavise::device {

struct AppGrants {
  std::vector<manifest::ComponentId> peers;  // whom it lists
  bool system_events = false;
  bool update_deferral = false;
  bool restart = false;
  bool power_off = false;
  bool power_profile = false;
  bool system_time = false;
};

}  // namespace pavise::device
