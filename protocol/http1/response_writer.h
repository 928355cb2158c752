// HTTP/1.1 responses as bytes (RFC 9112). Pure functions; they append to `out`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "protocol/http1/syntax.h"

namespace pavise::http1 {

// The interim answer to Expect: 100-continue.
inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

using ResponseHeader = std::pair<std::string, std::string>;

struct ResponseOptions {
  bool close = false;    // adds Connection: close
  bool to_head = false;  // the answer to a HEAD request: the size of the body, but not the body
  // Of the whole body, of which only the beginning is given now.
  std::optional<std::uint64_t> body_size = std::nullopt;
};

// Head and whole body; adds Content-Length but for 1xx, 204 and 304, whose body must be empty.
// Values may come from messages and devices, hence kUnsafeHeader: then `out` is unchanged. Framing
// headers (Content-Length, Transfer-Encoding, Connection) must not be among `headers`, but for
// Connection with status 101.
Status write_response(int status, std::span<const ResponseHeader> headers, ByteView body,
                      const ResponseOptions& options, Bytes& out);

// A body of unknown size: the head, then chunks, then the end. An empty chunk writes nothing, since
// it would end the body.
Status write_chunked_head(int status, std::span<const ResponseHeader> headers,
                          const ResponseOptions& options, Bytes& out);
void write_chunk(ByteView piece, Bytes& out);
void write_last_chunk(Bytes& out);

std::string_view reason_phrase(int status);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7); years 1970 to 9999 (clamped).
std::string http_date(UnixSeconds time);

}  // namespace pavise::http1
