// A destination that has to be resolved before it is an address.
#pragma once

#include <cstdint>
#include <string>

namespace pavise::device {

struct NamedPeer {
  std::string name;        // lower case, no dot at the end
  bool below = false;      // every name that ends with it, but not itself
  int socket_type = 0;     // SOCK_STREAM, SOCK_DGRAM
  std::uint16_t port = 0;  // 0: every port

  bool operator==(const NamedPeer&) const = default;
};

}  // namespace pavise::device
