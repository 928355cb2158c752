#include "protocol/amqp/codec/value.h"

#include <bit>

namespace pavise::amqp {

bool Array::operator==(const Array& other) const {
  return items == other.items;
}

bool Described::operator==(const Described& other) const {
  return *descriptor == *other.descriptor && *value == *other.value;
}

bool Value::operator==(const Value& other) const {
  return data == other.data;
}

std::optional<std::string_view> text_of(const Value& value) {
  if (const auto* text = value.as<std::string>()) return *text;
  if (const auto* symbol = value.as<Symbol>()) return symbol->text;
  return std::nullopt;
}

std::optional<std::int64_t> integer_of(const Value& value) {
  return std::visit(
      [](const auto& held) -> std::optional<std::int64_t> {
        using T = std::remove_cvref_t<decltype(held)>;
        if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool> &&
                      !std::is_same_v<T, char32_t>) {
          if (std::in_range<std::int64_t>(held)) return static_cast<std::int64_t>(held);
        }
        return std::nullopt;
      },
      value.data);
}

const Value* find(const Map& map, std::string_view key) {
  for (const MapEntry& entry : map)
    if (text_of(entry.key) == key) return &entry.value;
  return nullptr;
}

std::string to_string(const Uuid& uuid) {
  std::string out = to_hex(uuid.bytes);
  for (const std::size_t at : {20U, 16U, 12U, 8U}) out.insert(at, 1, '-');
  return out;
}

std::optional<Uuid> uuid_from(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::string hex;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return std::nullopt;
    if (!dash) hex.push_back(text[i]);
  }
  const auto bytes = from_hex(hex);
  if (!bytes) return std::nullopt;
  Uuid out;
  std::ranges::copy(*bytes, out.bytes.begin());
  return out;
}

// --- Decoding ------------------------------------------------------------------------------------

namespace {

template <std::signed_integral T>
Result<Value> signed_of(std::optional<std::make_unsigned_t<T>> raw) {
  if (!raw) return kTruncated;
  return Value(static_cast<T>(*raw));
}

template <class T>
Result<Value> of(std::optional<T> raw) {
  if (!raw) return kTruncated;
  return Value(*raw);
}

template <class Float, class Raw>
Result<Value> float_of(std::optional<Raw> raw) {
  if (!raw) return kTruncated;
  return Value(std::bit_cast<Float>(*raw));
}

}  // namespace

Status ValueReader::count_one() {
  if (++values_ > kValuesMax) return kTooManyValues;
  return {};
}

Result<std::size_t> ValueReader::read_size(bool wide) {
  const std::optional<std::uint32_t> size = wide ? reader_.be<std::uint32_t>() : [&] {
    const auto small = reader_.be<std::uint8_t>();
    return small ? std::optional<std::uint32_t>(*small) : std::nullopt;
  }();
  if (!size) return kTruncated;
  return std::size_t{*size};
}

Result<Value> ValueReader::next() {
  return read(0);
}

Result<std::uint64_t> ValueReader::next_descriptor() {
  const auto mark = reader_.be<std::uint8_t>();
  if (!mark) return kTruncated;
  if (*mark != 0) return kBadSection;
  PAVISE_TRY_ASSIGN(const Value descriptor, read(kDepthMax));
  if (const auto* code = descriptor.as<std::uint64_t>()) return *code;
  return kBadSection;
}

Result<ByteView> ValueReader::next_binary() {
  const auto code = reader_.be<std::uint8_t>();
  if (!code) return kTruncated;
  if (*code != 0xa0 && *code != 0xb0) return kBadSection;
  PAVISE_TRY_ASSIGN(const std::size_t size, read_size(*code == 0xb0));
  const auto bytes = reader_.take(size);
  if (!bytes) return kTruncated;
  return *bytes;
}

Result<Value> ValueReader::read(std::size_t depth) {
  const auto code = reader_.be<std::uint8_t>();
  if (!code) return kTruncated;
  if (*code == 0) return read_described(depth);
  return read_body(*code, depth);
}

