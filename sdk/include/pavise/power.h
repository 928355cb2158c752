/* The device's power. The manifest grants it ("power_control": ["reboot", "power_down"]).
 *
 * For the thread of the event loop; nothing blocks. The handler may be NULL. Errors at once:
 * -ENOTCONN: not on a device; -EAGAIN: too much is asked for already; -EEXIST: another loop is in
 * use for the launcher. */
#ifndef PAVISE_POWER_H
#define PAVISE_POWER_H

#include <pavise/event_loop.h>
#include <pavise/outcome.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Restarts the device, or switches it off: all apps are asked to end first, this one too. Outcome
 * 0: it goes down. -EAGAIN: a device that was just started stays up for five minutes. */
int pavise_power_restart(pavise_event_loop* loop, pavise_outcome_handler handler, void* context);
int pavise_power_off(pavise_event_loop* loop, pavise_outcome_handler handler, void* context);

#ifdef __cplusplus
}
#endif
#endif
