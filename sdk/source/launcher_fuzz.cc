// What the launcher sends, on the channel itself.
#include <cstring>

#include "sdk/source/testing/fuzz.h"

namespace {

using sdk_testing::check;

// An app that has asked for everything, and listens.
class App {
 public:
  App() {
    const pavise_peers_handlers handlers{
        .connected = [](void*, pavise_peer*, bool) { abort(); },  // no descriptors came
        .refused = [](void*, const char* name, int,
                      uint32_t) { check(std::strcmp(name, "meter") == 0); },
        .received = nullptr,
        .closed = nullptr};
    check(pavise_peers_open(loop_.get(), &handlers, this) == 0);
    check(pavise_system_events_open(
              loop_.get(),
              [](void*, const pavise_system_event* event) {
                check(event->kind >= 1 && event->kind <= 4 && std::strlen(event->version) <= 32);
              },
              this) == 0);
  }
  void receive(const uint8_t* data, size_t size) {
    // So that an answer can be one; at most so many wait.
    (void)pavise_peers_connect("meter");
    (void)pavise_power_restart(loop_.get(), nullptr, nullptr);
    (void)pavise_time_set(loop_.get(), 1'768'735'480'000, nullptr, nullptr);
    launcher_.say(data, size, loop_);
  }

 private:
  sdk_testing::OtherEnd launcher_{3};
  pavise::EventLoop loop_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static App app;
  if (size > 0) app.receive(data, size);
  return 0;
}
