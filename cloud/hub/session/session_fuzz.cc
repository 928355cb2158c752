// Input: bytes for a session after its CONNECT. First byte: chunk size. Whatever comes, the session
// stays within its limits and what it sends is well-formed MQTT.
#include <algorithm>
#include <utility>

#include "cloud/hub/session/testing/recording_port.h"
#include "protocol/mqtt/encode.h"

namespace {
using namespace pavise;
using namespace pavise::hub;

const DeviceId& device() {
  static const DeviceId id = *DeviceId::parse(std::string(DeviceId::kLength, 'd'));
  return id;
}

void check_output(ByteView out) {
  mqtt::PacketStream stream(SIZE_MAX);
  stream.feed(out);
  for (;;) {
    const auto packet = stream.next();
    PAVISE_CHECK(packet.has_value());
    if (!*packet) break;
  }
  PAVISE_CHECK(stream.buffered_bytes() == 0);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string host = "hub.test";
  hub::testing::RecordingPort port;
  port.members.emplace(device().text(), hub::testing::member(device().text(), "", 2'000'000));
  const iothub::Identity identity = *port.members.begin()->second.identity;
  const SessionNow now{0, 1'000'000};
  Session session(port, now);
  Bytes out;
  // An odd first byte leaves the CONNECT to the fuzzer.
  if (data[0] % 2 == 0) {
    const std::string username = host + "/" + device().text() + "/?api-version=1";
    Bytes connect;
    PAVISE_CHECK(
        mqtt::encode(mqtt::Connect{.client_id = device().text(), .username = username}, connect)
            .has_value());
    session.on_bytes(connect, now, out);
    PAVISE_CHECK(session.established());
  }
  const std::size_t chunk = static_cast<std::size_t>(data[0]) + 1;
  const ByteView wire = std::as_bytes(std::span(data + 1, size - 1));
  for (std::size_t at = 0; at < wire.size() && !session.closed(); at += chunk) {
    session.on_bytes(wire.subspan(at, std::min(chunk, wire.size() - at)), now, out);
    const auto hear = [&](SessionEvent event) { session.on_event(event, now, out); };
    for (const auto& [command, token] : std::exchange(port.twins, {}))
      hear(TwinAnswered{token, TwinReply{"{}", 2}});
    for (const Token token : std::exchange(port.asked_messages, {}))
      hear(MessageOffered{token, std::optional(DeviceMessage{"l", 1, 0, 0, "", {}})});
    hear(DesiredChanged{identity, 2, std::make_shared<const std::string>("{}")});
    hear(MethodCalled{identity, at, "name", "{}"});
  }
  session.on_durable(port.records.size(), out);
  session.close(kPeerClosed, out);
  check_output(out);
  for (const auto& record : port.records) PAVISE_CHECK(record.device == device().text());
  return 0;
}
