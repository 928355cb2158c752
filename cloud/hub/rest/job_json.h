// Jobs and their parts as the JSON of IoT Hub (reference: iothub-dps-wire D1).
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string_view>

#include "cloud/hub/store/records.h"

namespace pavise::hub::rest {

std::string_view job_type_text(store::JobType type);
std::string_view job_status_text(store::JobStatus status);
// Without case; "enqueued" is an older name of "queued".
std::optional<store::JobType> job_type_of(std::string_view text);
std::optional<store::JobStatus> job_status_of(std::string_view text);

boost::json::object job_json(const store::JobRecord& record);
// A row of devices.jobs.
boost::json::object device_job_json(const store::DeviceJobRecord& part, store::JobType type);

}  // namespace pavise::hub::rest
