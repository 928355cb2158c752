// AMQP 1.0 values (OASIS AMQP 1.0 part 1) as a tree, with a bounded decoder.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "protocol/amqp/codec/errors.h"

namespace pavise::amqp {

// Levels of lists, maps, arrays and described values inside one value.
inline constexpr std::size_t kDepthMax = 12;
// Values in one tree, the containers among them.
inline constexpr std::size_t kValuesMax = 4096;

struct Symbol {
  std::string text;
  bool operator==(const Symbol&) const = default;
};
struct Timestamp {
  UnixMillis ms = 0;
  bool operator==(const Timestamp&) const = default;
};
struct Uuid {
  std::array<std::byte, 16> bytes{};
  bool operator==(const Uuid&) const = default;
};
// Decimals are carried, not understood.
struct Decimal {
  std::uint8_t code = 0x74;  // 0x74, 0x84, 0x94
  Bytes bytes;
  bool operator==(const Decimal&) const = default;
};

struct Value;
struct MapEntry;
using List = std::vector<Value>;
using Map = std::vector<MapEntry>;
// Values of one type.
struct Array {
  List items;
  bool operator==(const Array&) const;
};
struct Described {
  std::shared_ptr<const Value> descriptor;
  std::shared_ptr<const Value> value;
  bool operator==(const Described& other) const;
};

struct Value {
  using Variant = std::variant<std::monostate, bool, std::uint8_t, std::uint16_t, std::uint32_t,
                               std::uint64_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t,
                               float, double, char32_t, Timestamp, Uuid, Decimal, Bytes,
                               std::string, Symbol, List, Map, Array, Described>;
  Variant data;

  Value() = default;
  template <class T>
    requires(!std::is_same_v<std::remove_cvref_t<T>, Value> && std::is_constructible_v<Variant, T>)
  Value(T&& value) : data(std::forward<T>(value)) {}  // NOLINT(google-explicit-constructor)
  Value(const char* text);                            // NOLINT(google-explicit-constructor)
  Value(std::string_view text);                       // NOLINT(google-explicit-constructor)

  bool is_null() const { return std::holds_alternative<std::monostate>(data); }
  template <class T>
  const T* as() const {
    return std::get_if<T>(&data);
  }
  bool operator==(const Value& other) const;
};

struct MapEntry {
  Value key;
  Value value;
  bool operator==(const MapEntry&) const = default;
};

inline Value::Value(const char* text) : data(std::string(text)) {}
inline Value::Value(std::string_view text) : data(std::string(text)) {}

// Text of a string or symbol; nullopt: something else.
std::optional<std::string_view> text_of(const Value& value);
// Any signed or unsigned integer that fits; nullopt: something else.
std::optional<std::int64_t> integer_of(const Value& value);
// Entry under a string or symbol key; nullptr: none.
const Value* find(const Map& map, std::string_view key);
// "01234567-89ab-cdef-0123-456789abcdef"
std::string to_string(const Uuid& uuid);
std::optional<Uuid> uuid_from(std::string_view text);

// Reads values one after the other from a view. The limits hold for all of them together.
class ValueReader {
 public:
  explicit ValueReader(ByteView bytes) : reader_(bytes) {}

  bool at_end() const { return reader_.remaining() == 0; }
  ByteView rest() const { return reader_.rest(); }
  // kTruncated, kBadConstructor, kTooDeep, kTooManyValues, kBadSize.
  Result<Value> next();
  // The descriptor code of the described value that comes next, which is then the value's turn.
  // kBadSection if what comes is not a value with a numeric descriptor.
  Result<std::uint64_t> next_descriptor();
  // The bytes of the binary that comes next, not copied. kBadSection: something else comes.
  Result<ByteView> next_binary();

 private:
  Result<Value> read(std::size_t depth);
  Result<Value> read_body(std::uint8_t code, std::size_t depth);
  Result<Value> read_described(std::size_t depth);
  Result<Value> read_compound(std::uint8_t code, std::size_t depth);
  Result<Value> read_array(std::size_t count, std::size_t depth);
  Status count_one();
  Result<std::size_t> read_size(bool wide);

  ByteReader reader_;
  std::size_t values_ = 0;
};

// The only value in `bytes`.
Result<Value> decode_value(ByteView bytes);
// Shortest encoding. Precondition: the values of an array are of one type.
void encode_value(const Value& value, Bytes& out);
// A value described by a numeric descriptor.
void encode_described(std::uint64_t descriptor, const Value& value, Bytes& out);

}  // namespace pavise::amqp
