// Deterministic CBOR (RFC 8949, section 4.2.1) in the subset of api/*.cddl: unsigned integers, byte
// and text strings, arrays, maps and booleans; definite lengths, shortest heads, ascending keys.
//
// Nothing here allocates except the Writer's buffer. Not thread-safe per object; never blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::cbor {

// Errors: PV-CBR-nnn. All of them: the sender and the receiver disagree about the format.
inline constexpr std::string_view kAskSender = "Update the older of the two sides.";
inline constexpr ErrorInfo kTruncated{"PV-CBR-001", Retry::never, "the message ends too early",
                                      kAskSender};
inline constexpr ErrorInfo kNotDeterministic{"PV-CBR-002", Retry::never,
                                             "the message is not deterministic CBOR", kAskSender};
inline constexpr ErrorInfo kUnsupported{
    "PV-CBR-003", Retry::never, "the message uses a CBOR type that has no place in it", kAskSender};
inline constexpr ErrorInfo kWrongType{
    "PV-CBR-004", Retry::never, "a field of the message has another type than agreed", kAskSender};
inline constexpr ErrorInfo kOutOfRange{
    "PV-CBR-005", Retry::never, "a field of the message is too large or too small", kAskSender};
inline constexpr ErrorInfo kBadUtf8{"PV-CBR-006", Retry::never,
                                    "a text of the message is not UTF-8", kAskSender};
inline constexpr ErrorInfo kUnexpectedKey{"PV-CBR-007", Retry::never,
                                          "the message has an unknown, repeated or misplaced key",
                                          kAskSender};
inline constexpr ErrorInfo kMissingKey{"PV-CBR-008", Retry::never, "the message lacks a field",
                                       kAskSender};
inline constexpr ErrorInfo kTrailingBytes{"PV-CBR-009", Retry::never,
                                          "bytes follow the end of the message", kAskSender};
inline constexpr ErrorInfo kTooDeep{"PV-CBR-010", Retry::never, "the message is nested too deeply",
                                    kAskSender};
inline constexpr ErrorInfo kRuleBroken{
    "PV-CBR-011", Retry::never, "a field of the message breaks a rule of the format", kAskSender};

inline constexpr std::size_t kDepthMax = 8;

// Pulls values out of a message in the order that the format prescribes. Views point into it.
//
// The first failure sticks: from then on every read yields zero, empty or false, so a parser reads
// its whole structure and asks finish() once. Nothing read may be used before finish() succeeded.
class Reader {
 public:
  explicit Reader(ByteView message) : rest_(message) {}

  std::uint64_t uint(std::uint64_t max = UINT64_MAX);
  ByteView bytes(std::size_t min, std::size_t max);
  std::string_view text(std::size_t min, std::size_t max);
  bool boolean();
  // Number of elements that follow. Zero after a failure, so a loop over it ends.
  std::size_t array(std::size_t min, std::size_t max);
  template <std::size_t N>
  std::array<std::byte, N> fixed() {
    std::array<std::byte, N> out{};
    const ByteView view = bytes(N, N);
    if (view.size() == N) std::memcpy(out.data(), view.data(), N);
    return out;
  }

  bool ok() const { return error_ == nullptr; }
  // Records a failure of the caller's own rules. `info` must have static storage duration.
  void fail(const ErrorInfo& info);
  void require(bool condition, const ErrorInfo& info = kRuleBroken) {
    if (!condition) fail(info);
  }
  // The first failure, or kTrailingBytes if anything is left.
  Status finish();

 private:
  friend class MapReader;
  friend class TextMapReader;
  friend Status validate(ByteView message);
  struct Head {
    std::uint8_t major = 0;
    std::uint64_t argument = 0;
  };
  std::optional<Head> head();
  std::uint64_t typed_head(std::uint8_t major);
  void skip(std::size_t depth);
  void skip_map(std::uint64_t pairs, std::size_t depth);

  ByteView rest_;
  const ErrorInfo* error_ = nullptr;
};

// A map with integer keys. The format's keys are asked for in ascending order; since the encoding
// is ascending too, an unknown, repeated or misplaced key is one that nobody asked for.
class MapReader {
 public:
  MapReader(Reader& in, std::size_t entries_max);

  void required(std::uint64_t key);  // kMissingKey if another or none follows
  bool optional(std::uint64_t key);  // whether it follows; its value must then be read
  void finish();                     // kUnexpectedKey if entries are left

 private:
  void advance();
  Reader& in_;
  std::size_t left_;
  std::optional<std::uint64_t> next_;
};

// A map with text keys, read in the order of their encodings.
class TextMapReader {
 public:
  TextMapReader(Reader& in, std::size_t entries_max);
  std::size_t size() const { return size_; }
  // Next key; fails the reader with kUnexpectedKey unless it sorts after the one before.
  std::string_view key(std::size_t min, std::size_t max);

 private:
  Reader& in_;
  std::size_t size_;
  std::optional<std::string_view> previous_;
};

// Order of text keys in a deterministic map: shorter first, then bytewise (RFC 8949, 4.2.1).
bool text_key_before(std::string_view a, std::string_view b);

// Checks that a message is one well-formed item of the subset, at most kDepthMax containers deep.
Status validate(ByteView message);

// Appends values in deterministic form. The caller keeps keys ascending and counts right.
class Writer {
 public:
  explicit Writer(std::size_t reserve_bytes = 0) { out_.reserve(reserve_bytes); }

  Writer& uint(std::uint64_t value);
  Writer& bytes(ByteView value);
  // Invariant: UTF-8. Text that was not made here goes through presentable() first.
  Writer& text(std::string_view value);
  Writer& boolean(bool value);
  Writer& array(std::size_t elements);
  Writer& map(std::size_t entries);

  Bytes take() { return std::move(out_); }  // leaves the writer empty

 private:
  void head(std::uint8_t major, std::uint64_t argument);
  Bytes out_;
};

// Any text as something a message may carry to a person: bytes outside printable ASCII become '?',
// the end beyond bytes_max is cut.
std::string presentable(std::string_view text, std::size_t bytes_max);

}  // namespace pavise::cbor
