// Where the next page of a query begins, as text that clients hand back in x-ms-continuation.
//
// A token is bound to what was asked, and says nothing that its holder could not ask for from the
// start, so it carries no secret: a made-up one that is well-formed only begins elsewhere in the
// same answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace pavise::hub::rest {

inline constexpr std::size_t kContinuationSizeMax = 1024;   // of the text
inline constexpr std::size_t kContinuationIdSizeMax = 257;  // a device id, '/', a module id

inline constexpr ErrorInfo kBadContinuation{
    "PV-HRS-020", Retry::never, "x-ms-continuation is no token of this hub, or of another query",
    "Begin the query again without x-ms-continuation, and hand back what each page gives."};

struct Continuation {
  std::uint64_t given = 0;  // rows on the pages before
  std::string job = {};     // of devices.jobs: the job that the last row looked at belongs to
  std::string after = {};   // the last row that was looked at

  bool operator==(const Continuation&) const = default;

  // `asked` is whatever the answer depends on: the hub and the query.
  std::string text(std::string_view asked) const;
  static Result<Continuation> parse(std::string_view text,
                                    std::string_view asked);  // kBadContinuation
};

}  // namespace pavise::hub::rest
