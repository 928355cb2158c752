#include "device/apps/names/name_wire.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>

namespace pavise::device {
namespace {

enum Kind : std::uint8_t { kAdd = 1, kRemove, kPinned, kPin, kRefused };

template <class... Each>
struct Overloaded : Each... {
  using Each::operator()...;
};

bool is_told_name(std::string_view name) {
  return name.size() <= dns::kNameMax && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.';
         });
}

std::optional<NamedPeer> read_peer(ByteReader& from) {
  const int socket_type = from.be<std::uint8_t>().value_or(0);
  const unsigned below = from.be<std::uint8_t>().value_or(0);
  const std::uint16_t port = from.be<std::uint16_t>().value_or(0);
  const auto name = from.sized<std::uint8_t>(dns::kNameMax);
  if (!name || (socket_type != SOCK_STREAM && socket_type != SOCK_DGRAM) || below > 1)
    return std::nullopt;
  return NamedPeer{.name = std::string(as_text(*name)),
                   .below = below == 1,
                   .socket_type = socket_type,
                   .port = port};
}

std::optional<NameOrder> read_add(ByteReader& from) {
  AddApp out;
  out.app = from.be<std::uint32_t>().value_or(0);
  while (from.ok() && !from.at_end()) {
    auto peer = read_peer(from);
    if (!peer || out.peers.size() == kNamedPeersMax) return std::nullopt;
    out.peers.push_back(*std::move(peer));
  }
  return out;
}

std::optional<NameReport> read_pins(ByteReader& from) {
  PinsWanted out;
  for (std::uint32_t* field : {&out.number, &out.app, &out.lifetime_s})
    *field = from.be<std::uint32_t>().value_or(0);
  while (from.ok() && !from.at_end()) {
    NamedPin pin{};
    pin.peer = from.be<std::uint16_t>().value_or(0);
    const auto address = from.take(pin.address.size());
    if (!address || out.pins.size() == kPinsMax) return std::nullopt;
    std::ranges::transform(*address, pin.address.begin(),
                           [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
    out.pins.push_back(pin);
  }
  if (out.pins.empty()) return std::nullopt;
  return out;
}

}  // namespace

Bytes encode(const NameOrder& order) {
  ByteWriter out;
  std::visit(
      Overloaded{[&out](const AddApp& add) {
                   out.be(std::uint8_t{kAdd}).be(add.app);
                   for (const NamedPeer& peer : add.peers)
                     out.be(static_cast<std::uint8_t>(peer.socket_type))
                         .be(static_cast<std::uint8_t>(peer.below ? 1 : 0))
                         .be(peer.port)
                         .sized<std::uint8_t>(as_bytes(peer.name));
                 },
                 [&out](const RemoveApp& remove) { out.be(std::uint8_t{kRemove}).be(remove.app); },
                 [&out](const PinsMade& made) {
                   out.be(std::uint8_t{kPinned})
                       .be(made.number)
                       .be(static_cast<std::uint8_t>(made.done ? 1 : 0));
                 }},
      order);
  return out.take();
}

Bytes encode(const NameReport& report) {
  ByteWriter out;
  std::visit(Overloaded{[&out](const PinsWanted& wanted) {
                          out.be(std::uint8_t{kPin}).be(wanted.number).be(wanted.app);
                          out.be(wanted.lifetime_s);
                          for (const NamedPin& pin : wanted.pins)
                            out.be(pin.peer).raw(std::as_bytes(std::span(pin.address)));
                        },
                        [&out](const RefusedName& refused) {
                          out.be(std::uint8_t{kRefused}).be(refused.app).be(refused.attempts);
                          out.raw(as_bytes(refused.name));
                        }},
             report);
  return out.take();
}

Result<NameOrder> parse_order(ByteView packet) {
  ByteReader from(packet);
  const std::uint8_t kind = from.be<std::uint8_t>().value_or(0);
  std::optional<NameOrder> out;
  if (kind == kAdd) {
    out = read_add(from);
  } else if (kind == kRemove) {
    out = RemoveApp{from.be<std::uint32_t>().value_or(0)};
  } else if (kind == kPinned) {
    const std::uint32_t number = from.be<std::uint32_t>().value_or(0);
    const std::uint8_t done = from.be<std::uint8_t>().value_or(2);
    if (done <= 1) out = PinsMade{number, done == 1};
  }
  if (!out || !from.at_end()) return kNamesBadPacket;
  return *std::move(out);
}

Result<NameReport> parse_report(ByteView packet) {
  ByteReader from(packet);
  const std::uint8_t kind = from.be<std::uint8_t>().value_or(0);
  std::optional<NameReport> out;
  if (kind == kPin) {
    out = read_pins(from);
  } else if (kind == kRefused) {
    RefusedName refused;
    refused.app = from.be<std::uint32_t>().value_or(0);
    refused.attempts = from.be<std::uint32_t>().value_or(0);
    refused.name = as_text(from.take(from.remaining()).value_or(ByteView{}));
    if (is_told_name(refused.name)) out = std::move(refused);
  }
  if (!out || !from.at_end()) return kNamesBadPacket;
  return *std::move(out);
}

}  // namespace pavise::device
