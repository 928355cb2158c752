/* The health check of the manifest ("lifecycle": {"health_check": ...}). */
#ifndef PAVISE_HEALTH_H
#define PAVISE_HEALTH_H

#ifdef __cplusplus
extern "C" {
#endif

/* Tells the launcher that the app is well. Call it when the start is done and then more often than
 * the manifest's interval_ms, from where the app's real work is done, not from a thread of its own.
 * Never blocks; any thread. 0; -ENOTCONN: not started by a launcher, or it does not listen. */
int pavise_health_well(void);

#ifdef __cplusplus
}
#endif
#endif
