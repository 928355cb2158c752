// A hub that sends anything and calls any method: the session must neither crash nor send what MQTT
// does not allow.
#include <cstdint>
#include <span>

#include "device/agent/hub_session.h"
#include "device/agent/launcher_channel.h"
#include "device/agent/methods.h"

namespace {

class Silent final : public pavise::agent::LogSink {
 public:
  void line(std::string_view) override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  if (size < 1) return 0;
  agent::TelemetryQueue queue;
  queue.push("{}");
  agent::AppOutbox outbox;
  (void)outbox.push({.id = {1, 2}, .app = "a", .properties = "pavise-app=a", .body = Bytes(3)});
  agent::HubSession session({.device_id = "d", .hub_host = "h", .agent_version = "0"}, queue,
                            outbox, 0);
  session.report("{}");
  Silent log;
  agent::LauncherChannel no_apps(std::nullopt, log);
  const std::size_t piece = 1 + data[0] % 64;
  ByteView rest = std::as_bytes(std::span(data + 1, size - 1));
  std::int64_t now_ms = 0;
  while (!rest.empty()) {
    const ByteView part = rest.first(std::min(piece, rest.size()));
    rest = rest.subspan(part.size());
    now_ms += 100;
    if (!session.feed(part, now_ms) || !session.on_time(now_ms)) return 0;
    for (const agent::HubEvent& event : session.take_events())
      if (const auto* call = std::get_if<agent::MethodCalled>(&event)) {
        const auto made = agent::answer_method(call->name, call->payload, no_apps);
        session.answer_method(call->request_id, made.status, made.body);
      }
    const Bytes out = session.take_output();
    mqtt::PacketStream check;
    check.feed(out);
    while (true) {
      const auto packet = check.next();
      PAVISE_CHECK(packet.has_value());
      if (!*packet) break;
    }
  }
  return 0;
}
