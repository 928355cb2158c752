#include <errno.h>
#include <pavise/log.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static _Atomic int highest = PAVISE_LOG_INFO;

void pavise_log_set_level(enum pavise_log_level level) {
  atomic_store(&highest, (int)level);
}

static int write_line(const char* line, size_t size) {
  while (size > 0) {
    const ssize_t written = write(STDERR_FILENO, line, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -errno;
    line += written;
    size -= (size_t)written;
  }
  return 0;
}

int pavise_log_arguments(enum pavise_log_level level, const char* format, va_list arguments) {
  static const char* const names[] = {"error: ", "warning: ", "info: ", "debug: "};
  if ((unsigned)level > PAVISE_LOG_DEBUG) return -EINVAL;
  if ((int)level > atomic_load(&highest)) return 0;
  const int before = errno;
  char line[PAVISE_LOG_BYTES_MAX + 1];
  const size_t start = strlen(names[level]);
  memcpy(line, names[level], start);
  const size_t room = PAVISE_LOG_BYTES_MAX - start; /* the last one becomes the line's end */
  const int wanted = vsnprintf(line + start, room, format, arguments);
  int outcome = -EINVAL;
  if (wanted >= 0) {
    const size_t text = (size_t)wanted < room ? (size_t)wanted : room - 1;
    for (size_t i = start; i < start + text; ++i)
      if ((unsigned char)line[i] < ' ' || line[i] == 127) line[i] = ' ';
    line[start + text] = '\n';
    outcome = write_line(line, start + text + 1);
  }
  errno = before;
  return outcome;
}

int pavise_log(enum pavise_log_level level, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int outcome = pavise_log_arguments(level, format, arguments);
  va_end(arguments);
  return outcome;
}
