#include "cloud/hub/routing_sinks/authorities.h"

#include <fstream>

namespace pavise::hub::routing {

Result<std::string> authorities_of(const store::RoutingEndpointRecord& endpoint,
                                   const char* system_file) {
  if (!endpoint.ca_pem.empty()) return endpoint.ca_pem;
  std::ifstream file(system_file, std::ios::binary);
  std::string out(kSystemAuthoritiesMax + 1, '\0');
  file.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<std::size_t>(file.gcount()));
  if (out.empty() || out.size() > kSystemAuthoritiesMax) return Error(kNoAuthorities, system_file);
  return out;
}

}  // namespace pavise::hub::routing
