// Errors of configurations: PV-HCF-nnn.
#pragma once

#include "common/base/result.h"

namespace pavise::hub::configurations {

inline constexpr ErrorInfo kBadTargetCondition{
    "PV-HCF-001", Retry::never, "the target condition cannot be used",
    "Write what would stand after WHERE, such as tags.building = 3; for modules, begin with FROM "
    "devices.modules WHERE."};
inline constexpr ErrorInfo kBadContent{"PV-HCF-002", Retry::never,
                                       "the content of the configuration cannot be used",
                                       "Correct what the detail names; see docs/hub.md."};
inline constexpr ErrorInfo kContentIsFixed{
    "PV-HCF-003", Retry::never, "the content of a configuration does not change",
    "Make another configuration of a higher priority, then delete this one."};
inline constexpr ErrorInfo kBadMetric{"PV-HCF-004", Retry::never,
                                      "a metric of the configuration cannot be used",
                                      "Correct the query that the detail names."};
inline constexpr ErrorInfo kNotEdge{"PV-HCF-005", Retry::never,
                                    "only an IoT Edge device takes content for modules",
                                    "Create the device with capabilities.iotEdge, or change the "
                                    "twins of its modules."};

}  // namespace pavise::hub::configurations
