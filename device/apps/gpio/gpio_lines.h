// The lines of GPIO chips that an app has: docs/formats/app-channels.md.
#pragma once

#include <linux/gpio.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "device/apps/compartment/compartment.h"

namespace pavise::device {

inline constexpr ErrorInfo kNoGpioLine{
    "PV-GPI-001", Retry::later, "a GPIO line cannot be given to an app",
    "Correct chip and line in the hardware definition, or free the line if the kernel uses it."};

// Lines begin here also if the app has fewer descriptors of other kinds.
inline constexpr int kFirstGpioDescriptor = 5;

struct GpioLine {
  std::string name;  // as manifest and hardware definition have it
  std::string chip;  // the node of its chip
  std::uint32_t line = 0;

  bool operator==(const GpioLine&) const = default;
};

// Asks a chip for one line under the name of its user. kNoGpioLine.
using RequestLine = std::function<Result<UniqueFd>(const GpioLine& line, const std::string& user)>;

// What is asked of the kernel: the line as it is, neither read nor set. A longer `user` is cut.
gpio_v2_line_request line_request(std::uint32_t line, const std::string& user);
// From the kernel. Does not block.
Result<UniqueFd> request_line(const GpioLine& line, const std::string& user);

// The lines of one start of an app; not the app's before give(). The destructor releases those that
// were not given, and those of an app when it has ended.
class RequestedLines {
 public:
  // All or none. kNoGpioLine.
  static Result<RequestedLines> request(std::span<const GpioLine> lines, const std::string& user,
                                        const RequestLine& request = request_line);
  // Behind the descriptors of `spec`, with their numbers in its environment. This outlives the
  // start.
  void give(CompartmentSpec& spec) const;

 private:
  std::vector<std::string> names_;
  std::vector<UniqueFd> lines_;
};

}  // namespace pavise::device
