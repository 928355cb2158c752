// Errors of the runner of jobs: PV-HJB-nnn.
#pragma once

#include "common/base/result.h"

namespace pavise::hub::jobs {

inline constexpr ErrorInfo kJobsClaimed{"PV-HJB-001", Retry::needs_operator,
                                        "another runner executes the jobs of this store",
                                        "Start one runner for each store."};
// The outcome of a part.
inline constexpr ErrorInfo kOutcomeUnknown{
    "PV-HJB-002", Retry::never,
    "the hub stopped while the method was under way; whether the device executed it is unknown, "
    "and it is not called again",
    "Ask the device what it did, and make another job for it if need be."};
// The failure reason of a job.
inline constexpr ErrorInfo kJobOverTime{"PV-HJB-003", Retry::never,
                                        "the job did not end within its maxExecutionTimeInSeconds",
                                        "Make another job for the devices that are left: SELECT * "
                                        "FROM devices.jobs WHERE status = 'canceled'."};
inline constexpr ErrorInfo kJobUnusable{"PV-HJB-004", Retry::needs_operator,
                                        "the stored job cannot be read",
                                        "Restore the database from its backup."};

}  // namespace pavise::hub::jobs
