#include <errno.h>
#include <limits.h>
#include <pavise/event_loop.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum kind { kIo, kTimer, kEndRequest };

struct pavise_event {
  pavise_event* next;
  pavise_event* previous;
  enum kind kind;
  int descriptor; /* of a timer and of the end request: ours */
  union {
    pavise_io_handler io;
    pavise_handler plain;
  } handler;
  void* context;
};

struct pavise_event_loop {
  int epoll;
  bool running;
  bool stopped;
  pavise_event* events;
};

int64_t pavise_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int pavise_event_loop_create(pavise_event_loop** loop) {
  if (!loop) return -EINVAL;
  pavise_event_loop* const made = calloc(1, sizeof *made);
  if (!made) return -ENOMEM;
  made->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (made->epoll < 0) {
    const int failed = -errno;
    free(made);
    return failed;
  }
  *loop = made;
  return 0;
}

void pavise_event_loop_close(pavise_event_loop* loop) {
  if (!loop) return;
  while (loop->events) pavise_event_loop_remove(loop, loop->events);
  close(loop->epoll);
  free(loop);
}

static uint32_t to_epoll(uint32_t events) {
  return ((events & PAVISE_IO_READABLE) ? EPOLLIN : 0U) |
         ((events & PAVISE_IO_WRITABLE) ? EPOLLOUT : 0U);
}

static uint32_t from_epoll(uint32_t events) {
  return ((events & EPOLLIN) ? PAVISE_IO_READABLE : 0U) |
         ((events & EPOLLOUT) ? PAVISE_IO_WRITABLE : 0U) |
         ((events & (EPOLLERR | EPOLLHUP)) ? PAVISE_IO_CLOSED : 0U);
}

/* The event may be gone when its handler returns: nothing here looks at it afterwards. */
static void dispatch(pavise_event_loop* loop, pavise_event* event, uint32_t events) {
  if (event->kind == kIo) {
    event->handler.io(event->context, event->descriptor, from_epoll(events));
    return;
  }
  /* Both are read once, by one call each; another reader cannot exist. */
  uint64_t times;
  struct signalfd_siginfo request;
  const ssize_t size = event->kind == kTimer ? read(event->descriptor, &times, sizeof times)
                                             : read(event->descriptor, &request, sizeof request);
  if (size <= 0) return; /* the timer was set anew meanwhile */
  if (event->handler.plain)
    event->handler.plain(event->context);
  else
    loop->stopped = true;
}

static int remaining_ms(int timeout_ms, int64_t deadline) {
  if (timeout_ms < 0) return -1;
  const int64_t left = deadline - pavise_now_ms();
  return left < 0 ? 0 : (int)left;
}

/* One event at a time: what a handler removes cannot be in a list that was fetched before. The
 * kernel puts a descriptor that is still ready behind the others. */
int pavise_event_loop_run(pavise_event_loop* loop, int timeout_ms) {
  if (!loop || timeout_ms < -1) return -EINVAL;
  if (loop->running) return -EBUSY;
  const int64_t deadline = pavise_now_ms() + timeout_ms;
  int outcome = 0;
  loop->running = true;
  while (!loop->stopped && outcome == 0) {
    struct epoll_event ready;
    const int count = epoll_wait(loop->epoll, &ready, 1, remaining_ms(timeout_ms, deadline));
    if (count < 0 && errno != EINTR) outcome = -errno;
    if (count > 0) dispatch(loop, ready.data.ptr, ready.events);
    if (outcome == 0 && !loop->stopped && remaining_ms(timeout_ms, deadline) == 0)
      outcome = -ETIMEDOUT;
  }
  loop->running = false;
  loop->stopped = false;
  return outcome;
}

void pavise_event_loop_stop(pavise_event_loop* loop) {
  loop->stopped = true;
}

int pavise_event_loop_descriptor(const pavise_event_loop* loop) {
  return loop->epoll;
}

