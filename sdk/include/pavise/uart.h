/* Serial ports. The manifest grants them by name ("uart": ["METER"]). */
#ifndef PAVISE_UART_H
#define PAVISE_UART_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pavise_uart_parity { PAVISE_PARITY_NONE = 0, PAVISE_PARITY_EVEN = 1, PAVISE_PARITY_ODD = 2 };

struct pavise_uart_config {
  uint32_t baud_rate; /* 1200 to 921600, of the usual ones */
  uint8_t data_bits;  /* 5 to 8 */
  uint8_t stop_bits;  /* 1 or 2 */
  enum pavise_uart_parity parity;
  uint8_t flow_control; /* 0: none, 1: RTS and CTS */
};

/* 115200 baud, 8 data bits, no parity, 1 stop bit, no flow control. */
struct pavise_uart_config pavise_uart_usual(void);

/* Opens /dev/NAME and sets it up: bytes as they come, no echo, no signals. A descriptor,
 * non-blocking, close-on-exec, the caller's. Does not block; any thread. -EINVAL: the name is no
 * single word or the port cannot do what `config` says; -ENOENT: not granted, or the board has
 * none; -ENOTTY: it is no serial port. Closing it waits for nothing: before it ends, an app that
 * has written calls tcdrain(), or loses what has not gone. */
int pavise_uart_open(const char* name, const struct pavise_uart_config* config);

#ifdef __cplusplus
}
#endif
#endif
