// What the launcher and pavise-names say to each other: packets of fixed fields, big-endian.
//
//   add      1, app 4, then for each peer: socket type 1, below 1, port 2, name (length 1, text)
//   remove   2, app 4
//   pinned   3, number 4, done 1
//   pin      4, number 4, app 4, seconds 4, then for each pin: peer 2, address 16
//   refused  5, app 4, attempts 4, name
//
// The launcher believes nothing of what it reads here; see NameService.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "device/apps/names/name_rules.h"

namespace pavise::device {

inline constexpr ErrorInfo kNamesBadPacket{
    "PV-NAM-001", Retry::never, "launcher and resolver of apps do not understand each other",
    "Both are of one release: report it. The resolver is started again."};

inline constexpr std::size_t kReportBytesMax = 13 + 18 * kPinsMax;

struct AddApp {  // with two descriptors: UDP and listening TCP, bound
  std::uint32_t app = 0;
  std::vector<NamedPeer> peers{};

  bool operator==(const AddApp&) const = default;
};
struct RemoveApp {
  std::uint32_t app = 0;

  bool operator==(const RemoveApp&) const = default;
};
struct PinsMade {
  std::uint32_t number = 0;  // of the PinsWanted
  bool done = false;

  bool operator==(const PinsMade&) const = default;
};
using NameOrder = std::variant<AddApp, RemoveApp, PinsMade>;

struct PinsWanted {
  std::uint32_t number = 0;
  std::uint32_t app = 0;
  std::uint32_t lifetime_s = 0;
  std::vector<NamedPin> pins{};

  bool operator==(const PinsWanted&) const = default;
};
// A name that the app may not ask for, or whose addresses it may not have.
struct RefusedName {
  std::uint32_t app = 0;
  std::uint32_t attempts = 0;  // since it was told last
  std::string name{};          // of a-z, 0-9, '-', '_' and '.'; empty: further ones

  bool operator==(const RefusedName&) const = default;
};
using NameReport = std::variant<PinsWanted, RefusedName>;

Bytes encode(const NameOrder& order);
Bytes encode(const NameReport& report);
Result<NameOrder> parse_order(ByteView packet);    // kNamesBadPacket
Result<NameReport> parse_report(ByteView packet);  // kNamesBadPacket

}  // namespace pavise::device
