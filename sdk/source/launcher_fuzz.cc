// What the launcher sends, on the channel itself.
#include <stdlib.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "sdk/source/testing/placed.h"

namespace {

void check(bool holds) {
  if (!holds) abort();
}

// An app that has asked for everything, and listens.
class App {
 public:
  App() {
    std::array<int, 2> ends{};
    check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
    launcher_ = pavise::Descriptor(ends[0]);
    const pavise::Descriptor ours(ends[1]);
    check(::dup2(ours.get(), 3) == 3);
    check(::setenv("PAVISE_APP", "blink", 1) == 0);
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
    if (::send(launcher_.get(), data, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return;
    loop_.run(0);
    std::array<char, 64> request{};
    while (::recv(launcher_.get(), request.data(), request.size(), MSG_DONTWAIT) > 0) {
    }
  }

 private:
  pavise::Descriptor launcher_;
  pavise::EventLoop loop_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static App app;
  if (size > 0) app.receive(data, size);  // a packet without bytes would be the channel's end
  return 0;
}
