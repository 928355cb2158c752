#include <errno.h>
#include <pavise/internal/launcher.h>
#include <pavise/time.h>

static const int64_t kUnixMsMax = 253402300799999;

int pavise_time_set(pavise_event_loop* loop, int64_t unix_ms, pavise_outcome_handler handler,
                    void* context) {
  if (unix_ms < 0 || unix_ms > kUnixMsMax) return -EINVAL;
  unsigned char fields[8];
  for (unsigned i = 0; i < sizeof fields; ++i)
    fields[i] = (unsigned char)((uint64_t)unix_ms >> (8 * i));
  return launcher_request(loop, kLauncherSetTime, fields, sizeof fields, handler, context);
}
