#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <pavise/gpio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { kNameBytesMax = 32, kNsPerMs = 1000000, kNumberMax = 65535 };

static int is_name(const char* name) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
  const size_t size = name ? strlen(name) : 0;
  return size > 0 && size <= kNameBytesMax && strspn(name, letters) == size;
}

/* The number under which the launcher gave the line. */
static int given_line(const char* name) {
  if (!is_name(name)) return -EINVAL;
  char variable[kNameBytesMax + sizeof "PAVISE_GPIO_"];
  snprintf(variable, sizeof variable, "PAVISE_GPIO_%s", name);
  const char* const text = getenv(variable);
  if (!text || !*text) return -ENOENT;
  char* end = NULL;
  const unsigned long number = strtoul(text, &end, 10);
  return *end || number > kNumberMax ? -ENOENT : (int)number;
}

static int open_line(const char* name, const struct gpio_v2_line_config* config) {
  const int given = given_line(name);
  if (given < 0) return given;
  const int line = fcntl(given, F_DUPFD_CLOEXEC, 0);
  if (line < 0) return errno == EBADF ? -ENOENT : -errno;
  /* So that reading an edge that is not there does not wait. */
  const int flags = fcntl(line, F_GETFL);
  struct gpio_v2_line_config wanted = *config;
  if (flags >= 0 && fcntl(line, F_SETFL, flags | O_NONBLOCK) == 0 &&
      ioctl(line, GPIO_V2_LINE_SET_CONFIG_IOCTL, &wanted) == 0)
    return line;
  const int failed = -errno;
  close(line);
  return failed;
}

int pavise_gpio_open_as_output(const char* name, enum pavise_gpio_output_mode mode,
                               enum pavise_gpio_value value) {
  static const uint64_t modes[] = {0, GPIO_V2_LINE_FLAG_OPEN_DRAIN, GPIO_V2_LINE_FLAG_OPEN_SOURCE};
  if ((unsigned)mode > PAVISE_GPIO_OPEN_SOURCE || (unsigned)value > PAVISE_GPIO_HIGH)
    return -EINVAL;
  struct gpio_v2_line_config config = {.flags = GPIO_V2_LINE_FLAG_OUTPUT | modes[mode],
                                       .num_attrs = 1};
  config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
  config.attrs[0].attr.values = (uint64_t)value;
  config.attrs[0].mask = 1;
  return open_line(name, &config);
}

int pavise_gpio_open_as_input(const char* name, enum pavise_gpio_bias bias,
                              enum pavise_gpio_edges edges) {
  static const uint64_t biases[] = {0, GPIO_V2_LINE_FLAG_BIAS_PULL_UP,
                                    GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN};
  if ((unsigned)bias > PAVISE_GPIO_PULL_DOWN || (unsigned)edges > PAVISE_GPIO_BOTH_EDGES)
    return -EINVAL;
  struct gpio_v2_line_config config = {.flags = GPIO_V2_LINE_FLAG_INPUT | biases[bias]};
  if ((unsigned)edges & PAVISE_GPIO_RISING) config.flags |= GPIO_V2_LINE_FLAG_EDGE_RISING;
  if ((unsigned)edges & PAVISE_GPIO_FALLING) config.flags |= GPIO_V2_LINE_FLAG_EDGE_FALLING;
  return open_line(name, &config);
}

int pavise_gpio_get_value(int line) {
  struct gpio_v2_line_values values = {.mask = 1};
  if (ioctl(line, GPIO_V2_LINE_GET_VALUES_IOCTL, &values) != 0) return -errno;
  return (values.bits & 1) ? PAVISE_GPIO_HIGH : PAVISE_GPIO_LOW;
}

int pavise_gpio_set_value(int line, enum pavise_gpio_value value) {
  if ((unsigned)value > PAVISE_GPIO_HIGH) return -EINVAL;
  struct gpio_v2_line_values values = {.bits = (uint64_t)value, .mask = 1};
  return ioctl(line, GPIO_V2_LINE_SET_VALUES_IOCTL, &values) == 0 ? 0 : -errno;
}

int pavise_gpio_read_edge(int line, struct pavise_gpio_edge* edge) {
  struct gpio_v2_line_event event;
  if (!edge) return -EINVAL;
  const ssize_t size = read(line, &event, sizeof event);
  if (size < 0) return -errno;
  if (size != (ssize_t)sizeof event) return -ENOTTY;
  edge->value = event.id == GPIO_V2_LINE_EVENT_RISING_EDGE ? PAVISE_GPIO_HIGH : PAVISE_GPIO_LOW;
  edge->at_ms = (int64_t)(event.timestamp_ns / kNsPerMs);
  edge->number = event.line_seqno;
  return 0;
}
