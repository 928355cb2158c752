// The metrics of the whole server as one text.
#pragma once

#include <string>

#include "cloud/hub/transport/hub.h"
#include "cloud/server/hub_house/hub_house.h"
#include "cloud/server/metrics/security_counters.h"
#include "common/metrics/exposition.h"

namespace pavise::server {

// Where the numbers are. All outlive the page; the hub house has been started.
struct MetricsSources {
  HubHouse& house;
  const SecurityCounters& security;
  UnixSeconds started = 0;
  std::uint64_t free_bytes = 0;  // of the disk under the state directory
};

// Thread-safe. Walks over hubs, error codes and workers; takes no lock that a message waits for.
std::string metrics_page(const MetricsSources& sources, metrics::Format format);

}  // namespace pavise::server
