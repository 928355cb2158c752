/* The channel to the launcher, descriptor 3, as the parts of the SDK share it. Not for apps. What
 * goes over it: docs/formats/app-channels.md. */
#ifndef PAVISE_INTERNAL_LAUNCHER_H
#define PAVISE_INTERNAL_LAUNCHER_H

#include <pavise/event_loop.h>
#include <pavise/outcome.h>
#include <stdbool.h>
#include <stddef.h>

enum launcher_type {
  kLauncherConnect = 2,
  kLauncherPower = 3,
  kLauncherDefer = 4,
  kLauncherSetTime = 5,
  kLauncherAnswer = 129,
  kLauncherConnection = 130,
  kLauncherGoingDown = 131,
  kLauncherUpdateWaits = 132
};

enum { kLauncherTextBytesMax = 32, kLauncherRequestsMax = 16 };

/* Of the fields of a packet; after the first that is short `bad` stays. */
struct launcher_fields {
  const unsigned char* at;
  size_t left;
  bool bad;
};
uint32_t launcher_take_integer(struct launcher_fields* fields, unsigned bytes);
/* Into kLauncherTextBytesMax + 1 bytes. */
void launcher_take_text(struct launcher_fields* fields, char* out);

/* What came and is no answer. Those of whoever is there; NULL: nobody. */
extern void (*launcher_on_event)(unsigned type, struct launcher_fields* fields);
/* The descriptors are the listener's. False: it closed them. */
extern bool (*launcher_on_connection)(const char* name, bool asked, int read_end, int write_end);

/* Has the channel read by this loop until as many releases. -ENOTCONN, -EEXIST: by another loop. */
int launcher_hold(pavise_event_loop* loop);
void launcher_release(void);
/* Sends one request with an id; the handler (may be NULL) hears what became of it; of a connection,
 * after launcher_on_connection. -ENOTCONN, -EEXIST, -EAGAIN. */
int launcher_request(pavise_event_loop* loop, enum launcher_type type, const void* fields,
                     size_t size, pavise_outcome_handler handler, void* context);

#endif
