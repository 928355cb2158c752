/* @NAME@: tells its state on a page over TLS, with a certificate of its own. */
#include <errno.h>
#include <inttypes.h>
#include <pavise/application.h>
#include <pavise/event_loop.h>
#include <pavise/health.h>
#include <pavise/log.h>
#include <pavise/storage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"
#include "server.h"

enum {
  kPort = 8443, /* also in the manifest */
  kPeriodMs = 10000
};

struct app {
  struct server* server;
  unsigned long starts;
  int64_t started_ms;
};

static size_t write_page(void* context, char* out, size_t size_max) {
  const struct app* const app = context;
  const struct server_counts counts = server_counts(app->server);
  const int size =
      snprintf(out, size_max,
               "%s %s\n"
               "starts: %lu\n"
               "running: %" PRId64
               " s\n"
               "requests answered before this one: %lu\n"
               "connections dropped: %lu\n",
               pavise_app_name(), pavise_app_version(), app->starts,
               (pavise_now_ms() - app->started_ms) / 1000, counts.answered, counts.dropped);
  return size < 0 ? 0 : (size_t)size < size_max ? (size_t)size : size_max;
}

static void on_period(void* context) {
  (void)context;
  pavise_health_well();
}

/* How often it was started, this time included. */
static unsigned long count_start(void) {
  char text[24] = "";
  const ssize_t size = pavise_storage_read("starts", text, sizeof text - 1);
  const unsigned long starts = size > 0 ? strtoul(text, NULL, 10) + 1 : 1;
  const int length = snprintf(text, sizeof text, "%lu", starts);
  const int failed = pavise_storage_replace("starts", text, (size_t)length);
  if (failed) pavise_log(PAVISE_LOG_ERROR, "storage: %s", strerror(-failed));
  return starts;
}

static int start(pavise_event_loop* loop, struct app* app, SSL_CTX* tls) {
  char fingerprint[IDENTITY_FINGERPRINT_BYTES];
  int failed = tls ? identity_load(tls, pavise_app_name(), fingerprint) : -EIO;
  if (failed == -EBADMSG)
    pavise_log(PAVISE_LOG_ERROR,
               "identity.pem in the storage is damaged; remove the app to begin anew");
  if (failed) return failed;
  pavise_log(PAVISE_LOG_INFO, "certificate SHA-256 %s", fingerprint);
  failed = server_start(loop, kPort, tls, write_page, app, &app->server);
  if (!failed) failed = pavise_event_loop_add_timer(loop, 1, kPeriodMs, on_period, app, NULL);
  if (!failed) pavise_log(PAVISE_LOG_INFO, "listening on port %d", kPort);
  return failed;
}

int main(void) {
  pavise_event_loop* loop = NULL;
  int failed = pavise_event_loop_create(&loop);
  if (!failed) failed = pavise_event_loop_add_end_request(loop, NULL, NULL, NULL);
  struct app app = {.starts = count_start(), .started_ms = pavise_now_ms()};
  pavise_log(PAVISE_LOG_INFO, "%s %s, start %lu", pavise_app_name(), pavise_app_version(),
             app.starts);
  SSL_CTX* const tls = server_tls();
  if (!failed) failed = start(loop, &app, tls);
  if (failed)
    pavise_log(PAVISE_LOG_ERROR, "not started: %s", strerror(-failed));
  else
    pavise_event_loop_run(loop, -1);
  if (!failed) pavise_log(PAVISE_LOG_INFO, "asked to end");
  server_stop(app.server);
  SSL_CTX_free(tls);
  pavise_event_loop_close(loop);
  return failed ? 1 : 0;
}
