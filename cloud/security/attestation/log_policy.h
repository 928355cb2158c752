// Which boots are allowed, told from a log that has been replayed to quoted PCRs (check 12).
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "protocol/eventlog/event_log.h"

namespace pavise::attestation {

// Looks only at the PCRs in `mask`. Refuses event types that it does not know, data that was
// relabelled, a missing, doubled, hidden or error separator in PCR 0 to 7, events after it that do
// not belong there, and, if asked for, a boot whose measured "SecureBoot" variable is not 1.
// Error: kLogPolicy with the finding. Does not block.
Status check_log_policy(const eventlog::EventLog& log, std::uint32_t mask,
                        bool secure_boot_required);

}  // namespace pavise::attestation
