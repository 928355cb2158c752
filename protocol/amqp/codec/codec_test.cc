#include <gtest/gtest.h>

#include "protocol/amqp/codec/message.h"

namespace pavise::amqp {
namespace {

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

std::string encoded(const Value& value) {
  Bytes out;
  encode_value(value, out);
  return to_hex(out);
}

struct Vector {
  const char* hex;
  Value value;
};

// Constructors of part 1, 1.6, each in its shortest form.
TEST(AmqpValue, EncodesAndDecodesEveryType) {
  Uuid uuid = *uuid_from("00112233-4455-6677-8899-aabbccddeeff");
  const Vector vectors[] = {
      {"40", Value()},
      {"41", Value(true)},
      {"42", Value(false)},
      {"50ff", Value(std::uint8_t{255})},
      {"6000ff", Value(std::uint16_t{255})},
      {"43", Value(std::uint32_t{0})},
      {"5207", Value(std::uint32_t{7})},
      {"7000000100", Value(std::uint32_t{256})},
      {"44", Value(std::uint64_t{0})},
      {"53ff", Value(std::uint64_t{255})},
      {"800000000000000100", Value(std::uint64_t{256})},
      {"51ff", Value(std::int8_t{-1})},
      {"61fffe", Value(std::int16_t{-2})},
      {"54ff", Value(std::int32_t{-1})},
      {"71ffffff7f", Value(std::int32_t{-129})},
      {"557f", Value(std::int64_t{127})},
      {"810000000000000080", Value(std::int64_t{128})},
      {"723f800000", Value(1.0F)},
      {"823ff0000000000000", Value(1.0)},
      {"730001f600", Value(U'\U0001f600')},
      {"83000001311e1d5800", Value(Timestamp{0x01311e1d5800})},
      {"9800112233445566778899aabbccddeeff", Value(uuid)},
      {"7411223344", Value(Decimal{0x74, hex("11223344")})},
      {"a0020102", Value(hex("0102"))},
      {"a1026869", Value("hi")},
      {"a3026869", Value(Symbol{"hi"})},
      {"45", Value(List{})},
      {"c0030241"
       "42",
       Value(List{Value(true), Value(false)})},
      {"0053"
       "7740",
       Value(Described{std::make_shared<const Value>(std::uint64_t{0x77}),
                       std::make_shared<const Value>()})},
  };
  for (const Vector& vector : vectors) {
    EXPECT_EQ(encoded(vector.value), vector.hex);
    const auto decoded = decode_value(hex(vector.hex));
    ASSERT_TRUE(decoded) << vector.hex;
    EXPECT_EQ(*decoded, vector.value) << vector.hex;
  }
}

TEST(AmqpValue, DecodesTheWideForms) {
  const Vector vectors[] = {
      {"5601", Value(true)},
      {"7000000005", Value(std::uint32_t{5})},
      {"b1000000026869", Value("hi")},
      {"d00000000600000002"
       "4142",
       Value(List{Value(true), Value(false)})},
      {"c10602a3016b5205", Value(Map{{Value(Symbol{"k"}), Value(std::uint32_t{5})}})},
      {"d10000000900000002"
       "a3016b5205",
       Value(Map{{Value(Symbol{"k"}), Value(std::uint32_t{5})}})},
      {"e00602a301610162", Value(Array{{Value(Symbol{"a"}), Value(Symbol{"b"})}})},
  };
  for (const Vector& vector : vectors) {
    const auto decoded = decode_value(hex(vector.hex));
    ASSERT_TRUE(decoded) << vector.hex << " " << decoded.error().message();
    EXPECT_EQ(*decoded, vector.value) << vector.hex;
    const auto again = decode_value(hex(encoded(vector.value)));
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, vector.value);
  }
}

TEST(AmqpValue, RefusesWhatIsMalformed) {
  struct Case {
    const char* hex;
    const ErrorInfo& error;
  };
  const Case cases[] = {
      {"", kTruncated},
      {"70000000", kTruncated},
      {"a1056869", kTruncated},
      {"b1ffffffff", kTruncated},
      {"ff", kBadConstructor},
      {"0040", kTruncated},
      {"c003"
       "0341",
       kTruncated},              // fewer items than its count
      {"c003014142", kBadSize},  // more bytes than its items
      {"c10301a100", kBadSize},  // an odd map
      {"c000", kBadSize},
      {"d0000000"
       "0300000000",
       kBadSize},
      {"d0ffffffff00000001", kTruncated},
      {"f000000005ffffffff40", kTooManyValues},  // a bomb of nulls
      {"e0040100"
       "5340",
       kBadConstructor},   // described items
      {"4040", kBadSize},  // two values
  };
  for (const Case& c : cases) {
    const auto decoded = decode_value(hex(c.hex));
    ASSERT_FALSE(decoded) << c.hex;
    EXPECT_EQ(decoded.error().code(), c.error.code) << c.hex;
  }
}

Bytes nested_lists(std::size_t levels) {
  Value value{List{}};
  value = Value(std::uint32_t{1});
  for (std::size_t i = 0; i < levels; ++i) value = Value(List{value});
  Bytes out;
  encode_value(value, out);
  return out;
}

TEST(AmqpValue, DepthIsBounded) {
  EXPECT_TRUE(decode_value(nested_lists(kDepthMax)));
  const auto deeper = decode_value(nested_lists(kDepthMax + 1));
  ASSERT_FALSE(deeper);
  EXPECT_EQ(deeper.error().code(), kTooDeep.code);
  // Descriptors of descriptors cost two bytes a level.
  std::string chain;
  for (std::size_t i = 0; i < 100'000; ++i) chain += "0040";
  EXPECT_EQ(decode_value(hex(chain + "40")).error().code(), kTooDeep.code);
}

TEST(AmqpValue, TheNumberOfValuesIsBounded) {
  const auto list_of = [](std::size_t count) {
    Bytes out;
    encode_value(Value(List(count)), out);
    return decode_value(out);
  };
  EXPECT_TRUE(list_of(kValuesMax - 1));  // the list counts, too
  ASSERT_FALSE(list_of(kValuesMax));
  EXPECT_EQ(list_of(kValuesMax).error().code(), kTooManyValues.code);
}

TEST(AmqpValue, Helpers) {
  const Map map{{Value(Symbol{"a"}), Value("x")}, {Value("b"), Value(std::int32_t{-3})}};
  ASSERT_NE(find(map, "a"), nullptr);
  EXPECT_EQ(text_of(*find(map, "a")), "x");
  EXPECT_EQ(integer_of(*find(map, "b")), -3);
  EXPECT_EQ(find(map, "c"), nullptr);
  EXPECT_EQ(integer_of(Value(UINT64_MAX)), std::nullopt);
  EXPECT_EQ(integer_of(Value(true)), std::nullopt);
  EXPECT_FALSE(uuid_from("00112233-4455-6677-8899-aabbccddeef"));
  EXPECT_FALSE(uuid_from("001122334-455-6677-8899-aabbccddeeff"));
  EXPECT_FALSE(uuid_from("0011223x-4455-6677-8899-aabbccddeeff"));
}

// --- Messages ------------------------------------------------------------------------------------

Message full_message() {
  Message out;
  out.header = Header{5000, 2};
  out.delivery_annotations = {{Value(Symbol{"d"}), Value(std::int64_t{1})}};
  out.annotations = {{Value(Symbol{"x-opt-offset"}), Value("12")}};
  out.properties = {.message_id = Value("m-1"),
                    .user_id = to_bytes(as_bytes("me")),
                    .to = "/devices/d/messages/events",
                    .subject = "s",
                    .reply_to = "r",
                    .correlation_id = Value(std::uint64_t{300}),
                    .content_type = "application/json",
                    .content_encoding = "utf-8",
                    .absolute_expiry_ms = 1'700'000'000'000,
                    .creation_ms = 1'600'000'000'000};
  out.application_properties = {{Value("k"), Value("v")}, {Value("n"), Value(std::int32_t{7})}};
  out.body = Message::Data{to_bytes(as_bytes("hello")), to_bytes(as_bytes(" world"))};
  return out;
}

Bytes encoded(const Message& message) {
  Bytes out;
  message.encode(out);
  return out;
}

TEST(AmqpMessage, EverySectionComesBack) {
  const Message message = full_message();
  const auto decoded = Message::decode(encoded(message));
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(*decoded, message);
  EXPECT_EQ(as_text(decoded->data()), "hello world");
}

TEST(AmqpMessage, EveryBodyComesBack) {
  Message message;
  EXPECT_EQ(*Message::decode(encoded(message)), message);
  message.body = Value("token");
  EXPECT_EQ(*Message::decode(encoded(message)), message);
  message.body = Value();
  EXPECT_EQ(*Message::decode(encoded(message)), message);
  message.body = Message::Sequence{{List{Value(true)}, List{}}};
  EXPECT_EQ(*Message::decode(encoded(message)), message);
  EXPECT_TRUE(message.data().empty());
}

TEST(AmqpMessage, EveryFormOfIdComesBack) {
  const Value ids[] = {Value("text"), Value(std::uint64_t{70000}),
                       Value(*uuid_from("00112233-4455-6677-8899-aabbccddeeff")),
                       Value(to_bytes(as_bytes("raw")))};
  const char* const texts[] = {"text", "70000", "00112233-4455-6677-8899-aabbccddeeff", "raw"};
  for (std::size_t i = 0; i < std::size(ids); ++i) {
    Message message;
    message.properties.correlation_id = ids[i];
    const auto decoded = Message::decode(encoded(message));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->properties.correlation_id, ids[i]);
    EXPECT_EQ(id_text(ids[i]), texts[i]);
  }
  EXPECT_EQ(id_text(Value()), std::nullopt);
  EXPECT_EQ(id_text(Value(hex("00ff"))), "00ff");
}

TEST(AmqpMessage, RefusesWrongSections) {
  struct Case {
    const char* hex;
    const ErrorInfo& error;
  };
  const Case cases[] = {
      {"40", kBadSection},
      {"005379"
       "40",
       kBadSection},  // unknown
      {"0053"
       "75a00101"
       "0053"
       "72c10100",
       kBadSection},  // annotations after the body
      {"005375a00101"
       "00537741",
       kBadSection},  // two kinds of body
      {"00537741"
       "00537741",
       kBadSection},  // a second value
      {"005375"
       "a10161",
       kBadSection},  // data that is a string
      {"005373c0030141", kBadSize},
      {"005373c00201"
       "41",
       kBadProperties},  // message-id is a boolean
      {"00537341", kBadProperties},
      {"005374a10161", kBadSection},
      {"005376"
       "41",
       kBadSection},
      {"005370c0040340"
       "40a1",
       kBadSize},
      {"0053", kTruncated},
      {"00a10161"
       "40",
       kBadSection},  // a symbolic descriptor
  };
  for (const Case& c : cases) {
    const auto decoded = Message::decode(hex(c.hex));
    ASSERT_FALSE(decoded) << c.hex;
    EXPECT_TRUE(decoded.error().is(c.error) || decoded.error().is(kTruncated))
        << c.hex << " " << decoded.error().message();
  }
}

TEST(AmqpMessage, EveryPrefixOfAMessageIsRefusedOrWhole) {
  const Bytes bytes = encoded(full_message());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = Message::decode(ByteView(bytes).first(size));
    if (decoded) {
      EXPECT_EQ(encoded(*decoded).size(), size);
    }
  }
}

