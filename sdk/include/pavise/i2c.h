/* I2C buses, of which the app is the controller. The manifest grants them by name ("i2c":
 * ["SENSORS"]), each to one app, which speaks to all that is wired to it.
 *
 * Each call is one transfer and blocks until its end, usually below a millisecond; if the bus hangs
 * until the controller gives up, a second or so. Any thread; transfers of several threads do not
 * mix, those of several processes need a descriptor each. Errors are negative errno. Of a transfer:
 * -EINVAL: an address outside of 0x08 to 0x77, no byte at all, or more than PAVISE_I2C_BYTES_MAX;
 * -ENXIO, -EREMOTEIO or -EIO, as the controller tells it: nobody answers at this address;
 * -ETIMEDOUT: the bus hangs; -EBUSY: the kernel itself drives that device; -EOPNOTSUPP: not on this
 * controller, see below.
 *
 * SMBus controllers, as PCs have them, know no free transfers. There these work: to write one to 33
 * bytes; to read one; to write one byte and then read 1 to 32. */
#ifndef PAVISE_I2C_H
#define PAVISE_I2C_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PAVISE_I2C_BYTES_MAX = 8192 }; /* in one direction */

/* A descriptor, close-on-exec, the caller's. Does not block. -EINVAL: the name is no single word;
 * -ENOENT: not granted, or the board has none; -ENOTTY: it is no I2C bus. */
int pavise_i2c_open(const char* name);

/* 0: all bytes went or came. `address` has 7 bits, as data sheets give it without the bit for read
 * or write. */
int pavise_i2c_write(int bus, uint8_t address, const void* bytes, size_t size);
int pavise_i2c_read(int bus, uint8_t address, void* bytes, size_t size);
/* With a repeated start in between: how registers are read. */
int pavise_i2c_write_then_read(int bus, uint8_t address, const void* written, size_t written_size,
                               void* read, size_t read_size);

#ifdef __cplusplus
}
#endif
#endif
