/* An app that uses each part of the SDK once, says in its log what came of it, and then serves the
 * hub until it is asked to end. Its arguments: a host and a port that it
 * tries to reach; or "peers": it talks to the launcher and to another app instead; or
 * "certificates": it tries the store of those, and waits for its end; or "clock": it sets
 * the clock. */
#include "tests/sdk/testing/probe.h"

#include <errno.h>
#include <inttypes.h>
#include <pavise/application.h>
#include <pavise/device_hub.h>
#include <pavise/event_loop.h>
#include <pavise/gpio.h>
#include <pavise/health.h>
#include <pavise/i2c.h>
#include <pavise/log.h>
#include <pavise/network.h>
#include <pavise/peers.h>
#include <pavise/power.h>
#include <pavise/storage.h>
#include <pavise/system_events.h>
#include <pavise/time.h>
#include <pavise/uart.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pavise_hub* hub;

void say(const char* what, int outcome) {
  if (outcome < 0)
    pavise_log(PAVISE_LOG_INFO, "%s: %s", what, strerrorname_np(-outcome));
  else
    pavise_log(PAVISE_LOG_INFO, "%s: done", what);
}

static void try_storage(void) {
  char text[8] = "";
  say("replace", pavise_storage_replace("file", "kept", 4));
  say("read", (int)pavise_storage_read("file", text, sizeof text));
  const int file = pavise_storage_open_mutable_file();
  say("mutable file", file);
  if (file >= 0) close(file);
  static const char large[1U << 20U];
  say("large", pavise_storage_replace("large", large, sizeof large));
}

static void try_uart(void) {
  const struct pavise_uart_config usual = pavise_uart_usual();
  say("uart", pavise_uart_open("METER", &usual));
}

/* A line without anything at it has the level that it is pulled to. */
static void try_gpio(void) {
  const int line =
      pavise_gpio_open_as_input("GPIO5", PAVISE_GPIO_PULL_DOWN, PAVISE_GPIO_BOTH_EDGES);
  say("gpio", line);
  if (line < 0) return;
  const int before = pavise_gpio_get_value(line);
  say("pull", pavise_gpio_open_as_input("GPIO5", PAVISE_GPIO_PULL_UP, PAVISE_GPIO_BOTH_EDGES));
  struct pollfd polled = {.fd = line, .events = POLLIN};
  struct pavise_gpio_edge edge = {.number = 0};
  poll(&polled, 1, 60000);
  say("edge", pavise_gpio_read_edge(line, &edge));
  pavise_log(PAVISE_LOG_INFO, "level %d, then %d; edge %" PRIu32 " to %d", before,
             pavise_gpio_get_value(line), edge.number, (int)edge.value);
  say("set an input", pavise_gpio_set_value(line, PAVISE_GPIO_LOW));
}

/* The virtual machine has memories of 256 bytes at its bus, of which a register is a byte. */
static void try_i2c(void) {
  const int bus = pavise_i2c_open("I2C0");
  say("i2c", bus);
  if (bus < 0) return;
  const unsigned char written[] = {5, 42, 43};
  say("write one", pavise_i2c_write(bus, 0x50, written, 2));
  unsigned char byte = 0;
  say("read one", pavise_i2c_write_then_read(bus, 0x50, written, 1, &byte, 1));
  unsigned char bytes[32] = {0};
  say("read all", pavise_i2c_write_then_read(bus, 0x50, written, 1, bytes, sizeof bytes));
  pavise_log(PAVISE_LOG_INFO, "register is %d, and %d", byte, bytes[0]);
  say("nobody there", pavise_i2c_write(bus, 0x2f, written, 1));
  say("read what no SMBus can", pavise_i2c_read(bus, 0x50, bytes, 2));
}

static void on_result(void* context, uint32_t id, bool accepted, const char* reason) {
  (void)context;
  pavise_log(PAVISE_LOG_INFO, "result %" PRIu32 " %d %s", id, accepted, reason);
}

static void on_method(void* context, uint32_t id, const char* name, const void* payload,
                      size_t size) {
  (void)context;
  pavise_log(PAVISE_LOG_INFO, "method %s", name);
  say("answer", pavise_hub_answer(hub, id, 201, payload, size));
}

static void on_connection(void* context, bool online) {
  (void)context;
  pavise_log(PAVISE_LOG_INFO, online ? "online" : "offline");
  if (!online) return;
  const struct pavise_hub_property properties[] = {{"unit", "\xc2\xb0 C&"},
                                                   {"app", pavise_app_name()}};
  const struct pavise_telemetry message = {.content_type = "text/plain",
                                           .properties = properties,
                                           .property_count = 2,
                                           .body = "21",
                                           .body_size = 2};
  say("telemetry", pavise_hub_send_telemetry(hub, &message, NULL));
}

static void on_timer(void* context) {
  (void)context;
  say("well", pavise_health_well());
}

static void on_peer(void* context, pavise_peer* peer, bool asked) {
  (void)context;
  pavise_log(PAVISE_LOG_INFO, "%s %s", asked ? "connected to" : "connected by",
             pavise_peer_name(peer));
  say("send", pavise_peer_send(peer, "hello", 5));
}

static void on_refused_peer(void* context, const char* name, int outcome, uint32_t value_ms) {
  (void)context;
  (void)value_ms;
  say(name, outcome);
}

