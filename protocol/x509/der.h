// Distinguished Encoding Rules (X.690), as much as certificates and requests of Pavise need.
// Strict: minimal lengths, definite form, single-byte tags. No allocation when reading.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>

#include "common/base/bytes.h"
#include "common/base/clock.h"

namespace pavise::x509::der {

enum class Tag : std::uint8_t {
  kBoolean = 0x01,
  kInteger = 0x02,
  kBitString = 0x03,
  kOctetString = 0x04,
  kObjectId = 0x06,
  kUtf8String = 0x0c,
  kPrintableString = 0x13,
  kUtcTime = 0x17,
  kGeneralizedTime = 0x18,
  kSequence = 0x30,
  kSet = 0x31,
  kContext0 = 0xa0,  // constructed [0]
  kContext3 = 0xa3,  // constructed [3]
};

// Reads the elements of one level. After the first failure every call yields nothing.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }
  std::optional<Tag> peek() const;
  // The content of the next element, which must have this tag.
  std::optional<ByteView> take(Tag tag);
  // The whole next element, header and content.
  std::optional<ByteView> take_whole(Tag tag);
  // The content of the next element, whole element in *whole.
  std::optional<ByteView> take_both(Tag tag, ByteView* whole);

 private:
  std::nullopt_t fail() {
    ok_ = false;
    return std::nullopt;
  }
  ByteView rest_;
  bool ok_ = true;
};

// Header and content. Content may be given in parts.
Bytes element(Tag tag, ByteView content);
Bytes element(Tag tag, std::initializer_list<ByteView> parts);
// An INTEGER from an unsigned big-endian number; leading zeros are stripped, a sign byte is added.
Bytes unsigned_integer(ByteView big_endian);
// A BIT STRING without unused bits.
Bytes bit_string(ByteView content);
// UTCTime until 2049, GeneralizedTime after (RFC 5280, 4.1.2.5). Seconds must lie in years 1950 to
// 9999.
Bytes time(UnixSeconds seconds);
// Reads either form; only "Z" without fractions.
std::optional<UnixSeconds> take_time(Reader& reader);

}  // namespace pavise::x509::der
