// Configurations as the JSON of IoT Hub, both ways (reference: iothub-dps-wire D1).
#pragma once

#include <boost/json/object.hpp>
#include <optional>

#include "cloud/hub/configurations/board.h"
#include "cloud/hub/store/records.h"

namespace pavise::hub::rest {

// Without counts, the results are empty: nobody has looked yet.
boost::json::object configuration_json(const store::ConfigurationRecord& record,
                                       const std::optional<configurations::Counts>& counts);

// The writable part; what the hub itself adds (systemMetrics, results, times, etag) is passed over,
// as clients send back what they got. Empty content: the body has none. kBadBody names the member.
// The rules of targets, content and metrics are not looked at here.
Result<store::ConfigurationRecord> configuration_fields(const boost::json::object& body);

}  // namespace pavise::hub::rest
