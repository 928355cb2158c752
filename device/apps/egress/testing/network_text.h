// Networks as people write them, for tests: "192.0.2.0/24", "2001:db8::1".
#pragma once

#include <arpa/inet.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "device/apps/egress/egress_guard.h"

namespace pavise::device {

inline Network network_of(const std::string& text) {
  const std::string address = text.substr(0, text.find('/'));
  Network out;
  std::uint32_t mapped_bits = 0;
  if (::inet_pton(AF_INET6, address.c_str(), out.address.data()) != 1) {
    PAVISE_CHECK(::inet_pton(AF_INET, address.c_str(), out.address.data() + 12) == 1);
    std::fill(out.address.begin() + 10, out.address.begin() + 12, std::uint8_t{0xff});
    mapped_bits = 96;
  }
  if (address.size() < text.size())
    out.prefix_bits = mapped_bits + static_cast<std::uint32_t>(std::strtoul(
                                        text.c_str() + address.size() + 1, nullptr, 10));
  return out;
}

}  // namespace pavise::device
