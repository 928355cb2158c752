// Errors of AMQP 1.0: PV-AMQ-nnn. Up to 029 the formats, from 030 the connection, from 060 the
// hub's links (cloud/hub/amqp/errors.h).
#pragma once

#include "common/base/result.h"

namespace pavise::amqp {

inline constexpr ErrorInfo kTruncated{
    "PV-AMQ-001", Retry::never, "an AMQP value ends before its length says", "Correct the client."};
inline constexpr ErrorInfo kBadConstructor{
    "PV-AMQ-002", Retry::never, "an AMQP value has an unknown type code", "Correct the client."};
inline constexpr ErrorInfo kTooDeep{"PV-AMQ-003", Retry::never,
                                    "AMQP values are nested deeper than the limit",
                                    "Flatten the lists and maps of the message."};
inline constexpr ErrorInfo kTooManyValues{"PV-AMQ-004", Retry::never,
                                          "an AMQP message has more values than the limit",
                                          "Send fewer properties, or put the data into the body."};
inline constexpr ErrorInfo kBadSize{"PV-AMQ-005", Retry::never,
                                    "the size or count of an AMQP list, map or array is wrong",
                                    "Correct the client."};
inline constexpr ErrorInfo kBadSection{"PV-AMQ-006", Retry::never,
                                       "a section of an AMQP message is unknown, out of order or "
                                       "has the wrong type",
                                       "Correct the client."};
inline constexpr ErrorInfo kBadProperties{
    "PV-AMQ-007", Retry::never, "a field of the AMQP message properties has the wrong type",
    "Correct the client."};
inline constexpr ErrorInfo kBadBatch{
    "PV-AMQ-008", Retry::never,
    "a batch of AMQP messages is empty, nested or not made of data "
    "sections",
    "Send one encoded message in each data section."};
inline constexpr ErrorInfo kBatchTooLong{"PV-AMQ-009", Retry::never,
                                         "a batch holds more AMQP messages than the limit",
                                         "Split the batch."};

}  // namespace pavise::amqp
