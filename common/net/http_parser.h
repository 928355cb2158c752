// HTTP/1.1 responses (RFC 9112), strictly: a pure state machine that is fed bytes as they come.
// Not thread-safe, never blocks, no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/net/errors.h"

namespace pavise::net {

struct HttpHeader {
  std::string name;  // lower case
  std::string value;
};

struct HttpResponse {
  int status = 0;
  std::vector<HttpHeader> headers;
  Bytes body;

  // Value of the first header with this (lower-case) name, or null.
  const std::string* header(std::string_view name) const;
};

struct HttpLimits {
  std::size_t head_bytes_max = 16UL * 1024;  // status line, headers and trailers together
  std::size_t header_count_max = 64;
  std::size_t body_bytes_max = 1024UL * 1024;
  std::size_t interim_max = 4;      // 1xx answers before the real one
  std::size_t chunk_line_max = 64;  // one chunk-size line with its extensions
};

// One response to one request (never HEAD or CONNECT: those answer without their framed body).
// Refused with kBadResponse: bare LF, folded or repeated framing headers, Content-Length together
// with Transfer-Encoding, codings other than chunked, a body that only the end of the connection
// would delimit, status 101. Over a limit: kResponseTooLarge. After an error the parser is dead.
class HttpResponseParser {
 public:
  explicit HttpResponseParser(HttpLimits limits = {}) : limits_(limits) {}

  // Takes in bytes; returns how many belong to this response (fewer than given only when done).
  Result<std::size_t> feed(ByteView bytes);

  bool done() const { return state_ == State::done; }
  bool started() const { return started_; }  // any byte seen
  // True when the connection may carry another request. Precondition: done().
  bool keep_alive() const { return keep_alive_; }
  // Precondition: done(). Leaves the parser empty.
  HttpResponse take() { return std::move(response_); }

 private:
  enum class State {
    status_line,
    headers,
    body,
    chunk_size,
    chunk_data,
    chunk_end,
    trailers,
    done,
    dead
  };

  Status take_line(std::string_view line);
  Status on_status_line(std::string_view line);
  Status on_header(std::string_view line);
  Status on_framing_header(const HttpHeader& header);
  Status on_headers_end();
  Status on_chunk_size(std::string_view line);
  Result<std::size_t> feed_line(ByteView bytes);
  std::size_t feed_body(ByteView bytes);
  std::size_t line_bytes_max() const;

  HttpLimits limits_;
  State state_ = State::status_line;
  HttpResponse response_;
  std::string line_;
  std::size_t head_bytes_ = 0;
  std::size_t interim_seen_ = 0;
  std::uint64_t body_rest_ = 0;
  bool started_ = false;
  bool keep_alive_ = true;
  bool chunked_ = false;
  bool has_length_ = false;
};

// Characters of a header name or method (RFC 9110 section 5.6.2).
bool is_http_token(std::string_view text);
// No control characters except tab: what a header value may hold.
bool is_http_field_text(std::string_view text);

}  // namespace pavise::net
