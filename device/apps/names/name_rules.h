// Which names an app may ask for, and what of an answer it may have. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "device/apps/names/named_peer.h"
#include "protocol/dns/dns.h"

namespace pavise::device {

inline constexpr std::size_t kNamedPeersMax = 128;  // of one app: 64 for TCP, 64 for UDP
inline constexpr std::size_t kPinsMax = 128;        // of one answer

// How long an address stays pinned, whatever its record says. Not shorter, because a program tries
// the addresses of an answer one after the other; not longer, because the name's owner may move.
inline constexpr std::uint32_t kPinSecondsMin = 30;
inline constexpr std::uint32_t kPinSecondsMax = 3600;

// One address for one of the app's named peers, by its place in the list.
struct NamedPin {
  dns::Address address;
  std::uint16_t peer;

  bool operator==(const NamedPin&) const = default;
};

// The places of those that `name` (lower case) stands for. None: the app may not ask for it.
std::vector<std::uint16_t> peers_of(std::span<const NamedPeer> peers, std::string_view name);

// False for addresses that never mean another host of the network, whatever name leads to them:
// unspecified, loopback, link-local, multicast, reserved and IPv4 in disguise. Private ones are
// true: a factory's server has one, and the app's owner listed its name.
bool may_be_pinned(const dns::Address& address);

// What an app must not reach by name, beyond may_be_pinned().
struct Surroundings {
  dns::Address own{};     // of this device
  dns::Address server{};  // of whom we asked: not at its port, the app would ask it for other names
  std::uint16_t server_port = 0;
};

struct Decision {
  dns::Outcome outcome = dns::Outcome::ok;
  std::vector<dns::Address> addresses{};
  std::vector<NamedPin> pins{};  // to be made before the app is told; none without addresses
  std::uint32_t lifetime_s = 0;  // of the pins, and what the app is told
};

// `which` is not empty, of peers_of(). The first addresses that have room, the rest is left out. An
// answer of which nothing may be had is refused.
Decision decide(std::span<const NamedPeer> peers, std::span<const std::uint16_t> which,
                const dns::Answer& answer, const Surroundings& around);

}  // namespace pavise::device