Result<Value> ValueReader::read_described(std::size_t depth) {
  if (depth >= kDepthMax) return kTooDeep;
  PAVISE_TRY(count_one());
  // A descriptor is a plain value: nothing else has a meaning (part 1, 1.2).
  PAVISE_TRY_ASSIGN(Value descriptor, read(kDepthMax));
  PAVISE_TRY_ASSIGN(Value value, read(depth + 1));
  return Value(Described{std::make_shared<const Value>(std::move(descriptor)),
                         std::make_shared<const Value>(std::move(value))});
}

Result<Value> ValueReader::read_body(std::uint8_t code, std::size_t depth) {
  PAVISE_TRY(count_one());
  switch (code) {
    case 0x40:
      return Value();
    case 0x41:
    case 0x42:
      return Value(code == 0x41);
    case 0x56: {
      const auto raw = reader_.be<std::uint8_t>();
      if (!raw) return kTruncated;
      return Value(*raw != 0);
    }
    case 0x50:
      return of(reader_.be<std::uint8_t>());
    case 0x51:
      return signed_of<std::int8_t>(reader_.be<std::uint8_t>());
    case 0x60:
      return of(reader_.be<std::uint16_t>());
    case 0x61:
      return signed_of<std::int16_t>(reader_.be<std::uint16_t>());
    case 0x43:
      return Value(std::uint32_t{0});
    case 0x52: {
      const auto raw = reader_.be<std::uint8_t>();
      if (!raw) return kTruncated;
      return Value(std::uint32_t{*raw});
    }
    case 0x70:
      return of(reader_.be<std::uint32_t>());
    case 0x44:
      return Value(std::uint64_t{0});
    case 0x53: {
      const auto raw = reader_.be<std::uint8_t>();
      if (!raw) return kTruncated;
      return Value(std::uint64_t{*raw});
    }
    case 0x80:
      return of(reader_.be<std::uint64_t>());
    case 0x54: {
      const auto raw = reader_.be<std::uint8_t>();
      if (!raw) return kTruncated;
      return Value(std::int32_t{static_cast<std::int8_t>(*raw)});
    }
    case 0x71:
      return signed_of<std::int32_t>(reader_.be<std::uint32_t>());
    case 0x55: {
      const auto raw = reader_.be<std::uint8_t>();
      if (!raw) return kTruncated;
      return Value(std::int64_t{static_cast<std::int8_t>(*raw)});
    }
    case 0x81:
      return signed_of<std::int64_t>(reader_.be<std::uint64_t>());
    case 0x72:
      return float_of<float>(reader_.be<std::uint32_t>());
    case 0x82:
      return float_of<double>(reader_.be<std::uint64_t>());
    default:
      return read_compound(code, depth);
  }
}

