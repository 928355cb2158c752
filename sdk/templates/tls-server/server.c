#define _GNU_SOURCE
#include "server.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <pavise/log.h>
#include <pavise/network.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"

enum { kHeadBytesMax = 256 };

enum state { kFree, kHandshake, kReading, kWriting, kEnding };

struct connection {
  struct server* server;
  enum state state;
  int descriptor;
  SSL* tls;
  pavise_event* io;
  pavise_event* timer;
  struct sockaddr_storage peer;
  char in[kServerRequestBytesMax];
  size_t in_size;
  char out[kHeadBytesMax + kServerPageBytesMax];
  size_t out_size, out_done;
};

struct server {
  pavise_event_loop* loop;
  int listening;
  pavise_event* accepting;
  SSL_CTX* tls;
  server_page page;
  void* context;
  struct server_counts counts;
  struct connection connections[kServerConnections];
};

SSL_CTX* server_tls(void) {
  SSL_CTX* const tls = SSL_CTX_new(TLS_server_method());
  if (!tls) return NULL;
  if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
      SSL_CTX_set_num_tickets(tls, 0) != 1) {
    SSL_CTX_free(tls);
    return NULL;
  }
  SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
  return tls;
}

static struct connection* free_place(struct server* server) {
  for (int i = 0; i < kServerConnections; ++i)
    if (server->connections[i].state == kFree) return &server->connections[i];
  return NULL;
}

/* While every place is taken, new connections wait in the kernel. */
static void accept_if_there_is_room(struct server* server) {
  pavise_event_loop_modify_io(server->loop, server->accepting,
                              free_place(server) ? PAVISE_IO_READABLE : 0);
}

static void end(struct connection* c) {
  struct server* const server = c->server;
  pavise_event_loop_remove(server->loop, c->timer);
  pavise_event_loop_remove(server->loop, c->io);
  SSL_free(c->tls);
  close(c->descriptor);
  memset(c, 0, sizeof *c);
  accept_if_there_is_room(server);
}

static void drop(struct connection* c) {
  ++c->server->counts.dropped;
  end(c);
}

static void on_deadline(void* context) {
  struct connection* const c = context;
  if (c->state == kEnding)
    end(c); /* it has its answer */
  else
    drop(c);
}

/* Whether to go on: what TLS waits for is waited for, anything else is the end. */
static bool go_on(struct connection* c, int outcome) {
  if (outcome > 0) return true;
  const int error = SSL_get_error(c->tls, outcome);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
    pavise_event_loop_modify_io(
        c->server->loop, c->io,
        error == SSL_ERROR_WANT_READ ? PAVISE_IO_READABLE : PAVISE_IO_WRITABLE);
  else
    drop(c);
  return false;
}

static void answer(struct connection* c, const struct http_request* request) {
  char body[kServerPageBytesMax];
  size_t size = 0;
  if (request->status == 200) size = c->server->page(c->server->context, body, sizeof body);
  c->out_size = http_head(c->out, kHeadBytesMax, request->status, size);
  if (!request->head) {
    memcpy(c->out + c->out_size, body, size);
    c->out_size += size;
  }
  c->state = kWriting;
}

static void look_at_request(struct connection* c, size_t more) {
  struct http_request request = {.status = 431, .head = false};
  c->in_size += more;
  if (http_read(c->in, c->in_size, &request) || c->in_size == sizeof c->in) answer(c, &request);
}

/* The other side may still be sending. If the socket were closed now, the kernel would tell it so
 * before it has read the answer. */
static void begin_ending(struct connection* c) {
  ++c->server->counts.answered;
  SSL_shutdown(c->tls);
  shutdown(c->descriptor, SHUT_WR);
  c->state = kEnding;
  pavise_event_loop_modify_io(c->server->loop, c->io, PAVISE_IO_READABLE);
}

static void wait_for_end(struct connection* c) {
  char ignored[1024];
  const ssize_t got = recv(c->descriptor, ignored, sizeof ignored, 0);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) end(c);
}

