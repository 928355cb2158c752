// What may be read, by whom. The file is in the image, so the owner signed it; README.md says how
// it is written.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "samples/modbus_guardian/words.h"

namespace modbus_guardian {

inline constexpr std::uint32_t kAnswerMsMin = 50, kAnswerMsMax = 10'000;

struct ReadRule {
  std::uint8_t unit;
  Range range;
};

struct Rules {
  Ipv4 machine = 0;
  std::uint16_t machine_port = 0;
  std::uint16_t listen_port = 0;
  std::int64_t answer_within_ms = 0;
  std::vector<Subnet> clients;
  std::vector<ReadRule> reads;
  std::vector<std::uint8_t> identifies;  // units

  // Strict: a word that is not understood refuses the whole file, and so does a missing one of
  // version, machine, listen, answer_within_ms and client.
  static Parsed<Rules> parse(std::string_view text);

  bool admits(Ipv4 client) const;
  bool may_read(std::uint8_t unit, const Range& range) const;  // one line has all of it
  bool may_identify(std::uint8_t unit) const;
};

}  // namespace modbus_guardian