Result<Value> ValueReader::read_compound(std::uint8_t code, std::size_t depth) {
  const auto fixed = [&](std::size_t size) -> Result<ByteView> {
    const auto bytes = reader_.take(size);
    if (!bytes) return kTruncated;
    return *bytes;
  };
  switch (code) {
    case 0x73: {
      const auto raw = reader_.be<std::uint32_t>();
      if (!raw) return kTruncated;
      return Value(static_cast<char32_t>(*raw));
    }
    case 0x83: {
      const auto raw = reader_.be<std::uint64_t>();
      if (!raw) return kTruncated;
      return Value(Timestamp{static_cast<UnixMillis>(*raw)});
    }
    case 0x74:
    case 0x84:
    case 0x94: {
      const std::size_t size = code == 0x74 ? 4 : code == 0x84 ? 8 : 16;
      PAVISE_TRY_ASSIGN(const ByteView bytes, fixed(size));
      return Value(Decimal{code, to_bytes(bytes)});
    }
    case 0x98: {
      PAVISE_TRY_ASSIGN(const ByteView bytes, fixed(16));
      Uuid uuid;
      std::ranges::copy(bytes, uuid.bytes.begin());
      return Value(uuid);
    }
    case 0xa0:
    case 0xb0:
    case 0xa1:
    case 0xb1:
    case 0xa3:
    case 0xb3: {
      PAVISE_TRY_ASSIGN(const std::size_t size, read_size((code & 0xf0U) == 0xb0));
      PAVISE_TRY_ASSIGN(const ByteView bytes, fixed(size));
      if ((code & 0x0fU) == 0) return Value(to_bytes(bytes));
      std::string text(as_text(bytes));
      if ((code & 0x0fU) == 1) return Value(std::move(text));
      return Value(Symbol{std::move(text)});
    }
    case 0x45:
      return Value(List{});
    case 0xc0:
    case 0xd0:
    case 0xc1:
    case 0xd1:
    case 0xe0:
    case 0xf0:
      break;
    default:
      return kBadConstructor;
  }
  if (depth >= kDepthMax) return kTooDeep;
  const bool wide = code == 0xd0 || code == 0xd1 || code == 0xf0;
  PAVISE_TRY_ASSIGN(const std::size_t size, read_size(wide));
  if (size > reader_.remaining()) return kTruncated;
  if (size < (wide ? 4U : 1U)) return kBadSize;
  const std::size_t remaining_after = reader_.remaining() - size;
  PAVISE_TRY_ASSIGN(const std::size_t count, read_size(wide));
  if (count > kValuesMax) return kTooManyValues;
  Value out;
  if (code == 0xe0 || code == 0xf0) {
    PAVISE_TRY_ASSIGN(out, read_array(count, depth));
  } else if (code == 0xc1 || code == 0xd1) {
    if (count % 2 != 0) return kBadSize;
    Map map;
    for (std::size_t i = 0; i < count; i += 2) {
      PAVISE_TRY_ASSIGN(Value key, read(depth + 1));
      PAVISE_TRY_ASSIGN(Value value, read(depth + 1));
      map.push_back({std::move(key), std::move(value)});
    }
    out = Value(std::move(map));
  } else {
    List list;
    for (std::size_t i = 0; i < count; ++i) {
      PAVISE_TRY_ASSIGN(Value item, read(depth + 1));
      list.push_back(std::move(item));
    }
    out = Value(std::move(list));
  }
  if (reader_.remaining() != remaining_after) return kBadSize;
  return out;
}

Result<Value> ValueReader::read_array(std::size_t count, std::size_t depth) {
  const auto code = reader_.be<std::uint8_t>();
  if (!code) return kTruncated;
  if (*code == 0) return kBadConstructor;  // no client sends arrays of described values
  Array array;
  for (std::size_t i = 0; i < count; ++i) {
    PAVISE_TRY_ASSIGN(Value item, read_body(*code, depth + 1));
    array.items.push_back(std::move(item));
  }
  return Value(std::move(array));
}

Result<Value> decode_value(ByteView bytes) {
  ValueReader reader(bytes);
  PAVISE_TRY_ASSIGN(Value value, reader.next());
  if (!reader.at_end()) return kBadSize;
  return value;
}

// --- Encoding ------------------------------------------------------------------------------------

namespace {

// Writes one value: with its shortest constructor, or without one in the widest form (inside an
// array).
struct Encoder {
  Bytes& out;
  bool bare = false;

