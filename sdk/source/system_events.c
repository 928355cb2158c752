#include <errno.h>
#include <pavise/internal/launcher.h>
#include <pavise/system_events.h>

static pavise_system_event_handler events_handler; /* NULL: not open */
static void* events_context;

static void on_event(unsigned type, struct launcher_fields* fields) {
  char version[kLauncherTextBytesMax + 1] = "";
  struct pavise_system_event event = {.version = version};
  if (type == kLauncherGoingDown) {
    const uint32_t cause = launcher_take_integer(fields, 1);
    if (cause < PAVISE_EVENT_APP_ENDS || cause > PAVISE_EVENT_DEVICE_GOES_OFF) return;
    event.kind = (enum pavise_system_event_kind)cause;
    event.ms = launcher_take_integer(fields, 4);
  } else if (type == kLauncherUpdateWaits) {
    event.kind = PAVISE_EVENT_UPDATE_WAITS;
    launcher_take_text(fields, version);
    event.ms = launcher_take_integer(fields, 4);
    event.ms_max = launcher_take_integer(fields, 4);
  } else {
    return;
  }
  if (!fields->bad && fields->left == 0 && events_handler) events_handler(events_context, &event);
}

int pavise_system_events_open(pavise_event_loop* loop, pavise_system_event_handler handler,
                              void* context) {
  if (!handler) return -EINVAL;
  if (events_handler) return -EEXIST;
  const int held = launcher_hold(loop);
  if (held != 0) return held;
  events_handler = handler;
  events_context = context;
  launcher_on_event = on_event;
  return 0;
}

void pavise_system_events_close(void) {
  if (!events_handler) return;
  events_handler = NULL;
  launcher_on_event = NULL;
  launcher_release();
}

int pavise_update_defer(pavise_event_loop* loop, uint32_t ms, pavise_outcome_handler handler,
                        void* context) {
  unsigned char fields[4];
  for (unsigned i = 0; i < sizeof fields; ++i) fields[i] = (unsigned char)(ms >> (8 * i));
  return launcher_request(loop, kLauncherDefer, fields, sizeof fields, handler, context);
}
