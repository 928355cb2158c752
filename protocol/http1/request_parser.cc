#include "protocol/http1/request_parser.h"

#include <algorithm>
#include <utility>

namespace pavise::http1 {
namespace {

constexpr std::size_t kMethodSizeMax = 32;

// "https://host/path" -> host, and "/path" in `target`. nullopt: not absolute-form.
std::optional<std::string> strip_authority(std::string& target) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!equal_folded(std::string_view(target).substr(0, scheme.size()), scheme)) continue;
    const std::size_t end = std::min(target.find_first_of("/?", scheme.size()), target.size());
    std::string host = target.substr(scheme.size(), end - scheme.size());
    target.erase(0, end);
    if (!target.starts_with('/')) target.insert(0, "/");
    return host;
  }
  return std::nullopt;
}

bool is_host(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-._~:[]%!$&'()*+,;=").contains(c);
  });
}

}  // namespace

std::string_view RequestHead::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view RequestHead::query() const {
  const std::size_t mark = target.find('?');
  return mark == std::string::npos ? std::string_view{} : std::string_view(target).substr(mark + 1);
}

const std::string* RequestHead::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &Header::name);
  return found == headers.end() ? nullptr : &found->value;
}

Result<RequestEvent> RequestParser::next(ByteView& bytes) {
  if (state_ == State::dead) return Error(kBadRequest, "bytes after an earlier error");
  if (state_ == State::end) {
    if (bytes.empty()) return RequestEvent::need_more;
    begin_request();
  }
  body_ = {};
  while (true) {
    auto event = step(bytes);
    if (!event) {
      state_ = State::dead;
      return std::move(event).error();
    }
    if (*event) return **event;
  }
}

void RequestParser::begin_request() {
  head_ = {};
  head_bytes_ = 0;
  trailer_count_ = 0;
  body_rest_ = 0;
  body_bytes_ = 0;
  started_ = false;
  empty_line_seen_ = false;
  state_ = State::request_line;
}

// One line, one piece of body or one change of state; nullopt: nothing to tell yet.
Result<std::optional<RequestEvent>> RequestParser::step(ByteView& bytes) {
  using Event = std::optional<RequestEvent>;
  if (state_ == State::head_done) {
    PAVISE_TRY(begin_body());
    return Event();
  }
  if (state_ == State::complete) {
    state_ = State::end;
    return Event(RequestEvent::end);
  }
  if (bytes.empty()) return Event(RequestEvent::need_more);
  if (state_ == State::body || state_ == State::chunk_data) {
    take_body(bytes);
    return Event(RequestEvent::body);
  }
  PAVISE_TRY_ASSIGN(const bool whole, take_line(bytes));
  if (!whole) return Event(RequestEvent::need_more);
  const std::string line = std::exchange(line_, {});
  PAVISE_TRY(on_line(line));
  if (state_ == State::head_done) return Event(RequestEvent::head);
  return Event();
}

void RequestParser::take_body(ByteView& bytes) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(body_rest_, bytes.size()));
  body_ = bytes.first(size);
  bytes = bytes.subspan(size);
  body_rest_ -= size;
  if (body_rest_ == 0) state_ = state_ == State::body ? State::complete : State::chunk_end;
}

std::size_t RequestParser::line_bytes_max() const {
  switch (state_) {
    case State::chunk_end:  // the empty line after the data of a chunk
      return 2;
    case State::chunk_size:
      return limits_.chunk_line_max;
    default:
      return limits_.head_bytes_max - head_bytes_;
  }
}

Error RequestParser::line_too_long() const {
  switch (state_) {
    case State::request_line:
      return kTargetTooLong;
    case State::headers:
    case State::trailers:
      return kHeadTooLarge;
    default:
      return {kBadRequest, "the line of a chunk"};
  }
}

// Appends to line_; true once it is whole, then without its CR LF.
Result<bool> RequestParser::take_line(ByteView& bytes) {
  started_ = true;
  const std::string_view text = as_text(bytes);
  const std::size_t newline = text.find('\n');
  const bool whole = newline != std::string_view::npos;
  const std::size_t size = whole ? newline + 1 : text.size();
  if (line_.size() + size > line_bytes_max()) return line_too_long();
  line_.append(text.substr(0, size));
  bytes = bytes.subspan(size);
  if (!whole) return false;
  if (state_ != State::chunk_size && state_ != State::chunk_end) head_bytes_ += line_.size();
  if (!line_.ends_with("\r\n")) return Error(kBadRequest, "a line does not end with CR LF");
  line_.resize(line_.size() - 2);
  return true;
}

