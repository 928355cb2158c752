/* SPI devices, of which the app is the controller. The manifest grants them by name ("spi":
 * ["DISPLAY"]), one chip select each, and each to one app.
 *
 * A transfer blocks until its end: its bytes at the clock's speed. Any thread; transfers of several
 * threads do not mix. Errors are negative errno; of a transfer: -EINVAL: no byte at all, or a
 * missing buffer; -EMSGSIZE: more than the kernel's driver takes, usually 4096 bytes in all. */
#ifndef PAVISE_SPI_H
#define PAVISE_SPI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pavise_spi_bit_order { PAVISE_SPI_MOST_SIGNIFICANT_FIRST = 0, PAVISE_SPI_LEAST_FIRST = 1 };

struct pavise_spi_config {
  uint32_t speed_hz; /* at most; the controller takes the next lower one that it has */
  uint8_t mode;      /* 0 to 3: clock polarity * 2 + clock phase */
  enum pavise_spi_bit_order bit_order;
};

/* 1 MHz, mode 0, most significant bit first. */
struct pavise_spi_config pavise_spi_usual(void);

/* Opens /dev/NAME and sets it up with words of 8 bits; what the board says of the chip select
 * stays. A descriptor, close-on-exec, the caller's. Does not block. -EINVAL: the name is no single
 * word or the controller cannot do what `config` says; -ENOENT: not granted, or the board has none;
 * -ENOTTY: it is no SPI device. */
int pavise_spi_open(const char* name, const struct pavise_spi_config* config);

/* Both directions at once, `size` bytes each. `written` may be NULL: zeros go; `read` may be NULL:
 * what comes is dropped. 0: done. */
int pavise_spi_transfer(int device, const void* written, void* read, size_t size);
/* One after the other, with the device selected all the time. */
int pavise_spi_write_then_read(int device, const void* written, size_t written_size, void* read,
                               size_t read_size);

#ifdef __cplusplus
}
#endif
#endif
