/* The hub, through the device's agent: telemetry and method calls under the device's attested
 * identity. The app holds no key. The manifest grants it ("device_authentication": TENANT).
 *
 * For the thread of the event loop; nothing blocks. What goes over the channel byte by byte:
 * docs/formats/app-channels.md. */
#ifndef PAVISE_DEVICE_HUB_H
#define PAVISE_DEVICE_HUB_H

#include <pavise/event_loop.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PAVISE_HUB_PACKET_BYTES_MAX 65536 /* of one message with all its parts */
#define PAVISE_HUB_CONTENT_TYPE_BYTES_MAX 128
#define PAVISE_HUB_PROPERTIES_BYTES_MAX 8192 /* of all, encoded */
#define PAVISE_HUB_UNDERWAY_MAX 16           /* messages without a result */

typedef struct pavise_hub pavise_hub;

struct pavise_hub_property {
  const char* name; /* not empty */
  const char* value;
};

struct pavise_telemetry {
  const char* content_type; /* "application/json"; NULL or "": not said */
  const struct pavise_hub_property* properties;
  size_t property_count;
  const void* body;
  size_t body_size;
};

/* Any of them may be NULL. Pointers hold until the handler returns. A handler may send and answer;
 * it must not close the hub or the loop. */
struct pavise_hub_handlers {
  /* accepted: the hub has it on its disk. Else `reason` says why not; it may be sent again. With
   * PV-AGT-040 the agent was started again, and nobody knows whether the hub has it. */
  void (*telemetry_result)(void* context, uint32_t id, bool accepted, const char* reason);
  /* Answer with pavise_hub_answer(), now or later. `payload` is JSON as a rule. */
  void (*method_called)(void* context, uint32_t id, const char* name, const void* payload,
                        size_t size);
  /* online: the agent is connected to the hub. Also false when the channel has ended, which it says
   * once; all calls answer -ENOTCONN then. */
  void (*connection_changed)(void* context, bool online);
};

/* One per app. -ENOTCONN: the app has no channel: not granted, or not on a device. -EEXIST. */
int pavise_hub_open(pavise_event_loop* loop, const struct pavise_hub_handlers* handlers,
                    void* context, pavise_hub** hub);
/* The channel itself stays open. NULL is nothing. */
void pavise_hub_close(pavise_hub* hub);
bool pavise_hub_online(const pavise_hub* hub);

/* Hands one message over; telemetry_result tells what became of it under `*id` (may be NULL), also
 * if the device is offline now. -EAGAIN: PAVISE_HUB_UNDERWAY_MAX are under way or the agent is
 * behind: keep it for later; -EMSGSIZE: beyond a limit above; -EINVAL: a property without name;
 * -ENOTCONN. */
int pavise_hub_send_telemetry(pavise_hub* hub, const struct pavise_telemetry* message,
                              uint32_t* id);
/* The answer to a call: a status as of HTTP (200) and JSON as a rule. -EAGAIN, -EMSGSIZE,
 * -ENOTCONN. */
int pavise_hub_answer(pavise_hub* hub, uint32_t id, uint16_t status, const void* body, size_t size);

#ifdef __cplusplus
}
#endif
#endif
