#include <errno.h>
#include <pavise/health.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { kLauncher = 3 };

int pavise_health_well(void) {
  static const char word = 1;
  /* Elsewhere descriptor 3 is whatever the program opened first. */
  if (!getenv("PAVISE_APP")) return -ENOTCONN;
  const int before = errno;
  ssize_t sent;
  do {
    sent = send(kLauncher, &word, sizeof word, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  /* When the launcher is behind, earlier words say the same. */
  const int outcome = sent == 1 || errno == EAGAIN ? 0 : -ENOTCONN;
  errno = before;
  return outcome;
}
