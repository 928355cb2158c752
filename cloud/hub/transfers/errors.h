// Errors of the runner of imports and exports: PV-HTF-nnn. The failure reasons of jobs.
#pragma once

#include "common/base/result.h"

namespace pavise::hub::transfers {

inline constexpr ErrorInfo kInputChanged{
    "PV-HTF-001", Retry::never, "the file that is imported was removed or replaced meanwhile",
    "Import it again: lines that were applied are, and nothing is undone."};
inline constexpr ErrorInfo kLineTooLong{"PV-HTF-002", Retry::never,
                                        "a line of the import is longer than 256 KiB",
                                        "Write one JSON object a line, as an export does."};
inline constexpr ErrorInfo kTooManyLines{
    "PV-HTF-003", Retry::never, "the import has more than 2,000,000 lines", "Split the file."};
inline constexpr ErrorInfo kTransferUnusable{"PV-HTF-004", Retry::needs_operator,
                                             "the stored import or export cannot be read",
                                             "Restore the database from its backup."};
inline constexpr ErrorInfo kInputMissing{
    "PV-HTF-005", Retry::never, "the container has no file of that name to import",
    "Upload devices.txt into the container first, or say inputBlobName."};
// Of one line, in importErrors.log.
inline constexpr ErrorInfo kBadLine{"PV-HTF-006", Retry::never,
                                    "a line of the import is not a JSON object",
                                    "Correct the line that the log names."};

}  // namespace pavise::hub::transfers
