#include <fcntl.h>
#include <linux/gpio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "device/apps/compartment/testing/hostile/attacks.h"

namespace pavise::device::hostile {

namespace {

// What `line` is when it was made an input or an output with this value; or the number of the
// error.
int use_line(const char* line, std::uint64_t flags, bool value) {
  const int fd = number(line);
  gpio_v2_line_config config{};
  config.flags = flags;
  if ((flags & GPIO_V2_LINE_FLAG_OUTPUT) != 0) {
    config.num_attrs = 1;
    config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
    config.attrs[0].attr.values = value ? 1 : 0;
    config.attrs[0].mask = 1;
  }
  gpio_v2_line_values values{.bits = 0, .mask = 1};
  if (::ioctl(fd, GPIO_V2_LINE_SET_CONFIG_IOCTL, &config) != 0 ||
      ::ioctl(fd, GPIO_V2_LINE_GET_VALUES_IOCTL, &values) != 0)
    return errno;
  std::printf("line %d is %d\n", fd, static_cast<int>(values.bits & 1));
  return 0;
}

// Leaves it in a message that only itself could receive: a circle that outlives the process.
int park(int descriptor) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) != 0) return errno;
  return send_descriptors(ends[0], {descriptor, ends[0], ends[1]});
}

}  // namespace

// A request to a descriptor, of what the kernel has for lines and for chips.
int gpio(std::string_view request, const char* descriptor) {
  struct Request {
    std::string_view name;
    unsigned long number;
  };
  constexpr Request kRequests[] = {{"line_set_config", GPIO_V2_LINE_SET_CONFIG_IOCTL},
                                   {"line_get_values", GPIO_V2_LINE_GET_VALUES_IOCTL},
                                   {"line_set_values", GPIO_V2_LINE_SET_VALUES_IOCTL},
                                   {"chip_info", GPIO_GET_CHIPINFO_IOCTL},
                                   {"chip_line_info", GPIO_V2_GET_LINEINFO_IOCTL},
                                   {"chip_get_line", GPIO_V2_GET_LINE_IOCTL},
                                   {"chip_get_line_v1", GPIO_GET_LINEHANDLE_IOCTL}};
  static gpio_v2_line_request largest{};
  for (const Request& known : kRequests)
    if (known.name == request) return outcome(::ioctl(number(descriptor), known.number, &largest));
  return -1;
}

// Its own line, another descriptor, and what is none of its business.
int try_lines(const char* own, const char* other) {
  constexpr std::uint64_t kUp = GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_BIAS_PULL_UP;
  constexpr std::uint64_t kDown = GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN;
  int failed = 0;
  for (const bool value : {true, false}) failed += use_line(own, GPIO_V2_LINE_FLAG_OUTPUT, value);
  for (const std::uint64_t pull : {kUp, kDown}) failed += use_line(own, pull, false);
  std::printf("other %d\n", use_line(other, GPIO_V2_LINE_FLAG_OUTPUT, true));
  std::printf("chip %d, %d; node %d; what is no line %d\n", gpio("chip_get_line", own),
              gpio("chip_info", own), open_it("/dev/gpiochip0", O_RDWR),
              gpio("line_get_values", "3"));
  return failed + park(number(own));
}

}  // namespace pavise::device::hostile
