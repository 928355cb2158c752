// What an app hears from the device and asks of it, for C++: other apps, system events, power,
// the clock, updates that wait. As <pavise/peers.h>, <pavise/system_events.h>, <pavise/power.h> and
// <pavise/time.h>, whose rules hold, with functions as handlers: for the thread of the loop,
// negative errno. For C++17 and later.
#ifndef PAVISE_DEVICE_HPP
#define PAVISE_DEVICE_HPP

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <pavise/pavise.hpp>
#include <string_view>
#include <utility>

namespace pavise {

// As pavise_outcome_handler of <pavise/outcome.h>. It is kept until it was called: close no loop
// while the device has not answered.
using OutcomeHandler = std::function<void(int outcome, std::uint32_t value_ms)>;

namespace internal {
// `ask`: a function of C that takes a handler and its context.
template <class Ask>
int with_outcome(OutcomeHandler handler, const Ask& ask) {
  auto kept = std::make_unique<OutcomeHandler>(std::move(handler));
  const int asked = ask(
      [](void* context, int outcome, std::uint32_t value_ms) {
        const std::unique_ptr<OutcomeHandler> own(static_cast<OutcomeHandler*>(context));
        if (*own) (*own)(outcome, value_ms);
      },
      kept.get());
  if (asked == 0) (void)kept.release();
  return asked;
}
}  // namespace internal

inline int restart_device(EventLoop& loop, OutcomeHandler handler = {}) {
  return internal::with_outcome(std::move(handler),
                                [&](pavise_outcome_handler function, void* context) {
                                  return pavise_power_restart(loop.get(), function, context);
                                });
}
inline int switch_device_off(EventLoop& loop, OutcomeHandler handler = {}) {
  return internal::with_outcome(std::move(handler),
                                [&](pavise_outcome_handler function, void* context) {
                                  return pavise_power_off(loop.get(), function, context);
                                });
}
inline int set_power_profile(EventLoop& loop, pavise_power_profile profile,
                             OutcomeHandler handler = {}) {
  return internal::with_outcome(
      std::move(handler), [&](pavise_outcome_handler function, void* context) {
        return pavise_power_set_profile(loop.get(), profile, function, context);
      });
}
// As pavise_time_set() of <pavise/time.h>; what is below milliseconds is cut off.
inline int set_clock(EventLoop& loop, std::chrono::system_clock::time_point to,
                     OutcomeHandler handler = {}) {
  const auto since_1970 =
      std::chrono::duration_cast<std::chrono::milliseconds>(to.time_since_epoch());
  return internal::with_outcome(
      std::move(handler), [&](pavise_outcome_handler function, void* context) {
        return pavise_time_set(loop.get(), since_1970.count(), function, context);
      });
}
inline int defer_update(EventLoop& loop, std::uint32_t ms, OutcomeHandler handler = {}) {
  return internal::with_outcome(std::move(handler),
                                [&](pavise_outcome_handler function, void* context) {
                                  return pavise_update_defer(loop.get(), ms, function, context);
                                });
}

// Hears the device's events as long as it lives, which may end in the handler. One per app.
class SystemEvents {
 public:
  SystemEvents(EventLoop& loop, std::function<void(const pavise_system_event&)> handler)
      : handler_(std::move(handler)),
        error_(handler_ ? pavise_system_events_open(loop.get(), hear, this) : -EINVAL) {}
  ~SystemEvents() {
    if (error_ == 0) pavise_system_events_close();
  }
  SystemEvents(const SystemEvents&) = delete;
  SystemEvents& operator=(const SystemEvents&) = delete;
  int error() const { return error_; }  // 0, or why it hears nothing

 private:
  static void hear(void* context, const pavise_system_event* event) {
    const auto handler = static_cast<SystemEvents*>(context)->handler_;
    handler(*event);
  }

  std::function<void(const pavise_system_event&)> handler_;
  int error_;
};

// The app's connections to others, as long as it lives. One per app. Peers are C's: a peer lives
// until `closed` returns or it is closed.
class Peers {
 public:
  struct Handlers {  // any may be empty
    std::function<void(pavise_peer* peer, bool asked)> connected;
    std::function<void(const char* name, int outcome, std::uint32_t value_ms)> refused;
    std::function<void(pavise_peer* peer, std::string_view message)> received;
    std::function<void(pavise_peer* peer)> closed;
  };

  Peers(EventLoop& loop, Handlers handlers)
      : handlers_(std::move(handlers)), error_(open(loop.get())) {}
  ~Peers() {
    if (error_ == 0) pavise_peers_close();
  }
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;
  int error() const { return error_; }  // 0, or why there are none

  int connect(const char* name) { return error_ == 0 ? pavise_peers_connect(name) : error_; }
  static int send(pavise_peer* peer, std::string_view message) {
    return pavise_peer_send(peer, message.data(), message.size());
  }

 private:
  static const Handlers& of(void* context) { return static_cast<Peers*>(context)->handlers_; }
  int open(pavise_event_loop* loop) {
    pavise_peers_handlers handlers{};
    handlers.connected = [](void* context, pavise_peer* peer, bool asked) {
      if (of(context).connected) of(context).connected(peer, asked);
    };
    handlers.refused = [](void* context, const char* name, int outcome, std::uint32_t value_ms) {
      if (of(context).refused) of(context).refused(name, outcome, value_ms);
    };
    handlers.received = [](void* context, pavise_peer* peer, const void* message,
                           std::size_t size) {
      if (of(context).received)
        of(context).received(peer, {static_cast<const char*>(message), size});
    };
    handlers.closed = [](void* context, pavise_peer* peer) {
      if (of(context).closed) of(context).closed(peer);
    };
    return pavise_peers_open(loop, &handlers, this);
  }

  Handlers handlers_;
  int error_;
};

}  // namespace pavise
#endif
