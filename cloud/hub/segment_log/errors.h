// Errors of the segment log: PV-LGS-nnn.
#pragma once

#include "common/base/result.h"

namespace pavise::hub {

inline constexpr ErrorInfo kLogIoFailed{"PV-LGS-001", Retry::needs_operator,
                                        "a file of the event log cannot be read or written",
                                        "Check the disk, then restart the service."};
inline constexpr ErrorInfo kDiskFull{"PV-LGS-002", Retry::later,
                                     "the disk of the event log is full",
                                     "Free space or shorten the retention; the hub retries."};
inline constexpr ErrorInfo kLogCorrupt{
    "PV-LGS-003", Retry::needs_operator, "a stored segment of the event log is damaged",
    "Restore the named file from its backup, or move it away and accept the loss of its records."};
inline constexpr ErrorInfo kRecordTooLarge{"PV-LGS-004", Retry::never,
                                           "a record is larger than the event log accepts",
                                           "Send smaller messages."};
inline constexpr ErrorInfo kLogBusy{"PV-LGS-005", Retry::later,
                                    "too many bytes wait for the disk of the event log",
                                    "Send again later."};
inline constexpr ErrorInfo kLogFailed{"PV-LGS-006", Retry::later,
                                      "the event log refuses records after a failed write",
                                      "See the first failure in the log of the service."};
inline constexpr ErrorInfo kBadRecord{"PV-LGS-007", Retry::never,
                                      "the bytes are not a record of the event log",
                                      "Check the file's format version."};
inline constexpr ErrorInfo kLogLocked{"PV-LGS-008", Retry::needs_operator,
                                      "another process has the event log open",
                                      "Stop the other server that uses this state folder."};

}  // namespace pavise::hub
