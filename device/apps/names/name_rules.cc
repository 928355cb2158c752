#include "device/apps/names/name_rules.h"

#include <algorithm>

namespace pavise::device {
namespace {

bool stands_for(const NamedPeer& peer, std::string_view name) {
  if (!peer.below) return name == peer.name;
  return name.size() > peer.name.size() + 1 && name.ends_with(peer.name) &&
         name[name.size() - peer.name.size() - 1] == '.';
}

bool would_reach_server(const dns::Address& address, const NamedPeer& peer,
                        const Surroundings& around) {
  return address == around.server && (peer.port == 0 || peer.port == around.server_port);
}

}  // namespace

std::vector<std::uint16_t> peers_of(std::span<const NamedPeer> peers, std::string_view name) {
  std::vector<std::uint16_t> out;
  for (std::size_t i = 0; i < peers.size(); ++i)
    if (stands_for(peers[i], name)) out.push_back(static_cast<std::uint16_t>(i));
  return out;
}

bool may_be_pinned(const dns::Address& address) {
  if (dns::is_v4(address)) {
    const unsigned first = address[12];
    return first != 0 && first != 127 && first < 224 && !(first == 169 && address[13] == 254);
  }
  const bool holds_v4 =  // ::/96, with :: and ::1
      std::all_of(address.begin(), address.begin() + 12, [](std::uint8_t b) { return b == 0; });
  const bool link_local = address[0] == 0xfe && (address[1] & 0xc0U) == 0x80;
  return !holds_v4 && !link_local && address[0] != 0xff;
}

Decision decide(std::span<const NamedPeer> peers, std::span<const std::uint16_t> which,
                const dns::Answer& answer, const Surroundings& around) {
  Decision out{.outcome = answer.outcome};
  if (answer.outcome != dns::Outcome::ok || answer.addresses.empty()) return out;
  for (const dns::Address& address : answer.addresses) {
    if (out.addresses.size() == dns::kAddressesMax || out.pins.size() + which.size() > kPinsMax)
      break;
    if (!may_be_pinned(address) || address == around.own ||
        std::ranges::find(out.addresses, address) != out.addresses.end())
      continue;
    const std::size_t before = out.pins.size();
    for (const std::uint16_t peer : which)
      if (!would_reach_server(address, peers[peer], around)) out.pins.push_back({address, peer});
    if (out.pins.size() > before) out.addresses.push_back(address);
  }
  if (out.addresses.empty()) out.outcome = dns::Outcome::refused;
  out.lifetime_s = std::clamp(answer.lifetime_s, kPinSecondsMin, kPinSecondsMax);
  return out;
}

}  // namespace pavise::device