Status RequestParser::on_line(std::string_view line) {
  switch (state_) {
    case State::request_line:
      return on_request_line(line);
    case State::headers:
      return line.empty() ? on_headers_end() : on_header(line);
    case State::chunk_size:
      return on_chunk_size(line);
    case State::chunk_end:
      if (!line.empty()) return Error(kBadRequest, "a chunk is longer than its size says");
      state_ = State::chunk_size;
      return {};
    case State::trailers:
      return on_trailer(line);
    default:
      break;
  }
  return Error(kBadRequest, "a line where none may stand");
}

Status RequestParser::on_request_line(std::string_view line) {
  if (line.empty() && !empty_line_seen_) {
    // RFC 9112 section 2.2: some clients end a body with an extra CR LF.
    empty_line_seen_ = true;
    return {};
  }
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return Error(kBadRequest, "the request line");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (method.size() > kMethodSizeMax || !is_token(method)) return Error(kBadRequest, "the method");
  if (target.size() > limits_.target_bytes_max) return kTargetTooLong;
  if (target.empty() ||
      !std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; }))
    return Error(kBadRequest, "the request target");
  if (!version.starts_with("HTTP/")) return Error(kBadRequest, "the version");
  if (version != "HTTP/1.1") return kUnknownVersion;
  head_.method = method;
  head_.target = target;
  state_ = State::headers;
  return {};
}

Status RequestParser::on_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  // Refuses folded lines and a space before the colon, too.
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return Error(kBadRequest, "a header line");
  Header header{lowered(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1)))};
  if (!is_field_text(header.value)) return Error(kBadRequest, "a control byte in a header");
  if (head_.headers.size() >= limits_.header_count_max) return kHeadTooLarge;
  PAVISE_TRY(on_framing_header(header));
  head_.headers.push_back(std::move(header));
  return {};
}

Status RequestParser::on_framing_header(const Header& header) {
  if (header.name == "content-length") {
    if (head_.content_length) return Error(kBadRequest, "a second Content-Length");
    head_.content_length = parse_number(header.value, 10);
    if (!head_.content_length) return Error(kBadRequest, "Content-Length");
  } else if (header.name == "transfer-encoding") {
    if (head_.chunked) return Error(kBadRequest, "a second Transfer-Encoding");
    if (!equal_folded(header.value, "chunked")) return kUnknownCoding;
    head_.chunked = true;
  } else if (header.name == "host") {
    if (head_.header("host") != nullptr) return Error(kBadRequest, "a second Host");
    if (!is_host(header.value)) return Error(kBadRequest, "Host");
  } else if (header.name == "connection") {
    if (list_has(header.value, "close")) head_.keep_alive = false;
  } else if (header.name == "expect") {
    if (!equal_folded(header.value, "100-continue")) return kUnknownExpectation;
    head_.expects_continue = true;
  }
  if (head_.chunked && head_.content_length)
    return Error(kBadRequest, "Content-Length together with Transfer-Encoding");
  return {};
}

Status RequestParser::on_headers_end() {
  const std::string* host = head_.header("host");
  if (host == nullptr) return Error(kBadRequest, "no Host");
  if (!head_.target.starts_with('/')) {
    const auto authority = strip_authority(head_.target);
    if (!authority || !equal_folded(*authority, *host))
      return Error(kBadRequest, "the request target");
  }
  head_.expects_continue = head_.expects_continue && head_.has_body();
  body_bytes_max_ = limits_.body_bytes_max;
  state_ = State::head_done;
  return {};
}

// Only now, so that the caller could set the limit for this route.
Status RequestParser::begin_body() {
  if (head_.chunked) {
    state_ = State::chunk_size;
    return {};
  }
  body_rest_ = head_.content_length.value_or(0);
  if (body_rest_ > body_bytes_max_) return Error(kBodyTooLarge, "Content-Length");
  state_ = body_rest_ == 0 ? State::complete : State::body;
  return {};
}

Status RequestParser::on_chunk_size(std::string_view line) {
  // Extensions are allowed and mean nothing to us; they hold no control characters.
  const std::size_t mark = line.find(';');
  const auto size = parse_number(line.substr(0, mark), 16);
  if (!size || !is_field_text(line)) return Error(kBadRequest, "a chunk");
  if (*size > body_bytes_max_ - body_bytes_) return Error(kBodyTooLarge, "the chunks together");
  body_bytes_ += *size;
  body_rest_ = *size;
  state_ = body_rest_ == 0 ? State::trailers : State::chunk_data;
  if (state_ == State::trailers) head_bytes_ = 0;
  return {};
}

// Checked and dropped: nothing of ours may depend on what comes after the body.
Status RequestParser::on_trailer(std::string_view line) {
  if (line.empty()) {
    state_ = State::complete;
    return {};
  }
  if (++trailer_count_ > limits_.header_count_max) return kHeadTooLarge;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) || !is_field_text(line))
    return Error(kBadRequest, "a trailer line");
  return {};
}

}  // namespace pavise::http1