// --- Batches -------------------------------------------------------------------------------------

Bytes batch_of(std::size_t count) {
  Message inner;
  inner.body = Message::Data{to_bytes(as_bytes("x"))};
  Message outer;
  outer.body = Message::Data(count, encoded(inner));
  return encoded(outer);
}

TEST(AmqpBatch, UnpacksEveryMessage) {
  Message first = full_message();
  Message second;
  second.body = Message::Data{to_bytes(as_bytes("2"))};
  Message outer;
  outer.body = Message::Data{encoded(first), encoded(second)};
  const auto messages = unpack_batch(encoded(outer));
  ASSERT_TRUE(messages);
  EXPECT_EQ(*messages, (std::vector<Message>{first, second}));
}

TEST(AmqpBatch, SectionsBeforeTheBodyComeInAnyOrder) {
  // As the C client writes them: application properties, annotations, data.
  const Bytes properties = hex("005374c10702a1016ba10176");
  const Bytes annotations = hex("005372c10702a30161a10162");
  const Bytes body = hex("005375a00178");
  const auto unpacked = [](std::initializer_list<Bytes> sections) {
    Bytes inner;
    for (const Bytes& section : sections) append(inner, section);
    Message outer;
    outer.body = Message::Data{inner};
    return unpack_batch(encoded(outer));
  };
  const auto given = unpacked({properties, annotations, body});
  ASSERT_TRUE(given) << given.error().message();
  EXPECT_EQ(text_of(*find(given->front().application_properties, "k")), "v");
  EXPECT_EQ(text_of(*find(given->front().annotations, "a")), "b");
  EXPECT_EQ(*unpacked({annotations, properties, body}), *given);
  EXPECT_EQ(unpacked({properties, annotations, properties, body}).error().code(), kBadSection.code);
  EXPECT_EQ(unpacked({body, annotations}).error().code(), kBadSection.code);
  EXPECT_EQ(unpacked({properties, body, annotations}).error().code(), kBadSection.code);
}

