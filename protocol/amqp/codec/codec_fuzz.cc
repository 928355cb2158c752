// First byte even: an encoded message; odd: a batch. What decodes is encoded and decoded again to
// the same message.
#include "protocol/amqp/codec/message.h"

namespace {
using namespace pavise;

void check(const amqp::Message& message) {
  Bytes first;
  message.encode(first);
  const auto again = amqp::Message::decode(first);
  PAVISE_CHECK(again.has_value());
  Bytes second;
  again->encode(second);
  PAVISE_CHECK(first == second);  // bytes, because a NaN is not itself
  (void)amqp::id_text(message.properties.message_id);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView wire = std::as_bytes(std::span(data + 1, size - 1));
  if (data[0] % 2 == 0) {
    if (const auto message = amqp::Message::decode(wire)) check(*message);
  } else if (const auto messages = amqp::unpack_batch(wire)) {
    for (const auto& message : *messages) check(message);
  }
  return 0;
}
