// Where an app may connect to. One spelling for each destination: lower-case names without a dot at
// the end, addresses as inet_ntop writes them, IPv6 in brackets, networks without host bits.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "protocol/manifest/errors.h"

namespace pavise::manifest {

inline constexpr std::size_t kHostNameLengthMax = 253;  // RFC 1035, 2.3.4, as text
inline constexpr std::size_t kHostLabelLengthMax = 63;
inline constexpr std::size_t kWildcardLabelsMin = 2;  // below "*."; one label is a whole registry
// Shorter prefixes are no allow-list.
inline constexpr unsigned kPrefixV4Min = 8;
inline constexpr unsigned kPrefixV6Min = 16;

struct Network {
  bool v6 = false;
  std::array<std::uint8_t, 16> address{};  // network order; the first 4 bytes for IPv4
  std::uint8_t prefix = 0;

  bool operator==(const Network&) const = default;
};

struct Destination {
  enum class Kind { name, wildcard, network };

  Kind kind = Kind::name;
  std::string name;  // name, or what follows "*."
  Network network;
  std::optional<std::uint16_t> port;  // absent: every port

  // "hub.example.com:8883", "*.example.com", "192.0.2.0/24:502", "[2001:db8::1]:443". kBadHost with
  // the reason as detail. Loopback, unspecified and IPv4-mapped addresses, and "localhost", are
  // refused: they never mean another host. Pure; thread-safe.
  static Result<Destination> parse(std::string_view text);
  std::string text() const;  // the same spelling

  bool operator==(const Destination&) const = default;
};

// A host name of letters, digits and dashes (RFC 1123, 2.1) in lower case that is no address.
bool is_host_name(std::string_view text);

}  // namespace pavise::manifest
