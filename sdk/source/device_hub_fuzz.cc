// What the agent sends, on the channel itself.
#include <cstring>

#include "sdk/source/testing/fuzz.h"

namespace {

using sdk_testing::check;

// An app that looks at all that it is shown, and answers.
class App {
 public:
  App() {
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
    agent_.say(data, size, loop_);
  }

 private:
  sdk_testing::OtherEnd agent_{4};
  pavise::EventLoop loop_;
  pavise_hub* hub_ = nullptr;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static App app;
  if (size > 0) app.receive(data, size);
  return 0;
}
