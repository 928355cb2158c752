/* @NAME@: blinks the line LED, and faster while the line BUTTON is low. */
#include <pavise/application.h>
#include <pavise/event_loop.h>
#include <pavise/gpio.h>
#include <pavise/health.h>
#include <pavise/log.h>
#include <string.h>

enum { kPeriodMs = 500, kPressedPeriodMs = 100 };

struct app {
  pavise_event_loop* loop;
  pavise_event* timer;
  int led;
  int button;
};

/* Sets the line to what it is not. */
static void on_period(void* context) {
  const struct app* const app = context;
  const int lit = pavise_gpio_get_value(app->led);
  const int failed =
      lit < 0 ? lit : pavise_gpio_set_value(app->led, lit ? PAVISE_GPIO_LOW : PAVISE_GPIO_HIGH);
  if (failed)
    pavise_log(PAVISE_LOG_WARNING, "LED: %s", strerror(-failed));
  else
    pavise_health_well();
}

static void on_button(void* context, int descriptor, uint32_t events) {
  (void)events;
  const struct app* const app = context;
  struct pavise_gpio_edge edge;
  if (pavise_gpio_read_edge(descriptor, &edge) != 0) return;
  const int pressed = edge.value == PAVISE_GPIO_LOW;
  pavise_log(PAVISE_LOG_INFO, pressed ? "pressed" : "let go");
  const uint32_t period_ms = pressed ? kPressedPeriodMs : kPeriodMs;
  pavise_event_loop_set_timer(app->loop, app->timer, period_ms, period_ms);
}

static int set_up(struct app* app) {
  app->led = pavise_gpio_open_as_output("LED", PAVISE_GPIO_PUSH_PULL, PAVISE_GPIO_LOW);
  if (app->led < 0) return app->led;
  app->button = pavise_gpio_open_as_input("BUTTON", PAVISE_GPIO_PULL_UP, PAVISE_GPIO_BOTH_EDGES);
  if (app->button < 0) return app->button;
  int failed = pavise_event_loop_create(&app->loop);
  if (!failed) failed = pavise_event_loop_add_end_request(app->loop, NULL, NULL, NULL);
  if (!failed)
    failed = pavise_event_loop_add_timer(app->loop, 1, kPeriodMs, on_period, app, &app->timer);
  if (!failed)
    failed =
        pavise_event_loop_add_io(app->loop, app->button, PAVISE_IO_READABLE, on_button, app, NULL);
  return failed;
}

int main(void) {
  struct app app = {.loop = NULL};
  const int failed = set_up(&app);
  if (failed) {
    pavise_log(PAVISE_LOG_ERROR, "LED and BUTTON: %s", strerror(-failed));
    return 1;
  }
  pavise_log(PAVISE_LOG_INFO, "%s %s blinks", pavise_app_name(), pavise_app_version());
  pavise_event_loop_run(app.loop, -1);
  pavise_log(PAVISE_LOG_INFO, "asked to end");
  pavise_gpio_set_value(app.led, PAVISE_GPIO_LOW);
  pavise_event_loop_close(app.loop);
  return 0;
}
