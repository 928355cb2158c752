/* The app's log: `pavise app logs`. What the app prints by other means arrives there, too. */
#ifndef PAVISE_LOG_H
#define PAVISE_LOG_H

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of one line with its level; what is longer is cut. Devices keep 60 lines a minute. */
#define PAVISE_LOG_BYTES_MAX 384

enum pavise_log_level {
  PAVISE_LOG_ERROR = 0,
  PAVISE_LOG_WARNING = 1,
  PAVISE_LOG_INFO = 2,
  PAVISE_LOG_DEBUG = 3
};

/* Lines above `level` are not written. PAVISE_LOG_INFO until it is called. Any thread. */
void pavise_log_set_level(enum pavise_log_level level);

/* Writes "LEVEL: TEXT" as one line, by one write to stderr; control characters in the text become
 * spaces, so that nothing from outside makes a line of its own. Leaves errno alone. Any thread.
 * Blocks while the launcher is behind with reading. 0; -EINVAL: the format or the level is wrong;
 * or the error of write(). */
int pavise_log(enum pavise_log_level level, const char* format, ...)
    __attribute__((format(printf, 2, 3)));
int pavise_log_arguments(enum pavise_log_level level, const char* format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

#ifdef __cplusplus
}
#endif
#endif
