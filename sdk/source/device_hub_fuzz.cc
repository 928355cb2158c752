// What the agent sends, on the channel itself.
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

// An app that looks at all that it is shown, and answers.
class App {
 public:
  App() {
    std::array<int, 2> ends{};
    check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
    agent_ = pavise::Descriptor(ends[0]);
    const pavise::Descriptor ours(ends[1]);
    check(::dup2(ours.get(), 4) == 4);
    check(::setenv("PAVISE_APP", "blink", 1) == 0);
    const pavise_hub_handlers handlers{
        .telemetry_result = [](void*, uint32_t, bool,
                               const char* reason) { check(std::strlen(reason) <= 255); },
        .method_called =
            [](void* context, uint32_t id, const char* name, const void* payload, size_t size) {
              check(std::strlen(name) <= 255);
              check(pavise_hub_answer(static_cast<App*>(context)->hub_, id, 200, payload, size) ==
                    0);
            },
        .connection_changed = nullptr};
    check(pavise_hub_open(loop_.get(), &handlers, this, &hub_) == 0);
  }
  void receive(const uint8_t* data, size_t size) {
    const pavise_telemetry message{};
    (void)pavise_hub_send_telemetry(hub_, &message, nullptr);  // so that a result can be one
    if (::send(agent_.get(), data, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return;
    loop_.run(0);
    while (::recv(agent_.get(), answer_.data(), answer_.size(), MSG_DONTWAIT) > 0) {
    }
  }

 private:
  pavise::Descriptor agent_;
  pavise::EventLoop loop_;
  pavise_hub* hub_ = nullptr;
  std::array<char, PAVISE_HUB_PACKET_BYTES_MAX> answer_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static App app;
  if (size > 0) app.receive(data, size);  // a packet without bytes would be the channel's end
  return 0;
}
