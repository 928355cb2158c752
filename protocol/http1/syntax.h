// Characters and limits of HTTP/1.1 (RFC 9110 section 5, RFC 9112), and this room's errors:
// PV-HTS-nnn.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/ascii.h"
#include "common/base/result.h"

namespace pavise::http1 {

inline constexpr ErrorInfo kBadRequest{"PV-HTS-001", Retry::never,
                                       "the request is not well-formed HTTP/1.1",
                                       "Correct the client; the detail says what is wrong."};
inline constexpr ErrorInfo kTargetTooLong{"PV-HTS-002", Retry::never,
                                          "the request target is longer than the limit",
                                          "Move parameters into the body."};
inline constexpr ErrorInfo kHeadTooLarge{"PV-HTS-003", Retry::never,
                                         "the headers of the request exceed their limit",
                                         "Send fewer or shorter headers."};
inline constexpr ErrorInfo kBodyTooLarge{"PV-HTS-004", Retry::never,
                                         "the body of the request exceeds its limit",
                                         "Send less at once; the limits are in docs/hub.md."};
inline constexpr ErrorInfo kUnknownCoding{"PV-HTS-005", Retry::never,
                                          "the request uses an unknown transfer coding",
                                          "Send the body as it is, or chunked."};
inline constexpr ErrorInfo kUnknownVersion{
    "PV-HTS-006", Retry::never, "the request is of another HTTP version", "Speak HTTP/1.1."};
inline constexpr ErrorInfo kUnknownExpectation{"PV-HTS-007", Retry::never,
                                               "the request expects what this server cannot do",
                                               "Send no Expect header but 100-continue."};
inline constexpr ErrorInfo kUnsafeHeader{"PV-HTS-008", Retry::never,
                                         "a header of the answer would hold a forbidden character",
                                         "Report it: the value came from a message or a device."};

// HTTP status to refuse a request with: 400, 413, 414, 417, 431, 501 or 505.
int status_of(const Error& error);

// A header name or method (RFC 9110 section 5.6.2).
bool is_token(std::string_view text);
// No control characters except tab: what a header value may hold.
bool is_field_text(std::string_view text);
std::string lowered(std::string_view text);
using pavise::equal_folded;
// Without leading and trailing spaces and tabs.
std::string_view trimmed(std::string_view text);
// True if a comma-separated list holds the item, without case (Connection, Upgrade).
bool list_has(std::string_view list, std::string_view item);
// Digits of the base only: no sign, no space, no overflow.
std::optional<std::uint64_t> parse_number(std::string_view text, int base);

}  // namespace pavise::http1
