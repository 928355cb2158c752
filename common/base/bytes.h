// Byte strings: views, owned buffers, secrets, and a bounded big-endian reader and writer.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pavise {

using ByteView = std::span<const std::byte>;
using Bytes = std::vector<std::byte>;
using Digest256 = std::array<std::byte, 32>;

inline ByteView as_bytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline const unsigned char* as_uchar(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
inline unsigned char* as_uchar(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}
inline Bytes to_bytes(ByteView view) {
  return {view.begin(), view.end()};
}
inline void append(Bytes& out, ByteView more) {
  out.insert(out.end(), more.begin(), more.end());
}
bool equal(ByteView a, ByteView b);  // not constant time: for public data only

std::string to_hex(ByteView bytes);  // lower case
// Accepts upper and lower case; empty result on odd length or a foreign character.
std::optional<Bytes> from_hex(std::string_view hex);

std::string to_base64(ByteView bytes);  // RFC 4648 section 4, padded
// Strict: padding required, no white space, no trailing bits.
std::optional<Bytes> from_base64(std::string_view text);

// Overwrites memory in a way the compiler may not remove.
void wipe(std::span<std::byte> bytes);

// Owned secret: wiped when destroyed or moved from, not copyable, never printed.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size_bytes) : bytes_(size_bytes) {}
  explicit SecretBytes(Bytes&& bytes) : bytes_(std::move(bytes)) {}
  static SecretBytes copy_of(ByteView view) { return SecretBytes(to_bytes(view)); }
  SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) {
    other.bytes_.clear();
  }
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { wipe(bytes_); }

  ByteView view() const { return bytes_; }
  std::span<std::byte> span() { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

 private:
  Bytes bytes_;
};

// Reads big-endian fields from a view. After the first short read every read yields nullopt, so a
// parser may read a whole structure and ask ok() once. Never allocates.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }
  std::size_t remaining() const { return rest_.size(); }
  ByteView rest() const { return rest_; }

  std::optional<ByteView> take(std::size_t size_bytes) {
    if (!ok_ || size_bytes > rest_.size()) {
      ok_ = false;
      return std::nullopt;
    }
    const ByteView out = rest_.first(size_bytes);
    rest_ = rest_.subspan(size_bytes);
    return out;
  }
  template <std::unsigned_integral T>
  std::optional<T> be() {
    const auto raw = take(sizeof(T));
    if (!raw) return std::nullopt;
    std::uint64_t value = 0;
    for (const std::byte b : *raw) value = value << 8U | std::to_integer<std::uint64_t>(b);
    return static_cast<T>(value);
  }
  template <std::unsigned_integral T>
  std::optional<T> le() {
    const auto raw = take(sizeof(T));
    if (!raw) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = sizeof(T); i-- > 0;)
      value = value << 8U | std::to_integer<std::uint64_t>((*raw)[i]);
    return static_cast<T>(value);
  }
  // A length-prefixed field whose length is a big-endian T, at most max_bytes long.
  template <std::unsigned_integral T>
  std::optional<ByteView> sized(std::size_t max_bytes) {
    const auto size = be<T>();
    if (!size || *size > max_bytes) {
      ok_ = false;
      return std::nullopt;
    }
    return take(*size);
  }

 private:
  ByteView rest_;
  bool ok_ = true;
};

// Appends big-endian fields to a buffer it owns.
class ByteWriter {
 public:
  template <std::unsigned_integral T>
  ByteWriter& be(T value) {
    for (std::size_t i = sizeof(T); i-- > 0;)
      out_.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i)));
    return *this;
  }
  template <std::unsigned_integral T>
  ByteWriter& le(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i)
      out_.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i)));
    return *this;
  }
  ByteWriter& raw(ByteView bytes) {
    append(out_, bytes);
    return *this;
  }
  // Length prefix of type T, then the bytes. The caller guarantees that the length fits.
  template <std::unsigned_integral T>
  ByteWriter& sized(ByteView bytes) {
    be(static_cast<T>(bytes.size()));
    return raw(bytes);
  }

  const Bytes& bytes() const { return out_; }
  Bytes take() { return std::move(out_); }  // leaves the writer empty
  std::size_t size() const { return out_.size(); }

 private:
  Bytes out_;
};

}  // namespace pavise
