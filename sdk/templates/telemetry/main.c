/* @NAME@: counts its starts, sends telemetry every ten seconds and answers the method "ping". */
#include <inttypes.h>
#include <pavise/application.h>
#include <pavise/device_hub.h>
#include <pavise/event_loop.h>
#include <pavise/health.h>
#include <pavise/log.h>
#include <pavise/storage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kPeriodMs = 10000 };

struct app {
  pavise_hub* hub; /* NULL: there is none */
  unsigned long starts;
  int64_t started_ms;
};

static void on_telemetry_result(void* context, uint32_t id, bool accepted, const char* reason) {
  (void)context;
  if (!accepted) pavise_log(PAVISE_LOG_WARNING, "message %" PRIu32 " was refused: %s", id, reason);
}

static void on_method(void* context, uint32_t id, const char* name, const void* payload,
                      size_t size) {
  struct app* const app = context;
  pavise_log(PAVISE_LOG_INFO, "method %s", name);
  if (strcmp(name, "ping") == 0)
    pavise_hub_answer(app->hub, id, 200, payload, size);
  else
    pavise_hub_answer(app->hub, id, 404, "null", 4);
}

static void on_connection(void* context, bool online) {
  (void)context;
  pavise_log(PAVISE_LOG_INFO, online ? "online" : "offline");
}

static void on_period(void* context) {
  struct app* const app = context;
  pavise_health_well();
  if (!app->hub) return;
  char body[96];
  const int size = snprintf(body, sizeof body, "{\"starts\":%lu,\"running_s\":%" PRId64 "}",
                            app->starts, (pavise_now_ms() - app->started_ms) / 1000);
  const struct pavise_hub_property properties[] = {{"app", pavise_app_name()}};
  const struct pavise_telemetry message = {.content_type = "application/json",
                                           .properties = properties,
                                           .property_count = 1,
                                           .body = body,
                                           .body_size = (size_t)size};
  const int failed = pavise_hub_send_telemetry(app->hub, &message, NULL);
  if (failed) pavise_log(PAVISE_LOG_WARNING, "not sent: %s", strerror(-failed));
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

int main(void) {
  pavise_event_loop* loop = NULL;
  int failed = pavise_event_loop_create(&loop);
  if (!failed) failed = pavise_event_loop_add_end_request(loop, NULL, NULL, NULL);
  struct app app = {.starts = count_start(), .started_ms = pavise_now_ms()};
  pavise_log(PAVISE_LOG_INFO, "%s %s, start %lu", pavise_app_name(), pavise_app_version(),
             app.starts);
  if (!failed) failed = pavise_event_loop_add_timer(loop, 1, kPeriodMs, on_period, &app, NULL);
  if (failed) {
    pavise_log(PAVISE_LOG_ERROR, "no event loop: %s", strerror(-failed));
    return 1;
  }
  const struct pavise_hub_handlers handlers = {.telemetry_result = on_telemetry_result,
                                               .method_called = on_method,
                                               .connection_changed = on_connection};
  failed = pavise_hub_open(loop, &handlers, &app, &app.hub);
  if (failed) pavise_log(PAVISE_LOG_WARNING, "no hub: %s", strerror(-failed));
  pavise_event_loop_run(loop, -1);
  pavise_log(PAVISE_LOG_INFO, "asked to end");
  pavise_hub_close(app.hub);
  pavise_event_loop_close(loop);
  return 0;
}
