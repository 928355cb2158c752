/* As much of HTTP/1.1 as one page needs (RFC 9112). No state, no allocation. */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>

struct http_request {
  int status; /* what to answer: 200, 400, 404, 405 or 505 */
  bool head;  /* no body in the answer */
};

/* Looks at what came so far. False: the header has not ended yet. */
bool http_read(const char* bytes, size_t size, struct http_request* request);
/* The head of an answer that ends the connection; how many bytes, less than `size_max`. 128 are
 * enough, and 256 with room to spare. */
size_t http_head(char* out, size_t size_max, int status, size_t body_size);

#endif