static int add(pavise_event_loop* loop, enum kind kind, int descriptor, uint32_t events,
               void* context, pavise_event** out) {
  pavise_event* const event = calloc(1, sizeof *event);
  if (!event) return -ENOMEM;
  event->kind = kind;
  event->descriptor = descriptor;
  event->context = context;
  struct epoll_event wanted = {.events = to_epoll(events), .data = {.ptr = event}};
  if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, descriptor, &wanted) != 0) {
    const int failed = -errno;
    free(event);
    return failed;
  }
  event->next = loop->events;
  if (event->next) event->next->previous = event;
  loop->events = event;
  *out = event;
  return 0;
}

/* As add(), of a descriptor that is closed if that fails. */
static int add_own(pavise_event_loop* loop, enum kind kind, int descriptor, pavise_handler handler,
                   void* context, pavise_event** event) {
  if (descriptor < 0) return -errno;
  pavise_event* made;
  const int outcome = add(loop, kind, descriptor, PAVISE_IO_READABLE, context, &made);
  if (outcome != 0) {
    close(descriptor);
    return outcome;
  }
  made->handler.plain = handler;
  if (event) *event = made;
  return 0;
}

int pavise_event_loop_add_io(pavise_event_loop* loop, int descriptor, uint32_t events,
                             pavise_io_handler handler, void* context, pavise_event** event) {
  if (!loop || !handler) return -EINVAL;
  pavise_event* made;
  const int outcome = add(loop, kIo, descriptor, events, context, &made);
  if (outcome != 0) return outcome;
  made->handler.io = handler;
  if (event) *event = made;
  return 0;
}

int pavise_event_loop_modify_io(pavise_event_loop* loop, pavise_event* event, uint32_t events) {
  if (!loop || !event || event->kind != kIo) return -EINVAL;
  struct epoll_event wanted = {.events = to_epoll(events), .data = {.ptr = event}};
  return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, event->descriptor, &wanted) == 0 ? 0 : -errno;
}

static struct timespec to_timespec(uint32_t ms) {
  return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
}

static int set_timer(int descriptor, uint32_t delay_ms, uint32_t period_ms) {
  const struct itimerspec times = {.it_interval = to_timespec(period_ms),
                                   .it_value = to_timespec(delay_ms)};
  return timerfd_settime(descriptor, 0, &times, NULL) == 0 ? 0 : -errno;
}

int pavise_event_loop_add_timer(pavise_event_loop* loop, uint32_t delay_ms, uint32_t period_ms,
                                pavise_handler handler, void* context, pavise_event** event) {
  if (!loop || !handler) return -EINVAL;
  pavise_event* made;
  const int outcome =
      add_own(loop, kTimer, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), handler,
              context, &made);
  if (outcome != 0) return outcome;
  const int set = pavise_event_loop_set_timer(loop, made, delay_ms, period_ms);
  if (set != 0) {
    pavise_event_loop_remove(loop, made);
    return set;
  }
  if (event) *event = made;
  return 0;
}

int pavise_event_loop_set_timer(pavise_event_loop* loop, pavise_event* event, uint32_t delay_ms,
                                uint32_t period_ms) {
  if (!loop || !event || event->kind != kTimer) return -EINVAL;
  return set_timer(event->descriptor, delay_ms == 0 ? period_ms : delay_ms, period_ms);
}

int pavise_event_loop_add_end_request(pavise_event_loop* loop, pavise_handler handler,
                                      void* context, pavise_event** event) {
  if (!loop) return -EINVAL;
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  if (sigprocmask(SIG_BLOCK, &term, NULL) != 0) return -errno;
  return add_own(loop, kEndRequest, signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK), handler,
                 context, event);
}

void pavise_event_loop_remove(pavise_event_loop* loop, pavise_event* event) {
  if (!event) return;
  epoll_ctl(loop->epoll, EPOLL_CTL_DEL, event->descriptor, NULL);
  if (event->kind != kIo) close(event->descriptor);
  if (event->previous)
    event->previous->next = event->next;
  else
    loop->events = event->next;
  if (event->next) event->next->previous = event->previous;
  free(event);
}
