/* Connections to other apps of the device: messages, kept apart. Both manifests list the other app
 * ("app_connections"). Descriptors cannot be sent.
 *
 * For the thread of the event loop; nothing blocks. What goes over the channels byte by byte:
 * docs/formats/app-channels.md. */
#ifndef PAVISE_PEERS_H
#define PAVISE_PEERS_H

#include <pavise/event_loop.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PAVISE_PEER_NAME_BYTES_MAX 32
#define PAVISE_PEER_MESSAGE_BYTES_MAX 4096
#define PAVISE_PEER_MESSAGES_MAX 16 /* that wait in one direction */

typedef struct pavise_peer pavise_peer;

/* Any of them may be NULL. A handler may send, connect and close its peer; it must not call
 * pavise_peers_close() or close the loop. */
struct pavise_peers_handlers {
  /* A connection; asked: by this app, else by the other. It lives until `closed` or
   * pavise_peer_close(). */
  void (*connected)(void* context, pavise_peer* peer, bool asked);
  /* pavise_peers_connect(name) came to nothing. outcome: -EACCES: this manifest does not list it;
   * -ENOENT: the device has no such app; -EPERM: its manifest does not list this app;
   * -ECONNREFUSED: it does not run now; -EBUSY: a limit is reached; -EAGAIN: once more in
   * `value_ms`; -EIO; -ENOSYS; -ENOTCONN. */
  void (*refused)(void* context, const char* name, int outcome, uint32_t value_ms);
  /* One message; it holds until the handler returns. It is another program's: trust no byte. */
  void (*received)(void* context, pavise_peer* peer, const void* message, size_t size);
  /* The other side closed or ended. The peer is gone when the handler returns. */
  void (*closed)(void* context, pavise_peer* peer);
};

/* One per app. While it is not open, others' connections end at once or wait. -EEXIST; -ENOTCONN:
 * not on a device. */
int pavise_peers_open(pavise_event_loop* loop, const struct pavise_peers_handlers* handlers,
                      void* context);
/* Closes all peers. */
void pavise_peers_close(void);

/* `connected` or `refused` follows. -EINVAL: no name of an app; -EAGAIN: too much is asked for
 * already; -ENOTCONN. */
int pavise_peers_connect(const char* name);

const char* pavise_peer_name(const pavise_peer* peer);
/* A pointer of the app's own, NULL at first. */
void pavise_peer_set_data(pavise_peer* peer, void* data);
void* pavise_peer_data(const pavise_peer* peer);

/* Hands one message over. -EAGAIN: PAVISE_PEER_MESSAGES_MAX wait: the other is behind; -EMSGSIZE:
 * none or more than PAVISE_PEER_MESSAGE_BYTES_MAX bytes; -EPIPE: the other side is gone, `closed`
 * follows. Raises no SIGPIPE. */
int pavise_peer_send(pavise_peer* peer, const void* message, size_t size);
/* `closed` is not called. NULL is nothing. */
void pavise_peer_close(pavise_peer* peer);

#ifdef __cplusplus
}
#endif
#endif
