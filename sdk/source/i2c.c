#include <errno.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <pavise/i2c.h>
#include <pavise/internal/node.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What lies outside is reserved: UM10204, section 3.1.12. */
enum { kAddressMin = 0x08, kAddressMax = 0x77 };

struct transfer {
  const uint8_t* out;
  size_t out_size;
  uint8_t* in;
  size_t in_size;
};

int pavise_i2c_open(const char* name) {
  const int bus = node_open(name, O_RDWR);
  unsigned long functions = 0;
  if (bus < 0 || ioctl(bus, I2C_FUNCS, &functions) == 0) return bus;
  close(bus);
  return -ENOTTY;
}

static int free_transfer(int bus, uint8_t address, const struct transfer* what) {
  struct i2c_msg messages[2];
  uint32_t count = 0;
  /* The kernel does not change what it writes. */
  if (what->out_size > 0)
    messages[count++] = (struct i2c_msg){
        .addr = address, .len = (uint16_t)what->out_size, .buf = (uint8_t*)(uintptr_t)what->out};
  if (what->in_size > 0)
    messages[count++] = (struct i2c_msg){
        .addr = address, .flags = I2C_M_RD, .len = (uint16_t)what->in_size, .buf = what->in};
  struct i2c_rdwr_ioctl_data all = {.msgs = messages, .nmsgs = count};
  /* Messages have their own address; this asks whether a driver has it. */
  if (ioctl(bus, I2C_SLAVE, (unsigned long)address) < 0) return -errno;
  const int done = ioctl(bus, I2C_RDWR, &all);
  if (done < 0) return -errno;
  return done == (int)count ? 0 : -EIO;
}

/* How SMBus calls the transfer, and what the controller has to be able to do for it. 0: nothing of
 * SMBus. SMBus 3.2, section 6.5. */
static uint32_t smbus_size(const struct transfer* what, unsigned long* needs) {
  const size_t out = what->out_size;
  const size_t in = what->in_size;
  if ((out == 0 && in == 1) || (out == 1 && in == 0)) {
    *needs = in ? I2C_FUNC_SMBUS_READ_BYTE : I2C_FUNC_SMBUS_WRITE_BYTE;
    return I2C_SMBUS_BYTE;
  }
  if ((out == 1 && in == 1) || (out == 2 && in == 0)) {
    *needs = in ? I2C_FUNC_SMBUS_READ_BYTE_DATA : I2C_FUNC_SMBUS_WRITE_BYTE_DATA;
    return I2C_SMBUS_BYTE_DATA;
  }
  const int reads = out == 1 && in <= I2C_SMBUS_BLOCK_MAX;
  if (!reads && (in > 0 || out < 1 || out > 1 + I2C_SMBUS_BLOCK_MAX)) return 0;
  *needs = reads ? I2C_FUNC_SMBUS_READ_I2C_BLOCK : I2C_FUNC_SMBUS_WRITE_I2C_BLOCK;
  return I2C_SMBUS_I2C_BLOCK_DATA;
}

/* Of SMBus the address is a state of the descriptor. */
static int locked_smbus(int bus, uint8_t address, struct i2c_smbus_ioctl_data* request) {
  static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&one_at_a_time);
  const int outcome =
      ioctl(bus, I2C_SLAVE, (unsigned long)address) < 0 || ioctl(bus, I2C_SMBUS, request) < 0
          ? -errno
          : 0;
  pthread_mutex_unlock(&one_at_a_time);
  return outcome;
}

static int smbus_transfer(int bus, uint8_t address, const struct transfer* what,
                          unsigned long functions) {
  unsigned long needs = 0;
  const uint32_t size = smbus_size(what, &needs);
  if (size == 0 || (functions & needs) != needs) return -EOPNOTSUPP;
  union i2c_smbus_data data;
  memset(&data, 0, sizeof data);
  struct i2c_smbus_ioctl_data request = {
      .read_write = what->in_size ? I2C_SMBUS_READ : I2C_SMBUS_WRITE,
      .command = what->out_size ? what->out[0] : 0,
      .size = size,
      .data = &data};
  const size_t written = what->out_size > 1 ? what->out_size - 1 : 0;
  if (size == I2C_SMBUS_I2C_BLOCK_DATA) {
    data.block[0] = (uint8_t)(written + what->in_size);
    if (written) memcpy(data.block + 1, what->out + 1, written);
  } else if (written) {
    data.byte = what->out[1];
  }
  const int outcome = locked_smbus(bus, address, &request);
  if (outcome != 0 || what->in_size == 0) return outcome;
  if (size != I2C_SMBUS_I2C_BLOCK_DATA) {
    *what->in = data.byte;
    return 0;
  }
  if (data.block[0] != what->in_size) return -EIO;
  memcpy(what->in, data.block + 1, what->in_size);
  return 0;
}

static int transfer(int bus, uint8_t address, const struct transfer* what) {
  if (address < kAddressMin || address > kAddressMax) return -EINVAL;
  if (what->out_size + what->in_size == 0) return -EINVAL;
  if (what->out_size > PAVISE_I2C_BYTES_MAX || what->in_size > PAVISE_I2C_BYTES_MAX) return -EINVAL;
  if ((what->out_size && !what->out) || (what->in_size && !what->in)) return -EINVAL;
  unsigned long functions = 0;
  if (ioctl(bus, I2C_FUNCS, &functions) < 0) return -errno;
  return functions & I2C_FUNC_I2C ? free_transfer(bus, address, what)
                                  : smbus_transfer(bus, address, what, functions);
}

int pavise_i2c_write(int bus, uint8_t address, const void* bytes, size_t size) {
  const struct transfer what = {.out = bytes, .out_size = size};
  return transfer(bus, address, &what);
}

int pavise_i2c_read(int bus, uint8_t address, void* bytes, size_t size) {
  const struct transfer what = {.in = bytes, .in_size = size};
  return transfer(bus, address, &what);
}

int pavise_i2c_write_then_read(int bus, uint8_t address, const void* written, size_t written_size,
                               void* read, size_t read_size) {
  if (written_size == 0 || read_size == 0) return -EINVAL;
  const struct transfer what = {written, written_size, read, read_size};
  return transfer(bus, address, &what);
}
