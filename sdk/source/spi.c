#include <errno.h>
#include <fcntl.h>
#include <linux/spi/spidev.h>
#include <pavise/internal/node.h>
#include <pavise/spi.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct pavise_spi_config pavise_spi_usual(void) {
  return (struct pavise_spi_config){.speed_hz = 1000000};
}

static int set_up(int device, const struct pavise_spi_config* config) {
  const uint32_t ours = SPI_CPHA | SPI_CPOL | SPI_LSB_FIRST;
  uint32_t mode = 0;
  if (ioctl(device, SPI_IOC_RD_MODE32, &mode) < 0) return -errno;
  mode = (mode & ~ours) | config->mode;
  if (config->bit_order == PAVISE_SPI_LEAST_FIRST) mode |= SPI_LSB_FIRST;
  const uint8_t bits = 8;
  if (ioctl(device, SPI_IOC_WR_MODE32, &mode) < 0 ||
      ioctl(device, SPI_IOC_WR_BITS_PER_WORD, &bits) < 0 ||
      ioctl(device, SPI_IOC_WR_MAX_SPEED_HZ, &config->speed_hz) < 0)
    return -errno;
  return 0;
}

int pavise_spi_open(const char* name, const struct pavise_spi_config* config) {
  if (!config || config->speed_hz == 0 || config->mode > 3 ||
      (unsigned)config->bit_order > PAVISE_SPI_LEAST_FIRST)
    return -EINVAL;
  const int device = node_open(name, O_RDWR);
  if (device < 0) return device;
  const int outcome = set_up(device, config);
  if (outcome == 0) return device;
  close(device);
  return outcome;
}

/* What the driver returns is how many bytes went. */
static int run(int device, unsigned long request, const struct spi_ioc_transfer* transfers) {
  return ioctl(device, request, transfers) < 0 ? -errno : 0;
}

int pavise_spi_transfer(int device, const void* written, void* read, size_t size) {
  if (size == 0 || (!written && !read)) return -EINVAL;
  if (size > UINT32_MAX) return -EMSGSIZE;
  const struct spi_ioc_transfer transfers[] = {
      {.tx_buf = (uintptr_t)written, .rx_buf = (uintptr_t)read, .len = (uint32_t)size}};
  return run(device, SPI_IOC_MESSAGE(1), transfers);
}

int pavise_spi_write_then_read(int device, const void* written, size_t written_size, void* read,
                               size_t read_size) {
  if (written_size == 0 || read_size == 0 || !written || !read) return -EINVAL;
  if (written_size > UINT32_MAX || read_size > UINT32_MAX) return -EMSGSIZE;
  const struct spi_ioc_transfer transfers[] = {
      {.tx_buf = (uintptr_t)written, .len = (uint32_t)written_size},
      {.rx_buf = (uintptr_t)read, .len = (uint32_t)read_size}};
  return run(device, SPI_IOC_MESSAGE(2), transfers);
}
