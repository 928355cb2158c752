/* One thread that waits for descriptors, timers and the request to end, and calls handlers.
 *
 * Everything here is for the thread that runs the loop; nothing but pavise_event_loop_run() blocks.
 * Errors are negative errno: -EINVAL for a wrong argument, else what the kernel said. */
#ifndef PAVISE_EVENT_LOOP_H
#define PAVISE_EVENT_LOOP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pavise_event_loop pavise_event_loop;
/* Something registered. It lives until pavise_event_loop_remove() or the loop's end. */
typedef struct pavise_event pavise_event;

/* A set of these. PAVISE_IO_CLOSED (error or hang-up) is told whether it was asked for or not. */
#define PAVISE_IO_READABLE 1U
#define PAVISE_IO_WRITABLE 2U
#define PAVISE_IO_CLOSED 4U

/* A handler may add and remove what it likes, its own event included, and stop the loop. It must
 * not run or close it. */
typedef void (*pavise_io_handler)(void* context, int descriptor, uint32_t events);
typedef void (*pavise_handler)(void* context);

/* -ENOMEM, -EMFILE. */
int pavise_event_loop_create(pavise_event_loop** loop);
/* Removes all events; their descriptors stay open. NULL is nothing. */
void pavise_event_loop_close(pavise_event_loop* loop);

/* Calls handlers until stopped: 0; or until `timeout_ms` have passed: -ETIMEDOUT. -1 waits for
 * ever; 0 calls at most one handler. -EBUSY from within a handler. */
int pavise_event_loop_run(pavise_event_loop* loop, int timeout_ms);
/* The running loop returns after this handler; a loop that does not run returns at once when it is
 * run next. */
void pavise_event_loop_stop(pavise_event_loop* loop);
/* Readable when a handler can be called: for who waits elsewhere, and runs with 0 then. */
int pavise_event_loop_descriptor(const pavise_event_loop* loop);

/* Calls the handler while the descriptor is in one of the states `events`. The descriptor stays the
 * caller's: remove the event before closing it. `event` may be NULL. -EEXIST: registered already;
 * -EPERM: not a kind that can be waited for (a file). */
int pavise_event_loop_add_io(pavise_event_loop* loop, int descriptor, uint32_t events,
                             pavise_io_handler handler, void* context, pavise_event** event);
int pavise_event_loop_modify_io(pavise_event_loop* loop, pavise_event* event, uint32_t events);

/* Calls the handler after `delay_ms` (0: after `period_ms`), then each `period_ms` (0: only once;
 * both 0: not until it is set). Times on which the loop was late count as one. Monotonic time.
 * `event` may be NULL. -EMFILE: each timer is a descriptor. */
int pavise_event_loop_add_timer(pavise_event_loop* loop, uint32_t delay_ms, uint32_t period_ms,
                                pavise_handler handler, void* context, pavise_event** event);
/* Starts it anew, as above. */
int pavise_event_loop_set_timer(pavise_event_loop* loop, pavise_event* event, uint32_t delay_ms,
                                uint32_t period_ms);

/* Calls the handler when the device asks the app to end (SIGTERM): it has the manifest's
 * stop_timeout_ms then. A handler of NULL stops the loop. Blocks the signal in the calling thread:
 * call it before other threads are made. `event` may be NULL. */
int pavise_event_loop_add_end_request(pavise_event_loop* loop, pavise_handler handler,
                                      void* context, pavise_event** event);

/* The event is gone when this returns; its descriptor stays open. NULL is nothing. */
void pavise_event_loop_remove(pavise_event_loop* loop, pavise_event* event);

/* Milliseconds of a clock that never goes back. Any thread. */
int64_t pavise_now_ms(void);

#ifdef __cplusplus
}
#endif
#endif
