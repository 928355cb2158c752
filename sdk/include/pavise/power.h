/* The device's power. The manifest grants it ("power_control": ["reboot", "power_down",
 * "power_profile"]).
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

enum pavise_power_profile {
  PAVISE_PROFILE_HIGH_PERFORMANCE = 3,
  PAVISE_PROFILE_BALANCED = 4,
  PAVISE_PROFILE_POWER_SAVER = 5
};

/* Of all processors, until the device restarts. Outcome -ENOENT: it has no such profile; -EIO: some
 * processor does not take it; -EAGAIN: it was set eight times in a row, once each ten seconds from
 * then. Errors at once: -EINVAL, and those above. */
int pavise_power_set_profile(pavise_event_loop* loop, enum pavise_power_profile profile,
                             pavise_outcome_handler handler, void* context);

#ifdef __cplusplus
}
#endif
#endif
