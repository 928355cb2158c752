#include "protocol/x509/der.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace pavise::x509::der {
namespace {

constexpr UnixSeconds kYear2050 = 2524608000;

struct Header {
  std::size_t header_bytes;
  std::size_t content_bytes;
};

std::optional<Header> read_header(ByteView bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto first = std::to_integer<std::uint8_t>(bytes[1]);
  if (first < 0x80) return Header{2, first};
  const std::size_t count = first & 0x7fU;
  if (count == 0 || count > 3 || bytes.size() < 2 + count) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < count; ++i)
    length = length << 8U | std::to_integer<std::size_t>(bytes[2 + i]);
  const std::size_t smallest = count == 1 ? 0x80 : std::size_t{1} << (8 * (count - 1));
  if (length < smallest) return std::nullopt;  // not the shortest form
  return Header{2 + count, length};
}

void put_header(Bytes& out, Tag tag, std::size_t length) {
  out.push_back(static_cast<std::byte>(tag));
  if (length < 0x80) {
    out.push_back(static_cast<std::byte>(length));
    return;
  }
  const std::size_t count = length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
  out.push_back(static_cast<std::byte>(0x80 | count));
  for (std::size_t i = count; i-- > 0;) out.push_back(static_cast<std::byte>(length >> (8 * i)));
}

std::optional<int> two_digits(std::string_view text, std::size_t at) {
  const char high = text[at];
  const char low = text[at + 1];
  if (high < '0' || high > '9' || low < '0' || low > '9') return std::nullopt;
  return (high - '0') * 10 + (low - '0');
}

std::optional<UnixSeconds> seconds_of(int year, std::string_view rest) {
  std::array<int, 5> fields{};  // month, day, hour, minute, second
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto value = two_digits(rest, 2 * i);
    if (!value) return std::nullopt;
    fields[i] = *value;
  }
  const auto [month, day, hour, minute, second] = fields;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59 || rest[10] != 'Z') return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return UnixSeconds{days} * 86400 + hour * 3600 + minute * 60 + second;
}

}  // namespace

std::optional<Tag> Reader::peek() const {
  if (!ok_ || rest_.empty()) return std::nullopt;
  return static_cast<Tag>(rest_[0]);
}

std::optional<ByteView> Reader::take_both(Tag tag, ByteView* whole) {
  if (peek() != tag) return fail();
  const auto header = read_header(rest_);
  if (!header || header->content_bytes > rest_.size() - header->header_bytes) return fail();
  *whole = rest_.first(header->header_bytes + header->content_bytes);
  rest_ = rest_.subspan(whole->size());
  return whole->subspan(header->header_bytes);
}

std::optional<ByteView> Reader::take(Tag tag) {
  ByteView whole;
  return take_both(tag, &whole);
}

std::optional<ByteView> Reader::take_whole(Tag tag) {
  ByteView whole;
  if (!take_both(tag, &whole)) return std::nullopt;
  return whole;
}

Bytes element(Tag tag, std::initializer_list<ByteView> parts) {
  std::size_t length = 0;
  for (const ByteView part : parts) length += part.size();
  Bytes out;
  out.reserve(length + 5);
  put_header(out, tag, length);
  for (const ByteView part : parts) append(out, part);
  return out;
}

Bytes element(Tag tag, ByteView content) {
  return element(tag, {content});
}

Bytes unsigned_integer(ByteView big_endian) {
  while (big_endian.size() > 1 && big_endian[0] == std::byte{0}) big_endian = big_endian.subspan(1);
  static constexpr std::array kZero{std::byte{0}};
  const bool sign = big_endian.empty() || (big_endian[0] & std::byte{0x80}) != std::byte{0};
  return element(Tag::kInteger, {sign ? ByteView(kZero) : ByteView(), big_endian});
}

Bytes bit_string(ByteView content) {
  static constexpr std::array kNoUnusedBits{std::byte{0}};
  return element(Tag::kBitString, {kNoUnusedBits, content});
}

Bytes time(UnixSeconds seconds) {
  const std::chrono::sys_seconds point{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(point - day);
  const int year = static_cast<int>(date.year());
  const bool utc = seconds < kYear2050;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(),
                utc ? "%02d%02u%02u%02ld%02ld%02ldZ" : "%04d%02u%02u%02ld%02ld%02ldZ",
                utc ? year % 100 : year, static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<long>(clock.hours().count()),
                static_cast<long>(clock.minutes().count()),
                static_cast<long>(clock.seconds().count()));
  return element(utc ? Tag::kUtcTime : Tag::kGeneralizedTime,
                 as_bytes(std::string_view(text.data())));
}

std::optional<UnixSeconds> take_time(Reader& reader) {
  if (reader.peek() == Tag::kUtcTime) {
    const auto content = reader.take(Tag::kUtcTime);
    if (!content || content->size() != 13) return std::nullopt;
    const std::string_view text = as_text(*content);
    const auto year = two_digits(text, 0);
    if (!year) return std::nullopt;
    return seconds_of(*year < 50 ? 2000 + *year : 1900 + *year, text.substr(2));
  }
  const auto content = reader.take(Tag::kGeneralizedTime);
  if (!content || content->size() != 15) return std::nullopt;
  const std::string_view text = as_text(*content);
  const auto century = two_digits(text, 0);
  const auto year = two_digits(text, 2);
  if (!century || !year || *century * 100 + *year < 2050) return std::nullopt;
  return seconds_of(*century * 100 + *year, text.substr(4));
}

}  // namespace pavise::x509::der
