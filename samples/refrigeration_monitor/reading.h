// The sensor's lines: "T=4.25 H=61 DOOR=0 *3D". The protocol is in the README.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace refrigeration_monitor {

inline constexpr std::size_t kLineBytesMax = 40;  // without its end
// What the sensor can measure: its data sheet.
inline constexpr int kCentiCelsiusMin = -4000, kCentiCelsiusMax = 8500;
inline constexpr unsigned kHumidityPercentMax = 100;

struct Reading {
  int centi_celsius = 0;
  unsigned humidity_percent = 0;
  bool door_open = false;

  bool operator==(const Reading&) const = default;
};

enum class LineFault {
  broken,      // not the protocol, or changed on its way
  impossible,  // the protocol, but not what the sensor can measure: it is at fault
};

struct Line {
  std::optional<Reading> reading;
  LineFault fault = LineFault::broken;  // without a reading
};

// One line without its end. Pure.
Line parse_line(std::string_view text);
// The two digits behind '*': the exclusive or of the bytes before it.
std::string checksum(std::string_view before_star);

// "4.25", "-0.50", and back; one spelling, at most three digits before the point.
std::string celsius_text(int centi_celsius);
std::optional<int> parse_celsius(std::string_view text);

// Bytes to lines. What is too long for a line is one broken line, however long it is.
class LineBuffer {
 public:
  // Feeds one byte. A line when it is at its end; it stands until the next byte.
  std::optional<std::string_view> take(char byte);

 private:
  std::string line_;
  bool ended_ = false;
};

}  // namespace refrigeration_monitor