TEST(AmqpBatch, TheOuterPropertiesAreTheFirstMessages) {
  Message first, second, outer;
  first.application_properties = {{Value("own"), Value("1")}};
  first.body = second.body = Message::Data{to_bytes(as_bytes("x"))};
  outer.application_properties = {{Value("fault"), Value("KillTcp")}, {Value("own"), Value("2")}};
  outer.body = Message::Data{encoded(first), encoded(second)};
  const auto messages = unpack_batch(encoded(outer));
  ASSERT_TRUE(messages);
  first.application_properties.push_back({Value("fault"), Value("KillTcp")});
  EXPECT_EQ(*messages, (std::vector<Message>{first, second}));
}

TEST(AmqpBatch, IsBounded) {
  EXPECT_EQ(unpack_batch(batch_of(kBatchMessagesMax))->size(), kBatchMessagesMax);
  const auto longer = unpack_batch(batch_of(kBatchMessagesMax + 1));
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code(), kBatchTooLong.code);
}

TEST(AmqpBatch, RefusesOtherBodies) {
  Message outer;
  EXPECT_EQ(unpack_batch(encoded(outer)).error().code(), kBadBatch.code);
  outer.body = Value("x");
  EXPECT_EQ(unpack_batch(encoded(outer)).error().code(), kBadBatch.code);
  outer.body = Message::Data{hex("ff")};
  EXPECT_EQ(unpack_batch(encoded(outer)).error().code(), kBadSection.code);
}

}  // namespace
}  // namespace pavise::amqp
