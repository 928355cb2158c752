// Errors of the query language: PV-QRY-nnn.
#pragma once

#include "common/base/result.h"

namespace pavise::query {

inline constexpr ErrorInfo kSyntax{"PV-QRY-001", Retry::never,
                                   "the query is not of the IoT Hub query language",
                                   "Correct it at the position that the detail names."};
inline constexpr ErrorInfo kTooLong{"PV-QRY-002", Retry::never,
                                    "the query is longer than 8192 bytes", "Split it."};
inline constexpr ErrorInfo kTooComplex{"PV-QRY-003", Retry::never,
                                       "the query is nested too deeply or has too many parts",
                                       "Use IN for long lists; split the query."};
inline constexpr ErrorInfo kNotSupported{"PV-QRY-004", Retry::never,
                                         "the query asks for what its collection does not offer",
                                         "The detail says which rule of the language it breaks."};
inline constexpr ErrorInfo kBadDocument{"PV-QRY-005", Retry::needs_operator,
                                        "a document to be queried is not valid JSON",
                                        "Restore the database from its backup."};
inline constexpr ErrorInfo kTooManyGroups{
    "PV-QRY-006", Retry::never, "the query makes more groups than the limit",
    "Group by a value that fewer devices have for their own."};

}  // namespace pavise::query
