// The event loop for C++, with functions as handlers; the other headers of this folder are as
// usable from C++ as from C. Nothing throws but what std::function and new throw. For C++17 and
// later.
#ifndef PAVISE_PAVISE_HPP
#define PAVISE_PAVISE_HPP

#include <pavise/application.h>
#include <pavise/certificates.h>
#include <pavise/device_hub.h>
#include <pavise/event_loop.h>
#include <pavise/gpio.h>
#include <pavise/health.h>
#include <pavise/i2c.h>
#include <pavise/log.h>
#include <pavise/network.h>
#include <pavise/peers.h>
#include <pavise/power.h>
#include <pavise/spi.h>
#include <pavise/storage.h>
#include <pavise/system_events.h>
#include <pavise/time.h>
#include <pavise/uart.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

namespace pavise {

// Owns a descriptor, as the functions of C return them.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  explicit operator bool() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }  // negative: the error

 private:
  int descriptor_ = -1;
};

// As <pavise/gpio.h>: the app's line under a name.
class GpioLine {
 public:
  GpioLine() = default;
  static GpioLine output(const char* name, bool value = false,
                         pavise_gpio_output_mode mode = PAVISE_GPIO_PUSH_PULL) {
    return GpioLine(pavise_gpio_open_as_output(name, mode, to_value(value)));
  }
  static GpioLine input(const char* name, pavise_gpio_bias bias = PAVISE_GPIO_BIAS_AS_IS,
                        pavise_gpio_edges edges = PAVISE_GPIO_NO_EDGES) {
    return GpioLine(pavise_gpio_open_as_input(name, bias, edges));
  }
  explicit operator bool() const { return static_cast<bool>(line_); }
  int error() const { return line_ ? 0 : line_.get(); }  // 0, or why there is no line
  int descriptor() const { return line_.get(); }
  int value() const { return pavise_gpio_get_value(line_.get()); }  // 0, 1 or an error
  int set(bool value) const { return pavise_gpio_set_value(line_.get(), to_value(value)); }

 private:
  explicit GpioLine(int descriptor) : line_(descriptor) {}
  static pavise_gpio_value to_value(bool value) {
    return value ? PAVISE_GPIO_HIGH : PAVISE_GPIO_LOW;
  }

  Descriptor line_;
};

// As <pavise/certificates.h>: what is installed under an id. The key is wiped at the end.
class Credential {
 public:
  Credential(Credential&&) = default;
  Credential& operator=(Credential&&) = default;
  static Credential load(const char* id) {
    Credential out;
    out.error_ = pavise_certificates_load(id, out.content_.get());
    return out;
  }
  explicit operator bool() const { return content_ != nullptr && error_ == 0; }
  int error() const { return error_; }  // 0, or why there is nothing
  // A zero byte stands behind each. Empty after an error, and of one that was moved from.
  std::string_view certificate() const {
    return content_ ? text(content_->certificate, content_->certificate_size) : std::string_view();
  }
  std::string_view key() const {
    return content_ ? text(content_->key, content_->key_size) : std::string_view();
  }

 private:
  struct Wipe {
    void operator()(pavise_credential* content) const {
      pavise_credential_wipe(content);
      delete content;
    }
  };
  Credential() = default;
  static std::string_view text(const unsigned char* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
  }

  std::unique_ptr<pavise_credential, Wipe> content_{new pavise_credential{}};
  int error_ = 0;
};

// As <pavise/event_loop.h>, whose rules hold: one thread, negative errno.
class EventLoop {
 public:
  using Event = pavise_event*;

  EventLoop() : error_(pavise_event_loop_create(&loop_)) {}
  ~EventLoop() { pavise_event_loop_close(loop_); }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  int error() const { return error_; }  // 0, or why there is no loop: every call fails then
  pavise_event_loop* get() { return loop_; }
  int run(int timeout_ms = -1) { return pavise_event_loop_run(loop_, timeout_ms); }
  void stop() {
    if (loop_ != nullptr) pavise_event_loop_stop(loop_);
  }

  int on_io(int descriptor, std::uint32_t events, std::function<void(std::uint32_t)> handler,
            Event* event = nullptr) {
    return add(std::move(handler), event, [&](Handler* made, Event* out) {
      return pavise_event_loop_add_io(
          loop_, descriptor, events,
          [](void* context, int, std::uint32_t what) { call(context, what); }, made, out);
    });
  }
  // Of an input with edges, which outlives the event.
  int on_edge(const GpioLine& line, std::function<void(const pavise_gpio_edge&)> handler,
              Event* event = nullptr) {
    const int descriptor = line.descriptor();
    return on_io(
        descriptor, PAVISE_IO_READABLE,
        [descriptor, handler = std::move(handler)](std::uint32_t) {
          pavise_gpio_edge edge{};
          if (pavise_gpio_read_edge(descriptor, &edge) == 0) handler(edge);
        },
        event);
  }
  int after(std::uint32_t delay_ms, std::function<void()> handler, Event* event = nullptr) {
    return timer(delay_ms, 0, std::move(handler), event);
  }
  int every(std::uint32_t period_ms, std::function<void()> handler, Event* event = nullptr) {
    return timer(period_ms, period_ms, std::move(handler), event);
  }
  int on_end_request(std::function<void()> handler, Event* event = nullptr) {
    return add(plain(std::move(handler)), event, [&](Handler* made, Event* out) {
      return pavise_event_loop_add_end_request(
          loop_, [](void* context) { call(context, 0); }, made, out);
    });
  }
  // May be called from the event's own handler.
  void remove(Event event) {
    const auto found = handlers_.find(event);
    if (found == handlers_.end()) return;
    pavise_event_loop_remove(loop_, event);
    if (running_ == found->second.get()) ended_ = std::move(found->second);
    handlers_.erase(found);
  }

 private:
  struct Handler {
    EventLoop* loop;
    std::function<void(std::uint32_t)> function;
  };

  static std::function<void(std::uint32_t)> plain(std::function<void()> handler) {
    return [handler = std::move(handler)](std::uint32_t) { handler(); };
  }
  static void call(void* context, std::uint32_t what) {
    auto* const handler = static_cast<Handler*>(context);
    EventLoop* const loop = handler->loop;
    loop->running_ = handler;
    handler->function(what);
    loop->running_ = nullptr;
    loop->ended_.reset();
  }
  template <class Add>
  int add(std::function<void(std::uint32_t)> function, Event* event, const Add& add_it) {
    if (loop_ == nullptr) return error_;
    auto made = std::make_unique<Handler>(Handler{this, std::move(function)});
    Event out = nullptr;
    const int outcome = add_it(made.get(), &out);
    if (outcome != 0) return outcome;
    handlers_.emplace(out, std::move(made));
    if (event != nullptr) *event = out;
    return 0;
  }
  int timer(std::uint32_t delay_ms, std::uint32_t period_ms, std::function<void()> handler,
            Event* event) {
    return add(plain(std::move(handler)), event, [&](Handler* made, Event* out) {
      return pavise_event_loop_add_timer(
          loop_, delay_ms, period_ms, [](void* context) { call(context, 0); }, made, out);
    });
  }

  pavise_event_loop* loop_ = nullptr;
  int error_ = 0;
  std::map<Event, std::unique_ptr<Handler>> handlers_;
  Handler* running_ = nullptr;
  std::unique_ptr<Handler> ended_;  // of the handler that removed itself, until it returns
};

}  // namespace pavise
#endif
