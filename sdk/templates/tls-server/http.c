#define _GNU_SOURCE
#include "http.h"

#include <stdio.h>
#include <string.h>

static const char* reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Bad Request";
  }
}

/* Takes the word before `end` off the line. */
static bool take_word(const char** line, size_t* size, char end, const char** word,
                      size_t* word_size) {
  const char* const found = memchr(*line, end, *size);
  if (!found || found == *line) return false;
  *word = *line;
  *word_size = (size_t)(found - *line);
  *size -= *word_size + 1;
  *line = found + 1;
  return true;
}

static bool is(const char* word, size_t size, const char* text) {
  return size == strlen(text) && memcmp(word, text, size) == 0;
}

static int status_of(const char* line, size_t size, bool* head) {
  const char* method;
  const char* target;
  size_t method_size;
  size_t target_size;
  if (!take_word(&line, &size, ' ', &method, &method_size) ||
      !take_word(&line, &size, ' ', &target, &target_size))
    return 400;
  if (size < 5 || memcmp(line, "HTTP/", 5) != 0) return 400;
  if (!is(line, size, "HTTP/1.1") && !is(line, size, "HTTP/1.0")) return 505;
  *head = is(method, method_size, "HEAD");
  if (!*head && !is(method, method_size, "GET")) return 405;
  return is(target, target_size, "/") ? 200 : 404;
}

bool http_read(const char* bytes, size_t size, struct http_request* request) {
  const char* const end = memmem(bytes, size, "\r\n\r\n", 4);
  if (!end) return false;
  const char* const line_end = memmem(bytes, size, "\r\n", 2);
  request->head = false;
  request->status = status_of(bytes, (size_t)(line_end - bytes), &request->head);
  return true;
}

size_t http_head(char* out, size_t size_max, int status, size_t body_size) {
  const int size = snprintf(out, size_max,
                            "HTTP/1.1 %d %s\r\n"
                            "Content-Type: text/plain; charset=utf-8\r\n"
                            "Content-Length: %zu\r\n"
                            "Cache-Control: no-store\r\n"
                            "Connection: close\r\n\r\n",
                            status, reason(status), body_size);
  return size < 0 ? 0 : (size_t)size < size_max ? (size_t)size : size_max - 1;
}
