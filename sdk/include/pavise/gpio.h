/* GPIO lines. The manifest grants them by name ("gpio": ["LED"]), one by one, and to one app only;
 * which line of which chip that is, the device's hardware definition says.
 *
 * A line is a descriptor, close-on-exec and the caller's. The app has its lines until it ends:
 * closing one changes nothing at it, and it may be opened again. Two that are open under one name
 * are one line: the last settings count. Nothing blocks; any thread. Errors are negative errno:
 * -ENOENT: not granted, or not on a device; -EINVAL: a wrong argument; -ENOTTY: the descriptor is
 * no line; else what the chip's driver says. */
#ifndef PAVISE_GPIO_H
#define PAVISE_GPIO_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pavise_gpio_value { PAVISE_GPIO_LOW = 0, PAVISE_GPIO_HIGH = 1 };

enum pavise_gpio_output_mode {
  PAVISE_GPIO_PUSH_PULL = 0,
  PAVISE_GPIO_OPEN_DRAIN = 1, /* drives low only */
  PAVISE_GPIO_OPEN_SOURCE = 2 /* drives high only */
};

/* The resistor in the chip. Chips that have none refuse all but PAVISE_GPIO_BIAS_AS_IS, or do
 * nothing. */
enum pavise_gpio_bias {
  PAVISE_GPIO_BIAS_AS_IS = 0,
  PAVISE_GPIO_PULL_UP = 1,
  PAVISE_GPIO_PULL_DOWN = 2
};

/* Changes of the level that are told. Not each chip can. */
enum pavise_gpio_edges {
  PAVISE_GPIO_NO_EDGES = 0,
  PAVISE_GPIO_RISING = 1,
  PAVISE_GPIO_FALLING = 2,
  PAVISE_GPIO_BOTH_EDGES = 3
};

/* Makes the line an output of this value at once, without another value in between. */
int pavise_gpio_open_as_output(const char* name, enum pavise_gpio_output_mode mode,
                               enum pavise_gpio_value value);
/* Makes the line an input. With edges the descriptor can be read (PAVISE_IO_READABLE in an event
 * loop) when there is one for pavise_gpio_read_edge(). */
int pavise_gpio_open_as_input(const char* name, enum pavise_gpio_bias bias,
                              enum pavise_gpio_edges edges);

/* PAVISE_GPIO_LOW or PAVISE_GPIO_HIGH, of an input or an output. */
int pavise_gpio_get_value(int line);
/* 0. -EPERM: it is no output. */
int pavise_gpio_set_value(int line, enum pavise_gpio_value value);

struct pavise_gpio_edge {
  enum pavise_gpio_value value; /* HIGH: it rose */
  int64_t at_ms;                /* of pavise_now_ms() */
  uint32_t number;              /* of this line's edges, from 1; a gap: the app was too late */
};

/* The oldest edge that was not read: 0. -EAGAIN: there is none. At most 16 wait; then the oldest
 * are lost. */
int pavise_gpio_read_edge(int line, struct pavise_gpio_edge* edge);

#ifdef __cplusplus
}
#endif
#endif
