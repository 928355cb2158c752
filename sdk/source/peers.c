#include <errno.h>
#include <pavise/internal/launcher.h>
#include <pavise/peers.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct pavise_peer {
  pavise_peer* next;
  pavise_peer* previous;
  char name[PAVISE_PEER_NAME_BYTES_MAX + 1];
  int read_end;
  int write_end;
  pavise_event* event;
  void* data;
  bool ending; /* `closed` is being told */
};

static struct {
  bool open;
  pavise_event_loop* loop;
  struct pavise_peers_handlers handlers;
  void* context;
  pavise_peer* peers;
} all;

void pavise_peer_close(pavise_peer* peer) {
  if (!peer || peer->ending) return;
  pavise_event_loop_remove(all.loop, peer->event);
  close(peer->read_end);
  close(peer->write_end);
  if (peer->previous)
    peer->previous->next = peer->next;
  else
    all.peers = peer->next;
  if (peer->next) peer->next->previous = peer->previous;
  free(peer);
}

/* One message: the kernel keeps them apart, and has the others wait. */
static void on_readable(void* context, int descriptor, uint32_t events) {
  (void)events;
  pavise_peer* const peer = context;
  static unsigned char message[PAVISE_PEER_MESSAGE_BYTES_MAX];
  const ssize_t size = read(descriptor, message, sizeof message);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size > 0) {
    if (all.handlers.received)
      all.handlers.received(all.context, peer, message, (size_t)size); /* it may be gone now */
    return;
  }
  pavise_event_loop_remove(all.loop, peer->event);
  peer->event = NULL;
  peer->ending = true;
  if (all.handlers.closed) all.handlers.closed(all.context, peer);
  peer->ending = false;
  pavise_peer_close(peer);
}

static bool on_connection(const char* name, bool asked, int read_end, int write_end) {
  pavise_peer* const peer = calloc(1, sizeof *peer);
  if (!peer || pavise_event_loop_add_io(all.loop, read_end, PAVISE_IO_READABLE, on_readable, peer,
                                        &peer->event) != 0) {
    close(read_end);
    close(write_end);
    free(peer);
    return false;
  }
  strcpy(peer->name, name); /* kLauncherTextBytesMax at most */
  peer->read_end = read_end;
  peer->write_end = write_end;
  peer->next = all.peers;
  if (peer->next) peer->next->previous = peer;
  all.peers = peer;
  if (all.handlers.connected) all.handlers.connected(all.context, peer, asked);
  return true;
}

int pavise_peers_open(pavise_event_loop* loop, const struct pavise_peers_handlers* handlers,
                      void* context) {
  if (!handlers) return -EINVAL;
  if (all.open) return -EEXIST;
  const int held = launcher_hold(loop);
  if (held != 0) return held;
  all.open = true;
  all.loop = loop;
  all.handlers = *handlers;
  all.context = context;
  launcher_on_connection = on_connection;
  return 0;
}

void pavise_peers_close(void) {
  if (!all.open) return;
  while (all.peers) pavise_peer_close(all.peers);
  all.open = false;
  launcher_on_connection = NULL;
  launcher_release();
}

static void on_refused(void* context, int outcome, uint32_t value_ms) {
  char* const name = context;
  if (outcome != 0 && all.open && all.handlers.refused)
    all.handlers.refused(all.context, name, outcome, value_ms);
  free(name);
}

int pavise_peers_connect(const char* name) {
  if (!all.open) return -ENOTCONN;
  const size_t size = name ? strlen(name) : 0;
  if (size == 0 || size > PAVISE_PEER_NAME_BYTES_MAX) return -EINVAL;
  unsigned char fields[2 + PAVISE_PEER_NAME_BYTES_MAX] = {(unsigned char)size, 0};
  memcpy(fields + 2, name, size);
  char* const kept = strdup(name);
  if (!kept) return -ENOMEM;
  const int asked =
      launcher_request(all.loop, kLauncherConnect, fields, 2 + size, on_refused, kept);
  if (asked != 0) free(kept);
  return asked;
}

const char* pavise_peer_name(const pavise_peer* peer) {
  return peer->name;
}

void pavise_peer_set_data(pavise_peer* peer, void* data) {
  peer->data = data;
}

void* pavise_peer_data(const pavise_peer* peer) {
  return peer->data;
}

/* As write(), but without the signal, which is this thread's alone. */
static ssize_t write_quietly(int descriptor, const void* data, size_t size) {
  sigset_t pipe_signal, before, waiting;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  sigpending(&waiting);
  sigprocmask(SIG_BLOCK, &pipe_signal, &before);
  ssize_t written;
  do {
    written = write(descriptor, data, size);
  } while (written < 0 && errno == EINTR);
  const int failed = errno;
  static const struct timespec at_once = {0, 0};
  if (written < 0 && failed == EPIPE && !sigismember(&waiting, SIGPIPE))
    while (sigtimedwait(&pipe_signal, NULL, &at_once) < 0 && errno == EINTR) {
    }
  sigprocmask(SIG_SETMASK, &before, NULL);
  errno = failed;
  return written;
}

int pavise_peer_send(pavise_peer* peer, const void* message, size_t size) {
  if (!peer || !message) return -EINVAL;
  if (size == 0 || size > PAVISE_PEER_MESSAGE_BYTES_MAX) return -EMSGSIZE;
  return write_quietly(peer->write_end, message, size) < 0 ? -errno : 0;
}
