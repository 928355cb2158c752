/* The device's clock. The manifest grants it ("system_time": true). To read it needs nothing: use
 * clock_gettime().
 *
 * For the thread of the event loop; nothing blocks. */
#ifndef PAVISE_TIME_H
#define PAVISE_TIME_H

#include <pavise/event_loop.h>
#include <pavise/outcome.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sets the clock, in milliseconds since 1970. Outcome 0: the device sets it within moments.
 * -ERANGE: by what the device knows it is not that time. It cannot be earlier than what its service
 * last said, nor a day later than that and the time since; a device that has not heard its service
 * since it was started waits five minutes for it, and then lets the clock be up to 20 years later.
 * -EAGAIN: it waits, or the clock was set four times in a row: once a minute from then. Timers of
 * the event loop are not moved. What is set may be gone when the device restarts. The handler may
 * be NULL. Errors at once: -EINVAL: before 1970 or after 9999; those of <pavise/power.h>. */
int pavise_time_set(pavise_event_loop* loop, int64_t unix_ms, pavise_outcome_handler handler,
                    void* context);

#ifdef __cplusplus
}
#endif
#endif
