// Where an app finds its resolver: 127.0.53.N, an address of its own, so that who asks is known by
// where he asks.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "protocol/dns/dns.h"

namespace pavise::device {

inline constexpr ErrorInfo kResolverNotBound{"PV-NAM-004", Retry::later,
                                             "an app's resolver has no address",
                                             "See the detail; the device's loopback has to be up."};

inline constexpr std::uint16_t kNamePort = 53;

struct ResolverSockets {
  UniqueFd datagrams;
  UniqueFd listener;
};

// 127.0.53.`number`, from 1 to 254. An app's guard has to pin it for UDP and TCP, without lifetime.
dns::Address resolver_address(std::uint8_t number);
// The app's /etc/resolv.conf.
std::string resolver_text(std::uint8_t number);

// Bound and listening there, close-on-exec, non-blocking. The port is 53 but in tests, where 0
// means one of the kernel's choice for datagrams and another for connections. kResolverNotBound.
Result<ResolverSockets> bind_resolver(std::uint8_t number, std::uint16_t port = kNamePort);

}  // namespace pavise::device
