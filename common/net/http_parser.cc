#include "common/net/http_parser.h"

#include <algorithm>
#include <charconv>

#include "common/base/ascii.h"

namespace pavise::net {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Digits only: no sign, no space, no overflow.
bool parse_number(std::string_view text, int base, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

bool is_http_token(std::string_view text) {
  if (text.empty()) return false;
  return std::ranges::all_of(text, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_http_field_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto value = static_cast<unsigned char>(c);
    return c == '\t' || (value >= 0x20 && value != 0x7f);
  });
}

const std::string* HttpResponse::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &HttpHeader::name);
  return found == headers.end() ? nullptr : &found->value;
}

Result<std::size_t> HttpResponseParser::feed(ByteView bytes) {
  if (state_ == State::dead) return Error(kBadResponse, "bytes after an earlier error");
  std::size_t used = 0;
  while (used < bytes.size() && state_ != State::done) {
    started_ = true;
    const ByteView rest = bytes.subspan(used);
    if (state_ == State::body || state_ == State::chunk_data) {
      used += feed_body(rest);
      continue;
    }
    auto taken = feed_line(rest);
    if (!taken) {
      state_ = State::dead;
      return taken;
    }
    used += *taken;
  }
  return used;
}

std::size_t HttpResponseParser::line_bytes_max() const {
  // chunk_end is the empty line after the data of a chunk.
  if (state_ == State::chunk_end) return 2;
  if (state_ == State::chunk_size) return limits_.chunk_line_max;
  return limits_.head_bytes_max - head_bytes_;
}

Result<std::size_t> HttpResponseParser::feed_line(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  const std::size_t newline = text.find('\n');
  const std::size_t size = newline == std::string_view::npos ? text.size() : newline + 1;
  if (line_.size() + size > line_bytes_max())
    return Error(kResponseTooLarge, "a line of the head or of a chunk");
  line_.append(text.substr(0, size));
  if (newline == std::string_view::npos) return size;

  const std::string line = std::exchange(line_, {});
  if (state_ != State::chunk_size && state_ != State::chunk_end) head_bytes_ += line.size();
  if (line.size() < 2 || line[line.size() - 2] != '\r')
    return Error(kBadResponse, "a line does not end with CR LF");
  PAVISE_TRY(take_line(std::string_view(line).substr(0, line.size() - 2)));
  return size;
}

std::size_t HttpResponseParser::feed_body(ByteView bytes) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(body_rest_, bytes.size()));
  append(response_.body, bytes.first(size));
  body_rest_ -= size;
  if (body_rest_ == 0) state_ = chunked_ ? State::chunk_end : State::done;
  return size;
}

Status HttpResponseParser::take_line(std::string_view line) {
  switch (state_) {
    case State::status_line:
      return on_status_line(line);
    case State::headers:
      return line.empty() ? on_headers_end() : on_header(line);
    case State::chunk_size:
      return on_chunk_size(line);
    case State::chunk_end:
      if (!line.empty()) return Error(kBadResponse, "a chunk is longer than its size says");
      state_ = State::chunk_size;
      return {};
    case State::trailers:
      // Trailers are checked for size only and dropped: nothing of ours may depend on them.
      if (line.empty()) state_ = State::done;
      return {};
    default:
      break;
  }
  return Error(kBadResponse, "a line where none may stand");
}

Status HttpResponseParser::on_status_line(std::string_view line) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  if (!line.starts_with(kVersion)) return Error(kBadResponse, "not an HTTP/1.1 status line");
  line.remove_prefix(kVersion.size());
  if (line.size() < 3 || !std::ranges::all_of(line.substr(0, 3), is_digit) ||
      (line.size() > 3 && line[3] != ' ') || !is_http_field_text(line))
    return Error(kBadResponse, "malformed status code");
  response_.status = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  if (response_.status < 100 || response_.status > 599 || response_.status == 101)
    return Error(kBadResponse, "status code not expected here");
  state_ = State::headers;
  return {};
}

Status HttpResponseParser::on_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_http_token(line.substr(0, colon)))
    return Error(kBadResponse, "malformed header line");
  HttpHeader header{ascii_lowered(line.substr(0, colon)),
                    std::string(trimmed(line.substr(colon + 1)))};
  if (!is_http_field_text(header.value)) return Error(kBadResponse, "control byte in a header");
  if (response_.headers.size() >= limits_.header_count_max)
    return Error(kResponseTooLarge, "number of headers");
  PAVISE_TRY(on_framing_header(header));
  response_.headers.push_back(std::move(header));
  return {};
}

Status HttpResponseParser::on_framing_header(const HttpHeader& header) {
  if (header.name == "content-length") {
    if (has_length_ || chunked_) return Error(kBadResponse, "two headers state the body's size");
    if (!parse_number(header.value, 10, body_rest_))
      return Error(kBadResponse, "malformed Content-Length");
    has_length_ = true;
  } else if (header.name == "transfer-encoding") {
    if (has_length_ || chunked_) return Error(kBadResponse, "two headers state the body's size");
    if (ascii_lowered(header.value) != "chunked")
      return Error(kBadResponse, "transfer coding other than chunked");
    chunked_ = true;
  } else if (header.name == "connection") {
    if (ascii_lowered(header.value).find("close") != std::string::npos) keep_alive_ = false;
  }
  return {};
}

Status HttpResponseParser::on_headers_end() {
  const int status = response_.status;
  if (status < 200) {
    if (has_length_ || chunked_) return Error(kBadResponse, "an interim answer with a body");
    if (++interim_seen_ > limits_.interim_max)
      return Error(kResponseTooLarge, "number of interim answers");
    response_ = {};
    state_ = State::status_line;
    return {};
  }
  if (status == 204 || status == 304) {
    // RFC 9112 section 6.3: these end with their head, whatever a header says.
    if (chunked_) return Error(kBadResponse, "an answer without body announces one");
    state_ = State::done;
    return {};
  }
  if (chunked_) {
    state_ = State::chunk_size;
    return {};
  }
  if (!has_length_) return Error(kBadResponse, "the size of the body is not stated");
  if (body_rest_ > limits_.body_bytes_max) return Error(kResponseTooLarge, "Content-Length");
  response_.body.reserve(static_cast<std::size_t>(body_rest_));
  state_ = body_rest_ == 0 ? State::done : State::body;
  return {};
}

Status HttpResponseParser::on_chunk_size(std::string_view line) {
  const std::string_view size = line.substr(0, line.find(';'));
  if (!parse_number(size, 16, body_rest_)) return Error(kBadResponse, "malformed chunk size");
  if (body_rest_ > limits_.body_bytes_max - response_.body.size())
    return Error(kResponseTooLarge, "the chunks together");
  state_ = body_rest_ == 0 ? State::trailers : State::chunk_data;
  return {};
}

}  // namespace pavise::net
