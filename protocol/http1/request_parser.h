// HTTP/1.1 requests (RFC 9112), strictly: a pure state machine that is fed bytes as they come. Not
// thread-safe, never blocks, no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/http1/syntax.h"

namespace pavise::http1 {

struct Header {
  std::string name;  // lower case
  std::string value;
};

struct RequestHead {
  std::string method;  // as sent: methods are case-sensitive
  std::string target;  // origin-form, percent-encoded as sent: "/devices/a%2Fb?api-version=1"
  std::vector<Header> headers;
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;  // false: Connection: close
  bool expects_continue = false;

  std::string_view path() const;   // before the '?'
  std::string_view query() const;  // after it; empty if there is none
  // Value of the first header with this (lower-case) name, or null.
  const std::string* header(std::string_view name) const;
  bool has_body() const { return chunked || content_length.value_or(0) != 0; }
};

struct RequestLimits {
  std::size_t head_bytes_max = 32UL * 1024;  // request line and headers; trailers once more
  std::size_t header_count_max = 200;        // 100 message properties and as many others
  std::size_t target_bytes_max = 8UL * 1024;
  std::size_t chunk_line_max = 128;            // one chunk-size line with its extensions
  std::uint64_t body_bytes_max = 64UL * 1024;  // until set_body_limit() says otherwise
};

enum class RequestEvent {
  need_more,  // all bytes were taken
  head,       // head() is complete
  body,       // body() is the next piece; it borrows from the bytes given
  end,        // the request is complete; what follows is the next one
};

// Loop: next() until need_more. A server that upgrades the connection stops at `end` and keeps what
// is left in `bytes`.
class RequestParser {
 public:
  explicit RequestParser(RequestLimits limits = {}) : limits_(limits) {}

  // Takes bytes off the front until there is something to tell. Errors: all of syntax.h but
  // kUnsafeHeader; status_of() says how to answer. After an error the parser stays dead: where the
  // next request would begin is unknown, so the connection must end.
  Result<RequestEvent> next(ByteView& bytes);

  // For this request only, to be called between `head` and the next call: whoever routes a request
  // knows how much it may hold.
  void set_body_limit(std::uint64_t bytes_max) { body_bytes_max_ = bytes_max; }

  // Valid from `head` until the first byte of the next request is taken.
  const RequestHead& head() const { return head_; }
  ByteView body() const { return body_; }
  // False between requests: then the peer may close without loss.
  bool in_request() const {
    return state_ != State::end && (state_ != State::request_line || started_);
  }

 private:
  enum class State {
    request_line,
    headers,
    head_done,  // `head` was told, the body has not begun
    body,
    chunk_size,
    chunk_data,
    chunk_end,
    trailers,
    complete,  // `end` is still to be told
    end,
    dead
  };

  Result<std::optional<RequestEvent>> step(ByteView& bytes);
  Result<bool> take_line(ByteView& bytes);
  void take_body(ByteView& bytes);
  std::size_t line_bytes_max() const;
  Error line_too_long() const;
  Status on_line(std::string_view line);
  Status on_request_line(std::string_view line);
  Status on_header(std::string_view line);
  Status on_framing_header(const Header& header);
  Status on_headers_end();
  Status begin_body();
  Status on_chunk_size(std::string_view line);
  Status on_trailer(std::string_view line);
  void begin_request();

  RequestLimits limits_;
  State state_ = State::request_line;
  RequestHead head_;
  std::string line_;
  ByteView body_;
  std::size_t head_bytes_ = 0;
  std::size_t trailer_count_ = 0;
  std::uint64_t body_rest_ = 0;   // of the body or of the current chunk
  std::uint64_t body_bytes_ = 0;  // of all chunks so far
  std::uint64_t body_bytes_max_ = 0;
  bool started_ = false;
  bool empty_line_seen_ = false;
};

}  // namespace pavise::http1
