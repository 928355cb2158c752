#include "protocol/cbor/cbor.h"

#include <algorithm>
#include <tuple>

namespace pavise::cbor {
namespace {

// Major types (RFC 8949, 3.1) and the two simple values we use.
constexpr std::uint8_t kUnsigned = 0;
constexpr std::uint8_t kByteString = 2;
constexpr std::uint8_t kTextString = 3;
constexpr std::uint8_t kArray = 4;
constexpr std::uint8_t kMap = 5;
constexpr std::uint8_t kSimple = 7;
constexpr std::uint64_t kFalse = 20;
constexpr std::uint64_t kTrue = 21;

// Length of the sequence that starts with `lead` and its smallest code point, or 0 (RFC 3629, 4).
struct Utf8Lead {
  std::size_t length;
  std::uint32_t bits;
  std::uint32_t smallest;
};
Utf8Lead classify(std::uint8_t lead) {
  if (lead >= 0xc2 && lead <= 0xdf) return {2, lead & 0x1fU, 0x80};
  if (lead >= 0xe0 && lead <= 0xef) return {3, lead & 0x0fU, 0x800};
  if (lead >= 0xf0 && lead <= 0xf4) return {4, lead & 0x07U, 0x10000};
  return {0, 0, 0};
}

bool is_utf8(ByteView text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = std::to_integer<std::uint8_t>(text[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const Utf8Lead kind = classify(lead);
    if (kind.length == 0 || kind.length > text.size() - i) return false;
    std::uint32_t point = kind.bits;
    for (std::size_t k = 1; k < kind.length; ++k) {
      const auto next = std::to_integer<std::uint8_t>(text[i + k]);
      if ((next & 0xc0U) != 0x80U) return false;
      point = point << 6U | (next & 0x3fU);
    }
    const bool surrogate = point >= 0xd800 && point <= 0xdfff;
    if (point < kind.smallest || point > 0x10ffff || surrogate) return false;
    i += kind.length;
  }
  return true;
}

}  // namespace

void Reader::fail(const ErrorInfo& info) {
  if (error_ == nullptr) error_ = &info;
  rest_ = {};
}

std::optional<Reader::Head> Reader::head() {
  if (!ok()) return std::nullopt;
  if (rest_.empty()) {
    fail(kTruncated);
    return std::nullopt;
  }
  const auto initial = std::to_integer<std::uint8_t>(rest_[0]);
  Head out{.major = static_cast<std::uint8_t>(initial >> 5U), .argument = initial & 0x1fU};
  std::size_t extra = 0;
  if (out.argument >= 24) {
    if (out.argument > 27) {  // 28 to 30 are reserved, 31 is an indefinite length
      fail(kNotDeterministic);
      return std::nullopt;
    }
    extra = std::size_t{1} << (out.argument - 24);
    if (rest_.size() - 1 < extra) {
      fail(kTruncated);
      return std::nullopt;
    }
    out.argument = 0;
    for (std::size_t i = 1; i <= extra; ++i)
      out.argument = out.argument << 8U | std::to_integer<std::uint64_t>(rest_[i]);
    // A two-byte simple value and floats share these heads; they are no lengths and no part of the
    // subset, so their value does not matter.
    const std::uint64_t smallest = extra == 1 ? 24 : std::uint64_t{1} << (extra * 4);
    if (out.major != kSimple && out.argument < smallest) {
      fail(kNotDeterministic);
      return std::nullopt;
    }
  }
  const bool in_subset =
      out.major == kUnsigned || out.major == kByteString || out.major == kTextString ||
      out.major == kArray || out.major == kMap ||
      (out.major == kSimple && extra == 0 && (out.argument == kFalse || out.argument == kTrue));
  if (!in_subset) {
    fail(kUnsupported);
    return std::nullopt;
  }
  rest_ = rest_.subspan(1 + extra);
  return out;
}

std::uint64_t Reader::typed_head(std::uint8_t major) {
  const auto read = head();
  if (!read) return 0;
  if (read->major != major) {
    fail(kWrongType);
    return 0;
  }
  return read->argument;
}

std::uint64_t Reader::uint(std::uint64_t max) {
  const std::uint64_t value = typed_head(kUnsigned);
  if (value > max) {
    fail(kOutOfRange);
    return 0;
  }
  return value;
}

ByteView Reader::bytes(std::size_t min, std::size_t max) {
  const std::uint64_t size = typed_head(kByteString);
  if (!ok()) return {};
  if (size < min || size > max) {
    fail(kOutOfRange);
    return {};
  }
  if (size > rest_.size()) {
    fail(kTruncated);
    return {};
  }
  const ByteView out = rest_.first(size);
  rest_ = rest_.subspan(size);
  return out;
}

std::string_view Reader::text(std::size_t min, std::size_t max) {
  const std::uint64_t size = typed_head(kTextString);
  if (!ok()) return {};
  if (size < min || size > max) {
    fail(kOutOfRange);
    return {};
  }
  if (size > rest_.size()) {
    fail(kTruncated);
    return {};
  }
  const ByteView out = rest_.first(size);
  if (!is_utf8(out)) {
    fail(kBadUtf8);
    return {};
  }
  rest_ = rest_.subspan(size);
  return as_text(out);
}

bool Reader::boolean() {
  return typed_head(kSimple) == kTrue;
}

std::size_t Reader::array(std::size_t min, std::size_t max) {
  const std::uint64_t count = typed_head(kArray);
  if (!ok()) return 0;
  if (count < min || count > max) {
    fail(kOutOfRange);
    return 0;
  }
  return count;
}

Status Reader::finish() {
  if (ok() && !rest_.empty()) fail(kTrailingBytes);
  if (!ok()) return *error_;
  return {};
}

// Recursion is bounded by kDepthMax; the count of elements needs no bound of its own because each
// costs at least one byte of input.
void Reader::skip(std::size_t depth) {
  const auto read = head();
  if (!read) return;
  const bool container = read->major == kArray || read->major == kMap;
  if (container && depth == kDepthMax) return fail(kTooDeep);
  if (read->major == kArray) {
    for (std::uint64_t i = 0; ok() && i < read->argument; ++i) skip(depth + 1);
  } else if (read->major == kMap) {
    skip_map(read->argument, depth);
  } else if (read->major == kByteString || read->major == kTextString) {
    if (read->argument > rest_.size()) return fail(kTruncated);
    if (read->major == kTextString && !is_utf8(rest_.first(read->argument))) return fail(kBadUtf8);
    rest_ = rest_.subspan(read->argument);
  }
}

void Reader::skip_map(std::uint64_t pairs, std::size_t depth) {
  ByteView previous;
  for (std::uint64_t i = 0; ok() && i < pairs; ++i) {
    const ByteView before = rest_;
    skip(depth + 1);
    if (!ok()) return;
    const ByteView key = before.first(before.size() - rest_.size());
    const bool ascending =
        std::lexicographical_compare(previous.begin(), previous.end(), key.begin(), key.end());
    if (!ascending) return fail(kUnexpectedKey);
    previous = key;
    skip(depth + 1);
  }
}

Status validate(ByteView message) {
  Reader reader(message);
  reader.skip(0);
  return reader.finish();
}

MapReader::MapReader(Reader& in, std::size_t entries_max) : in_(in), left_(in.typed_head(kMap)) {
  if (left_ > entries_max) in_.fail(kOutOfRange);
  advance();
}

void MapReader::advance() {
  next_.reset();
  if (!in_.ok() || left_ == 0) return;
  --left_;
  const std::uint64_t key = in_.uint();
  if (in_.ok()) next_ = key;
}

// The key of the next entry can only be read once the caller has read this entry's value, so it is
// looked up at the following question and not here.
bool MapReader::optional(std::uint64_t key) {
  if (in_.ok() && !next_) advance();
  if (!in_.ok() || next_ != key) return false;
  next_.reset();
  return true;
}

void MapReader::required(std::uint64_t key) {
  if (!optional(key)) in_.fail(kMissingKey);
}

void MapReader::finish() {
  if (in_.ok() && (next_ || left_ != 0)) in_.fail(kUnexpectedKey);
}

TextMapReader::TextMapReader(Reader& in, std::size_t entries_max)
    : in_(in), size_(in.typed_head(kMap)) {
  if (size_ > entries_max) in_.fail(kOutOfRange);
  if (!in_.ok()) size_ = 0;
}

std::string_view TextMapReader::key(std::size_t min, std::size_t max) {
  const std::string_view key = in_.text(min, max);
  if (previous_ && !text_key_before(*previous_, key)) in_.fail(kUnexpectedKey);
  previous_ = key;
  return key;
}

bool text_key_before(std::string_view a, std::string_view b) {
  return std::tuple(a.size(), a) < std::tuple(b.size(), b);
}

void Writer::head(std::uint8_t major, std::uint64_t argument) {
  const unsigned type = static_cast<unsigned>(major) << 5U;
  if (argument < 24) {
    out_.push_back(static_cast<std::byte>(type | argument));
    return;
  }
  const unsigned width = argument <= UINT8_MAX    ? 0
                         : argument <= UINT16_MAX ? 1
                         : argument <= UINT32_MAX ? 2
                                                  : 3;
  out_.push_back(static_cast<std::byte>(type | (24U + width)));
  for (unsigned i = 1U << width; i-- > 0;)
    out_.push_back(static_cast<std::byte>(argument >> (8U * i)));
}

Writer& Writer::uint(std::uint64_t value) {
  head(kUnsigned, value);
  return *this;
}
Writer& Writer::bytes(ByteView value) {
  head(kByteString, value.size());
  append(out_, value);
  return *this;
}
Writer& Writer::text(std::string_view value) {
  PAVISE_CHECK(is_utf8(as_bytes(value)));
  head(kTextString, value.size());
  append(out_, as_bytes(value));
  return *this;
}
Writer& Writer::boolean(bool value) {
  head(kSimple, value ? kTrue : kFalse);
  return *this;
}
Writer& Writer::array(std::size_t elements) {
  head(kArray, elements);
  return *this;
}
Writer& Writer::map(std::size_t entries) {
  head(kMap, entries);
  return *this;
}

std::string presentable(std::string_view text, std::size_t bytes_max) {
  std::string out(text.substr(0, bytes_max));
  std::ranges::replace_if(out, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return out;
}

}  // namespace pavise::cbor