/* One step for each call: another connection has its turn before the next one. */
static void on_io(void* context, int descriptor, uint32_t events) {
  (void)descriptor;
  (void)events;
  struct connection* const c = context;
  int outcome = 0;
  ERR_clear_error();
  switch (c->state) {
    case kHandshake:
      outcome = SSL_accept(c->tls);
      if (!go_on(c, outcome)) return;
      c->state = kReading;
      break;
    case kReading:
      outcome = SSL_read(c->tls, c->in + c->in_size, (int)(sizeof c->in - c->in_size));
      if (!go_on(c, outcome)) return;
      look_at_request(c, (size_t)outcome);
      break;
    case kWriting:
      outcome = SSL_write(c->tls, c->out + c->out_done, (int)(c->out_size - c->out_done));
      if (!go_on(c, outcome)) return;
      c->out_done += (size_t)outcome;
      if (c->out_done == c->out_size) {
        begin_ending(c);
        return;
      }
      break;
    default:
      wait_for_end(c);
      return;
  }
  /* TLS may have read more from the socket than it gave: nothing may come to wait for. A socket
   * that can be written to calls again. */
  pavise_event_loop_modify_io(c->server->loop, c->io, PAVISE_IO_READABLE | PAVISE_IO_WRITABLE);
}

static bool same_address(const struct sockaddr_storage* a, const struct sockaddr_storage* b) {
  if (a->ss_family != b->ss_family) return false;
  if (a->ss_family == AF_INET)
    return ((const struct sockaddr_in*)a)->sin_addr.s_addr ==
           ((const struct sockaddr_in*)b)->sin_addr.s_addr;
  return memcmp(&((const struct sockaddr_in6*)a)->sin6_addr,
                &((const struct sockaddr_in6*)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static bool has_enough(const struct server* server, const struct sockaddr_storage* peer) {
  int count = 0;
  for (int i = 0; i < kServerConnections; ++i)
    count +=
        server->connections[i].state != kFree && same_address(&server->connections[i].peer, peer);
  return count >= kServerConnectionsOfAddress;
}

static int begin(struct connection* c, int descriptor) {
  struct server* const server = c->server;
  c->tls = SSL_new(server->tls);
  if (!c->tls || SSL_set_fd(c->tls, descriptor) != 1) return -ENOMEM;
  const int outcome =
      pavise_event_loop_add_io(server->loop, descriptor, PAVISE_IO_READABLE, on_io, c, &c->io);
  if (outcome != 0) return outcome;
  return pavise_event_loop_add_timer(server->loop, kServerConnectionMs, 0, on_deadline, c,
                                     &c->timer);
}

static void on_connection(void* context, int listening, uint32_t events) {
  (void)events;
  struct server* const server = context;
  struct connection* const c = free_place(server);
  if (!c) return;
  struct sockaddr_storage peer = {0};
  socklen_t size = sizeof peer;
  const int descriptor =
      accept4(listening, (struct sockaddr*)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor < 0) return; /* it went away again */
  if (has_enough(server, &peer)) {
    ++server->counts.dropped;
    close(descriptor);
    return;
  }
  *c = (struct connection){
      .server = server, .state = kHandshake, .descriptor = descriptor, .peer = peer};
  if (begin(c, descriptor) != 0) drop(c);
  accept_if_there_is_room(server);
}

int server_start(pavise_event_loop* loop, uint16_t port, SSL_CTX* tls, server_page page,
                 void* context, struct server** server) {
  struct server* const made = calloc(1, sizeof *made);
  if (!made) return -ENOMEM;
  *made = (struct server){.loop = loop, .tls = tls, .page = page, .context = context};
  signal(SIGPIPE, SIG_IGN);
  made->listening = pavise_network_listen(port, kServerConnections);
  int outcome = made->listening < 0 ? made->listening : 0;
  if (outcome == 0)
    outcome = pavise_event_loop_add_io(loop, made->listening, PAVISE_IO_READABLE, on_connection,
                                       made, &made->accepting);
  if (outcome != 0) {
    if (made->listening >= 0) close(made->listening);
    free(made);
    return outcome;
  }
  *server = made;
  return 0;
}

struct server_counts server_counts(const struct server* server) {
  return server->counts;
}

void server_stop(struct server* server) {
  if (!server) return;
  for (int i = 0; i < kServerConnections; ++i)
    if (server->connections[i].state != kFree) end(&server->connections[i]);
  pavise_event_loop_remove(server->loop, server->accepting);
  close(server->listening);
  free(server);
}
