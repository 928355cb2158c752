/* What becomes of something that an app asks of the device. */
#ifndef PAVISE_OUTCOME_H
#define PAVISE_OUTCOME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Called once, by the event loop. outcome: 0; -EACCES: the manifest does not grant it; -ENOENT:
 * there is no such thing; -EAGAIN: too soon, once more in `value_ms`; -EBUSY: a limit is reached;
 * -EIO: the device could not; -ENOSYS: the device's release does not know it; -ERANGE: it cannot be
 * so; -ENOTCONN: the device's launcher is gone; others where the function names them. What else
 * `value_ms` says each function says. */
typedef void (*pavise_outcome_handler)(void* context, int outcome, uint32_t value_ms);

#ifdef __cplusplus
}
#endif
#endif
