// Permissions to write: each for one client, one unit, one range, a time and a number of writes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "samples/modbus_guardian/words.h"

namespace modbus_guardian {

inline constexpr std::int64_t kGrantSecondsMax = 31 * 86'400;  // a grant is no rule
inline constexpr std::uint32_t kGrantWritesMax = 10'000;
inline constexpr std::size_t kGrantNameLengthMax = 32;

struct Grant {
  std::string name;
  Ipv4 client = 0;
  std::uint8_t unit = 0;
  Range range;  // coils or holding
  std::int64_t from_s = 0, until_s = 0;
  std::uint32_t writes_max = 0;
};

// Not thread-safe.
class Grants {
 public:
  // Makes the text of uses durable; false: it is not, and the write is refused.
  using Keep = std::function<bool(const std::string& uses)>;
  explicit Grants(Keep keep) : keep_(std::move(keep)) {}

  // A line each: grant NAME client ADDRESS unit UNIT coils|holding FIRST-LAST from TIME until TIME
  // writes N. Refused as a whole; two grants do not have one name.
  static Parsed<std::vector<Grant>> parse(std::string_view text);

  // What is granted now instead of what was. Uses stay with the name.
  void replace(std::vector<Grant> grants) { grants_ = std::move(grants); }
  // What earlier runs used: a line "used NAME UNTIL COUNT" each.
  Parsed<void> restore(std::string_view uses);

  bool covers(const Request& request, Ipv4 client, std::int64_t now_s) const;
  // Counts a write before it is made: one that may or may not have reached the machine is used.
  // The name of its grant; empty if there is none, or the use cannot be kept.
  std::string use(const Request& request, Ipv4 client, std::int64_t now_s);

 private:
  struct Use {
    std::int64_t until_s = 0;
    std::uint32_t count = 0;
  };
  const Grant* find(const Request& request, Ipv4 client, std::int64_t now_s) const;
  std::string uses_text() const;

  Keep keep_;
  std::vector<Grant> grants_;
  std::map<std::string, Use, std::less<>> uses_;
};

}  // namespace modbus_guardian
