#include <errno.h>
#include <pavise/internal/launcher.h>
#include <pavise/power.h>

enum { kRestart = 1, kOff = 2 };

static int ask(pavise_event_loop* loop, unsigned char action, pavise_outcome_handler handler,
               void* context) {
  return launcher_request(loop, kLauncherPower, &action, 1, handler, context);
}

int pavise_power_restart(pavise_event_loop* loop, pavise_outcome_handler handler, void* context) {
  return ask(loop, kRestart, handler, context);
}

int pavise_power_off(pavise_event_loop* loop, pavise_outcome_handler handler, void* context) {
  return ask(loop, kOff, handler, context);
}

int pavise_power_set_profile(pavise_event_loop* loop, enum pavise_power_profile profile,
                             pavise_outcome_handler handler, void* context) {
  if (profile < PAVISE_PROFILE_HIGH_PERFORMANCE || profile > PAVISE_PROFILE_POWER_SAVER)
    return -EINVAL;
  return ask(loop, (unsigned char)profile, handler, context);
}
