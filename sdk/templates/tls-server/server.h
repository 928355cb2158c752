/* Answers each connection with one page over TLS, on the thread of the event loop. Whoever reaches
 * the port gets it: there is no password. */
#ifndef SERVER_H
#define SERVER_H

#include <openssl/ssl.h>
#include <pavise/event_loop.h>
#include <stddef.h>
#include <stdint.h>

enum {
  kServerConnections = 8,          /* at a time; others wait in the kernel */
  kServerConnectionsOfAddress = 4, /* of one address; its others are closed at once */
  kServerRequestBytesMax = 2048,   /* line and header fields */
  kServerPageBytesMax = 1024,
  kServerConnectionMs = 10000 /* from the first byte to the last, however slow the other is */
};

struct server_counts {
  unsigned long answered;
  unsigned long dropped; /* no TLS, no request, too slow, too many */
};

/* Writes the page; its size, at most `size_max`. */
typedef size_t (*server_page)(void* context, char* out, size_t size_max);

struct server;

/* TLS 1.2 and 1.3 with forward secrecy; NULL: OpenSSL failed. SSL_CTX_free() it after the server.
 */
SSL_CTX* server_tls(void);
/* Listens. Ignores SIGPIPE, for the whole program. 0, or negative errno; those of network.h. */
int server_start(pavise_event_loop* loop, uint16_t port, SSL_CTX* tls, server_page page,
                 void* context, struct server** server);
struct server_counts server_counts(const struct server* server);
void server_stop(struct server* server); /* before the loop is closed; NULL is nothing */

#endif
