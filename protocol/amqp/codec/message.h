// AMQP 1.0 messages (part 3, 3.2) and the batch format of Azure's C SDK.
#pragma once

#include <vector>

#include "protocol/amqp/codec/value.h"

namespace pavise::amqp {

// A transfer of this format holds data sections with one encoded message each (reference 0.4).
inline constexpr std::uint32_t kBatchFormat = 0x80013700;
inline constexpr std::size_t kBatchMessagesMax = 1000;

struct Header {
  std::optional<std::uint32_t> ttl_ms = {};
  std::uint32_t delivery_count = 0;
  bool operator==(const Header&) const = default;
};

// Null fields are Value() or nullopt.
struct Properties {
  Value message_id = {};  // null, ulong, uuid, binary or string
  std::optional<Bytes> user_id = {};
  std::optional<std::string> to = {};
  std::optional<std::string> subject = {};
  std::optional<std::string> reply_to = {};
  Value correlation_id = {};  // as message_id
  std::optional<std::string> content_type = {};
  std::optional<std::string> content_encoding = {};
  std::optional<UnixMillis> absolute_expiry_ms = {};
  std::optional<UnixMillis> creation_ms = {};
  bool operator==(const Properties&) const = default;
};

enum class SectionOrder { specified, any };

struct Message {
  using Data = std::vector<Bytes>;
  struct Sequence {
    std::vector<List> lists;
    bool operator==(const Sequence&) const = default;
  };

  std::optional<Header> header = {};
  Map delivery_annotations = {};
  Map annotations = {};
  Properties properties = {};
  Map application_properties = {};
  // Nothing, data sections, one value, or sequences.
  std::variant<std::monostate, Data, Value, Sequence> body = {};

  // Sections must come in the order of the specification; with SectionOrder::any those before the
  // body as they like, each once. The footer is checked and dropped. kBadSection, kBadProperties
  // and the errors of ValueReader.
  static Result<Message> decode(ByteView bytes, SectionOrder order = SectionOrder::specified);
  void encode(Bytes& out) const;

  // Of data sections, one after the other; empty for other bodies.
  Bytes data() const;
  bool operator==(const Message&) const = default;
};

// The messages of a transfer of kBatchFormat, in order. The C client writes the annotations of each
// after its application properties, and gives the outer message those that ask for a fault: the
// outer application properties count for the first one. kBadBatch, kBatchTooLong and the errors of
// Message::decode().
Result<std::vector<Message>> unpack_batch(ByteView bytes);

// An id as text: strings as they are, uuids as their text, numbers in decimal, binary as UTF-8 when
// it is plain ASCII and else as hex. nullopt: null.
std::optional<std::string> id_text(const Value& id);

}  // namespace pavise::amqp
