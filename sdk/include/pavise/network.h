/* TCP. The manifest grants it ("outgoing_tcp", "listening_tcp"). Errors are negative errno;
 * -EACCES: the manifest grants no network, -EPERM: not this peer or port (the device logs both).
 * Any thread. Descriptors are non-blocking and close-on-exec, and the caller's. */
#ifndef PAVISE_NETWORK_H
#define PAVISE_NETWORK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Connects to a name or an address ("192.0.2.7", "2001:db8::1"), each address of a name after the
 * other, until `timeout_ms` (1 or more) have passed: -ETIMEDOUT. -ENOENT: no such name; -EAGAIN:
 * the name cannot be resolved now; -EINVAL; else what became of the last address. Blocks up to
 * `timeout_ms`, and for a name as long as the C library asks name servers, if that is longer: do
 * not connect to names in a loop that has to answer in time. */
int pavise_network_connect(const char* host, uint16_t port, int timeout_ms);

/* Listens on all addresses, IPv6 and IPv4. Port 0: one that the kernel chooses. Does not block. */
int pavise_network_listen(uint16_t port, int backlog);

#ifdef __cplusplus
}
#endif
#endif
