#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pavise/event_loop.h>
#include <pavise/network.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int of_resolver(int failure) {
  switch (failure) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
      return -ENOENT;
    case EAI_AGAIN:
      return -EAGAIN;
    case EAI_MEMORY:
      return -ENOMEM;
    case EAI_SYSTEM:
      return -errno;
    default:
      return -EIO;
  }
}

static int wait_connected(int descriptor, int64_t deadline) {
  for (;;) {
    const int64_t left = deadline - pavise_now_ms();
    struct pollfd polled = {.fd = descriptor, .events = POLLOUT};
    const int ready = poll(&polled, 1, left > 0 ? (int)left : 0);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return -errno;
    if (ready == 0) return -ETIMEDOUT;
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -errno;
    return -error;
  }
}

static int connect_address(const struct addrinfo* to, int64_t deadline) {
  const int descriptor = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -errno;
  int outcome = 0;
  if (connect(descriptor, to->ai_addr, to->ai_addrlen) != 0)
    outcome = errno == EINPROGRESS ? wait_connected(descriptor, deadline) : -errno;
  if (outcome == 0) return descriptor;
  close(descriptor);
  return outcome;
}

static int connect_first(const struct addrinfo* addresses, int64_t deadline) {
  int64_t untried = 0;
  for (const struct addrinfo* at = addresses; at; at = at->ai_next) ++untried;
  int outcome = -ENOENT;
  for (const struct addrinfo* at = addresses; at; at = at->ai_next, --untried) {
    const int64_t now = pavise_now_ms();
    if (now >= deadline) return -ETIMEDOUT;
    /* An address that does not answer leaves time for the others. */
    outcome = connect_address(at, now + (deadline - now + untried - 1) / untried);
    if (outcome >= 0) return outcome;
  }
  return outcome;
}

int pavise_network_connect(const char* host, uint16_t port, int timeout_ms) {
  if (!host || !*host || port == 0 || timeout_ms < 1) return -EINVAL;
  const int64_t deadline = pavise_now_ms() + timeout_ms;
  char service[6];
  snprintf(service, sizeof service, "%u", (unsigned)port);
  const struct addrinfo wanted = {.ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  struct addrinfo* addresses = NULL;
  const int failure = getaddrinfo(host, service, &wanted, &addresses);
  if (failure != 0) return of_resolver(failure);
  const int outcome = connect_first(addresses, deadline);
  freeaddrinfo(addresses);
  return outcome;
}

static int listen_family(int family, uint16_t port, int backlog) {
  const int descriptor = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -errno;
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
  const int yes = 1;
  const int no = 0;
  int outcome = setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (outcome == 0 && family == AF_INET6)
    outcome = setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  if (outcome == 0)
    outcome = family == AF_INET6 ? bind(descriptor, (struct sockaddr*)&six, sizeof six)
                                 : bind(descriptor, (struct sockaddr*)&four, sizeof four);
  if (outcome == 0) outcome = listen(descriptor, backlog);
  if (outcome == 0) return descriptor;
  outcome = -errno;
  close(descriptor);
  return outcome;
}

int pavise_network_listen(uint16_t port, int backlog) {
  const int both = listen_family(AF_INET6, port, backlog);
  /* A kernel may be without IPv6, or have it switched off. */
  return both == -EAFNOSUPPORT || both == -EADDRNOTAVAIL ? listen_family(AF_INET, port, backlog)
                                                         : both;
}
