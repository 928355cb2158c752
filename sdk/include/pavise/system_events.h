/* What the device is about to do. The manifest grants it ("system_events": true), and to have an
 * update of this app wait ("update_deferral": true).
 *
 * For the thread of the event loop; nothing blocks. */
#ifndef PAVISE_SYSTEM_EVENTS_H
#define PAVISE_SYSTEM_EVENTS_H

#include <pavise/event_loop.h>
#include <pavise/outcome.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pavise_system_event_kind {
  /* The request to end (SIGTERM) follows; the app is killed `ms` later. */
  PAVISE_EVENT_APP_ENDS = 1,
  PAVISE_EVENT_DEVICE_RESTARTS = 2,
  PAVISE_EVENT_DEVICE_GOES_OFF = 3,
  /* An update of this app is put in place in `ms`: pavise_update_defer() may change that, up to
   * `ms_max` from now; 0: it may not. */
  PAVISE_EVENT_UPDATE_WAITS = 4
};

struct pavise_system_event {
  enum pavise_system_event_kind kind;
  uint32_t ms;
  uint32_t ms_max;
  const char* version; /* of the update; "" of other kinds. Holds until the handler returns. */
};

typedef void (*pavise_system_event_handler)(void* context, const struct pavise_system_event* event);

/* One per app. -EEXIST; -ENOTCONN: not on a device. What an app misses because it does not run its
 * loop is lost. Without the grant the handler is never called. */
int pavise_system_events_open(pavise_event_loop* loop, pavise_system_event_handler handler,
                              void* context);
void pavise_system_events_close(void);

/* Has the update that waits be put in place in `ms` from now; 0: at once. Outcome 0: in `value_ms`,
 * which may be less than was asked. -ENOENT: none waits. The handler may be NULL. Errors at once as
 * in <pavise/power.h>. */
int pavise_update_defer(pavise_event_loop* loop, uint32_t ms, pavise_outcome_handler handler,
                        void* context);

#ifdef __cplusplus
}
#endif
#endif
