/* Which app this is. From the environment that the device's launcher gives; never blocks, any
 * thread. */
#ifndef PAVISE_APPLICATION_H
#define PAVISE_APPLICATION_H

#ifdef __cplusplus
extern "C" {
#endif

/* "" outside of a device. The texts stand as long as the program. */
const char* pavise_app_name(void);
const char* pavise_app_component_id(void); /* a UUID, lower-case */
const char* pavise_app_version(void);      /* "1.2.0" */

#ifdef __cplusplus
}
#endif
#endif