static void on_message(void* context, pavise_peer* peer, const void* message, size_t size) {
  (void)context;
  pavise_log(PAVISE_LOG_INFO, "heard %.*s", (int)size, (const char*)message);
  say("send", pavise_peer_send(peer, message, size));
}

static void on_peer_closed(void* context, pavise_peer* peer) {
  (void)context;
  say("send to who is gone", pavise_peer_send(peer, "x", 1));
  pavise_log(PAVISE_LOG_INFO, "closed %s", pavise_peer_name(peer));
}

static void on_event(void* context, const struct pavise_system_event* event) {
  (void)context;
  pavise_log(PAVISE_LOG_INFO, "event %d %s", (int)event->kind, event->version);
}

static void on_outcome(void* context, int outcome, uint32_t value_ms) {
  say(context, outcome);
  pavise_log(PAVISE_LOG_INFO, "in %" PRIu32 " ms", value_ms);
}

static int talk(pavise_event_loop* loop) {
  const struct pavise_peers_handlers handlers = {.connected = on_peer,
                                                 .refused = on_refused_peer,
                                                 .received = on_message,
                                                 .closed = on_peer_closed};
  say("events", pavise_system_events_open(loop, on_event, NULL));
  say("peers", pavise_peers_open(loop, &handlers, NULL));
  say("connect", pavise_peers_connect("meter"));
  say("connect", pavise_peers_connect("stranger"));
  say("restart", pavise_power_restart(loop, on_outcome, "restart"));
  say("defer", pavise_update_defer(loop, 5000, on_outcome, "defer"));
  say("profile", pavise_power_set_profile(loop, PAVISE_PROFILE_BALANCED, on_outcome, "profile"));
  say("clock", pavise_time_set(loop, 2, on_outcome, "clock"));
  pavise_event_loop_run(loop, -1);
  pavise_log(PAVISE_LOG_INFO, "asked to end");
  return 0;
}

/* "clock": first to a time that is over, then five minutes ahead, and waits until it is so. What is
 * too soon is asked again. */
static struct {
  pavise_event_loop* loop;
  int64_t to_ms; /* 0: what is over */
} clock_try;
enum { kClockOverMs = 1000, kClockAheadMs = 300000, kClockAgainMs = 15000, kClockLookMs = 200 };

static int64_t clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_look(void* context) {
  if (clock_ms() >= clock_try.to_ms)
    pavise_log(PAVISE_LOG_INFO, "the clock is ahead");
  else
    pavise_event_loop_add_timer(clock_try.loop, kClockLookMs, 0, on_look, context, NULL);
}

static void on_clock(void* context, int outcome, uint32_t value_ms);

static void try_clock(void* context) {
  (void)context;
  const int asked = pavise_time_set(
      clock_try.loop, clock_try.to_ms ? clock_try.to_ms : kClockOverMs, on_clock, NULL);
  if (asked != 0) say("clock", asked);
}

static void on_clock(void* context, int outcome, uint32_t value_ms) {
  if (outcome == -EAGAIN) {
    const uint32_t wait_ms = value_ms < kClockAgainMs ? value_ms + 1 : kClockAgainMs;
    pavise_event_loop_add_timer(clock_try.loop, wait_ms, 0, try_clock, context, NULL);
    return;
  }
  say(clock_try.to_ms ? "a clock ahead" : "a clock that is over", outcome);
  if (clock_try.to_ms) {
    if (outcome == 0) on_look(context);
    return;
  }
  clock_try.to_ms = clock_ms() + kClockAheadMs;
  try_clock(context);
}

static int set_clock(pavise_event_loop* loop) {
  clock_try.loop = loop;
  say("profile",
      pavise_power_set_profile(loop, PAVISE_PROFILE_POWER_SAVER, on_outcome, "power profile"));
  try_clock(NULL);
  pavise_event_loop_run(loop, -1);
  return 0;
}

int main(int count, char** words) {
  pavise_event_loop* loop = NULL;
  if (pavise_event_loop_create(&loop) != 0) return 1;
  if (pavise_event_loop_add_end_request(loop, NULL, NULL, NULL) != 0) return 2;
  if (pavise_event_loop_add_timer(loop, 1, 0, on_timer, NULL, NULL) != 0) return 3;
  pavise_log(PAVISE_LOG_INFO, "%s %s", pavise_app_name(), pavise_app_version());
  if (count == 2 && strcmp(words[1], "certificates") == 0) {
    try_certificates();
    pavise_event_loop_run(loop, -1);
    return 0;
  }
  if (count == 2 && strcmp(words[1], "clock") == 0) return set_clock(loop);
  if (count == 2) return talk(loop);
  try_storage();
  try_uart();
  try_gpio();
  try_i2c();
  const uint16_t port = (uint16_t)(count > 2 ? strtoul(words[2], NULL, 10) : 1);
  say("connect", pavise_network_connect(count > 2 ? words[1] : "127.0.0.1", port, 60000));
  say("listen", pavise_network_listen(0, 1));
  const struct pavise_hub_handlers handlers = {.telemetry_result = on_result,
                                               .method_called = on_method,
                                               .connection_changed = on_connection};
  say("hub", pavise_hub_open(loop, &handlers, NULL, &hub));
  pavise_event_loop_run(loop, -1);
  pavise_log(PAVISE_LOG_INFO, "asked to end");
  return 0;
}