  template <std::unsigned_integral T>
  void be(T value) const {
    for (std::size_t i = sizeof(T); i-- > 0;)
      out.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i)));
  }
  void code(std::uint8_t value) const {
    if (!bare) be(value);
  }
  void sized(std::uint8_t narrow, std::uint8_t wide, ByteView bytes) const {
    if (!bare && bytes.size() <= 0xff) {
      be(narrow);
      be(static_cast<std::uint8_t>(bytes.size()));
    } else {
      code(wide);
      be(static_cast<std::uint32_t>(bytes.size()));
    }
    append(out, bytes);
  }
  void compound(std::uint8_t narrow, std::uint8_t wide, std::size_t count, ByteView body) const {
    if (!bare && count <= 0xff && body.size() + 1 <= 0xff) {
      be(narrow);
      be(static_cast<std::uint8_t>(body.size() + 1));
      be(static_cast<std::uint8_t>(count));
    } else {
      code(wide);
      be(static_cast<std::uint32_t>(body.size() + 4));
      be(static_cast<std::uint32_t>(count));
    }
    append(out, body);
  }

  void operator()(std::monostate) const { code(0x40); }
  void operator()(bool value) const {
    if (bare) return be(static_cast<std::uint8_t>(value ? 1 : 0));
    be(static_cast<std::uint8_t>(value ? 0x41 : 0x42));
  }
  void operator()(std::uint8_t value) const { code(0x50), be(value); }
  void operator()(std::int8_t value) const { code(0x51), be(static_cast<std::uint8_t>(value)); }
  void operator()(std::uint16_t value) const { code(0x60), be(value); }
  void operator()(std::int16_t value) const { code(0x61), be(static_cast<std::uint16_t>(value)); }
  void operator()(std::uint32_t value) const {
    if (bare || value > 0xff) return code(0x70), be(value);
    if (value == 0) return code(0x43);
    code(0x52), be(static_cast<std::uint8_t>(value));
  }
  void operator()(std::uint64_t value) const {
    if (bare || value > 0xff) return code(0x80), be(value);
    if (value == 0) return code(0x44);
    code(0x53), be(static_cast<std::uint8_t>(value));
  }
  void operator()(std::int32_t value) const {
    if (bare || !std::in_range<std::int8_t>(value))
      return code(0x71), be(static_cast<std::uint32_t>(value));
    code(0x54), be(static_cast<std::uint8_t>(value));
  }
  void operator()(std::int64_t value) const {
    if (bare || !std::in_range<std::int8_t>(value))
      return code(0x81), be(static_cast<std::uint64_t>(value));
    code(0x55), be(static_cast<std::uint8_t>(value));
  }
  void operator()(float value) const { code(0x72), be(std::bit_cast<std::uint32_t>(value)); }
  void operator()(double value) const { code(0x82), be(std::bit_cast<std::uint64_t>(value)); }
  void operator()(char32_t value) const { code(0x73), be(static_cast<std::uint32_t>(value)); }
  void operator()(Timestamp value) const { code(0x83), be(static_cast<std::uint64_t>(value.ms)); }
  void operator()(const Uuid& value) const { code(0x98), append(out, value.bytes); }
  void operator()(const Decimal& value) const { code(value.code), append(out, value.bytes); }
  void operator()(const Bytes& value) const { sized(0xa0, 0xb0, value); }
  void operator()(const std::string& value) const { sized(0xa1, 0xb1, as_bytes(value)); }
  void operator()(const Symbol& value) const { sized(0xa3, 0xb3, as_bytes(value.text)); }
  void operator()(const List& list) const {
    if (list.empty() && !bare) return code(0x45);
    Bytes body;
    for (const Value& item : list) encode_value(item, body);
    compound(0xc0, 0xd0, list.size(), body);
  }
  void operator()(const Map& map) const {
    Bytes body;
    for (const MapEntry& entry : map) {
      encode_value(entry.key, body);
      encode_value(entry.value, body);
    }
    compound(0xc1, 0xd1, 2 * map.size(), body);
  }
  void operator()(const Array& array) const;
  void operator()(const Described& described) const {
    PAVISE_CHECK(!bare);
    be(std::uint8_t{0});
    encode_value(*described.descriptor, out);
    encode_value(*described.value, out);
  }
};

// The widest constructor of each alternative, in the order of Value::Variant.
constexpr std::uint8_t kWideCodes[] = {0x40, 0x56, 0x50, 0x60, 0x70, 0x80, 0x51, 0x61,
                                       0x71, 0x81, 0x72, 0x82, 0x73, 0x83, 0x98, 0x74,
                                       0xb0, 0xb1, 0xb3, 0xd0, 0xd1, 0xf0, 0x00};
static_assert(std::size(kWideCodes) == std::variant_size_v<Value::Variant>);

void Encoder::operator()(const Array& array) const {
  Bytes body;
  std::uint8_t item_code = 0x40;
  if (!array.items.empty()) {
    item_code = kWideCodes[array.items.front().data.index()];
    if (const auto* decimal = array.items.front().as<Decimal>()) item_code = decimal->code;
  }
  body.push_back(std::byte{item_code});
  for (const Value& item : array.items) {
    PAVISE_CHECK(item.data.index() == array.items.front().data.index());
    std::visit(Encoder{body, true}, item.data);
  }
  compound(0xe0, 0xf0, array.items.size(), body);
}

}  // namespace

void encode_value(const Value& value, Bytes& out) {
  std::visit(Encoder{out}, value.data);
}

void encode_described(std::uint64_t descriptor, const Value& value, Bytes& out) {
  out.push_back(std::byte{0});
  encode_value(Value(descriptor), out);
  encode_value(value, out);
}

}  // namespace pavise::amqp
