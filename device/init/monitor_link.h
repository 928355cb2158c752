// Init's side of its channel to the monitor (api/monitor.cddl, operations of init).
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "device/init/data_volume.h"

namespace pavise::device {

inline constexpr ErrorInfo kMonitorSilent{"PV-INI-008", Retry::later,
                                          "the monitor does not answer init",
                                          "See the monitor's lines on the console."};
inline constexpr ErrorInfo kDataRefused{
    "PV-INI-009", Retry::never, "the monitor refuses to open the data partition",
    "Read its code and reason; the device can still attest and be updated."};

inline constexpr int kMonitorAnswerMs = 120'000;  // discrete TPMs need seconds for some commands

// Asks for the data key once. Blocks up to kMonitorAnswerMs. kMonitorSilent, kDataRefused with the
// monitor's code and reason.
Result<DataKey> ask_open_data(int channel, ByteView blob, std::uint32_t epoch);

}  // namespace pavise::device
