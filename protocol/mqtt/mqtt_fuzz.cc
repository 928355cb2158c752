// First byte: chunk size. Rest: the stream. Feeding it whole and in chunks must give the same
// packets, and every decoded packet must survive encode and decode.
#include <algorithm>

#include "protocol/mqtt/encode.h"
#include "protocol/mqtt/packet_stream.h"

namespace {

using namespace pavise;

constexpr std::size_t kLimit = 4096;

void check_round_trip(const mqtt::Packet& packet) {
  if (const auto* connect = std::get_if<mqtt::Connect>(&packet)) {
    if (connect->protocol_level != mqtt::kProtocolLevel311) return;
    if (connect->client_id.empty() && !connect->clean_session) return;
  }
  Bytes out;
  PAVISE_CHECK(mqtt::encode(packet, out).has_value());
  mqtt::PacketStream stream(kLimit);
  stream.feed(out);
  auto again = stream.next();
  PAVISE_CHECK(again.has_value() && again->has_value());
  PAVISE_CHECK((*again)->index() == packet.index());
  Bytes twice;
  PAVISE_CHECK(mqtt::encode(**again, twice).has_value());
  PAVISE_CHECK(equal(out, twice));
}

std::vector<std::size_t> kinds_of(ByteView wire, std::size_t chunk, bool& failed) {
  mqtt::PacketStream stream(kLimit);
  std::vector<std::size_t> kinds;
  failed = false;
  for (std::size_t at = 0; at < wire.size() && !failed; at += chunk) {
    stream.feed(wire.subspan(at, std::min(chunk, wire.size() - at)));
    for (;;) {
      auto packet = stream.next();
      failed = !packet.has_value();
      if (failed || !packet->has_value()) break;
      kinds.push_back((*packet)->index());
      check_round_trip(**packet);
    }
    PAVISE_CHECK(stream.buffered_bytes() <= kLimit);
  }
  return kinds;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t chunk = static_cast<std::size_t>(data[0]) + 1;
  const ByteView wire = std::as_bytes(std::span(data + 1, size - 1));
  bool failed_whole = false;
  bool failed_cut = false;
  const auto whole = kinds_of(wire, wire.size(), failed_whole);
  const auto cut = kinds_of(wire, chunk, failed_cut);
  PAVISE_CHECK(whole == cut && failed_whole == failed_cut);
  return 0;
}
