#include <errno.h>
#include <fcntl.h>
#include <pavise/internal/node.h>
#include <pavise/uart.h>
#include <termios.h>
#include <unistd.h>

struct rate {
  uint32_t baud;
  speed_t speed;
};
static const struct rate rates[] = {{1200, B1200},     {2400, B2400},     {4800, B4800},
                                    {9600, B9600},     {19200, B19200},   {38400, B38400},
                                    {57600, B57600},   {115200, B115200}, {230400, B230400},
                                    {460800, B460800}, {500000, B500000}, {921600, B921600}};

struct pavise_uart_config pavise_uart_usual(void) {
  return (struct pavise_uart_config){.baud_rate = 115200, .data_bits = 8, .stop_bits = 1};
}

static int to_termios(const struct pavise_uart_config* config, struct termios* out) {
  static const tcflag_t sizes[] = {CS5, CS6, CS7, CS8};
  if (config->data_bits < 5 || config->data_bits > 8) return -EINVAL;
  if (config->stop_bits < 1 || config->stop_bits > 2) return -EINVAL;
  if ((unsigned)config->parity > PAVISE_PARITY_ODD || config->flow_control > 1) return -EINVAL;
  const struct rate* rate = NULL;
  for (size_t i = 0; i < sizeof rates / sizeof *rates; ++i)
    if (rates[i].baud == config->baud_rate) rate = &rates[i];
  if (!rate) return -EINVAL;
  cfmakeraw(out);
  out->c_cflag &= ~(tcflag_t)(CSIZE | CSTOPB | PARENB | PARODD | CRTSCTS);
  out->c_cflag |= CLOCAL | CREAD | sizes[config->data_bits - 5];
  if (config->stop_bits == 2) out->c_cflag |= CSTOPB;
  if (config->parity != PAVISE_PARITY_NONE) out->c_cflag |= PARENB;
  if (config->parity == PAVISE_PARITY_ODD) out->c_cflag |= PARODD;
  if (config->flow_control) out->c_cflag |= CRTSCTS;
  return cfsetspeed(out, rate->speed) == 0 ? 0 : -EINVAL;
}

/* tcsetattr() succeeds if anything of it could be done. */
static int set_up(int port, const struct pavise_uart_config* config) {
  struct termios wanted;
  struct termios got;
  if (tcgetattr(port, &wanted) != 0) return -errno;
  const int outcome = to_termios(config, &wanted);
  if (outcome != 0) return outcome;
  if (tcsetattr(port, TCSANOW, &wanted) != 0 || tcgetattr(port, &got) != 0) return -errno;
  const tcflag_t ours = CSIZE | CSTOPB | PARENB | PARODD | CRTSCTS;
  if ((wanted.c_cflag & ours) != (got.c_cflag & ours)) return -EINVAL;
  if (cfgetospeed(&wanted) != cfgetospeed(&got)) return -EINVAL;
  return tcflush(port, TCIFLUSH) == 0 ? 0 : -errno;
}

int pavise_uart_open(const char* name, const struct pavise_uart_config* config) {
  if (!config) return -EINVAL;
  const int port = node_open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (port < 0) return port;
  const int outcome = set_up(port, config);
  if (outcome == 0) return port;
  close(port);
  return outcome;
}
