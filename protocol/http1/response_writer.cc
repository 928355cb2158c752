#include "protocol/http1/response_writer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace pavise::http1 {
namespace {

bool has_no_body(int status) {
  return status < 200 || status == 204 || status == 304;
}

Status begin(int status, std::span<const ResponseHeader> headers, std::string& head) {
  PAVISE_CHECK(status >= 100 && status <= 599);
  head.append("HTTP/1.1 ").append(std::to_string(status)).append(" ");
  head.append(reason_phrase(status)).append("\r\n");
  for (const auto& [name, value] : headers) {
    if (!is_token(name) || !is_field_text(value)) return Error(kUnsafeHeader, "header");
    PAVISE_CHECK(!equal_folded(name, "content-length") &&
                 !equal_folded(name, "transfer-encoding") &&
                 (status == 101 || !equal_folded(name, "connection")));
    head.append(name).append(": ").append(value).append("\r\n");
  }
  return {};
}

}  // namespace

std::string_view reason_phrase(int status) {
  constexpr std::pair<int, std::string_view> kPhrases[] = {
      {100, "Continue"},
      {101, "Switching Protocols"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {206, "Partial Content"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {417, "Expectation Failed"},
      {426, "Upgrade Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
  };
  const auto* found = std::ranges::find(kPhrases, status, &std::pair<int, std::string_view>::first);
  return found == std::end(kPhrases) ? std::string_view("Status") : found->second;
}

Status write_response(int status, std::span<const ResponseHeader> headers, ByteView body,
                      const ResponseOptions& options, Bytes& out) {
  std::string head;
  PAVISE_TRY(begin(status, headers, head));
  if (has_no_body(status))
    PAVISE_CHECK(body.empty());
  else
    head.append("Content-Length: ")
        .append(std::to_string(options.body_size.value_or(body.size())))
        .append("\r\n");
  if (options.close) head.append("Connection: close\r\n");
  head.append("\r\n");
  append(out, as_bytes(head));
  if (!options.to_head) append(out, body);
  return {};
}

Status write_chunked_head(int status, std::span<const ResponseHeader> headers,
                          const ResponseOptions& options, Bytes& out) {
  PAVISE_CHECK(!has_no_body(status));
  std::string head;
  PAVISE_TRY(begin(status, headers, head));
  head.append("Transfer-Encoding: chunked\r\n");
  if (options.close) head.append("Connection: close\r\n");
  head.append("\r\n");
  append(out, as_bytes(head));
  return {};
}

void write_chunk(ByteView piece, Bytes& out) {
  if (piece.empty()) return;
  std::array<char, 20> size{};
  const int written = std::snprintf(size.data(), size.size(), "%zx\r\n", piece.size());
  append(out, as_bytes({size.data(), static_cast<std::size_t>(written)}));
  append(out, piece);
  append(out, as_bytes("\r\n"));
}

void write_last_chunk(Bytes& out) {
  append(out, as_bytes("0\r\n\r\n"));
}

std::string http_date(UnixSeconds time) {
  constexpr UnixSeconds kLast = 253'402'300'799;  // end of the year 9999
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::seconds since(std::clamp<UnixSeconds>(time, 0, kLast));
  const auto days = std::chrono::floor<std::chrono::days>(since);
  const std::chrono::sys_days day(days);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(since - days);
  std::array<char, 40> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
      kDays.at(std::chrono::weekday(day).c_encoding()), static_cast<unsigned>(date.day()),
      kMonths.at(static_cast<unsigned>(date.month()) - 1), static_cast<int>(date.year()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace pavise::http1
