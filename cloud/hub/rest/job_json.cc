#include "cloud/hub/rest/job_json.h"

#include <algorithm>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/time_text.h"
#include "common/json/exact_json.h"
#include "protocol/query/query.h"

namespace pavise::hub::rest {

namespace json = boost::json;
using store::DeviceJobStatus;
using store::JobStatus;
using store::JobType;

namespace {

constexpr std::pair<JobType, std::string_view> kTypes[] = {
    {JobType::schedule_device_method, "scheduleDeviceMethod"},
    {JobType::schedule_update_twin, "scheduleUpdateTwin"},
    {JobType::import_devices, "import"},
    {JobType::export_devices, "export"},
};
constexpr std::pair<JobStatus, std::string_view> kStatuses[] = {
    {JobStatus::scheduled, "scheduled"}, {JobStatus::queued, "queued"},
    {JobStatus::running, "running"},     {JobStatus::completed, "completed"},
    {JobStatus::failed, "failed"},       {JobStatus::cancelled, "cancelled"},
    {JobStatus::queued, "enqueued"},
};

// As devices.jobs spells them: "canceled", other than the jobs themselves.
std::string_view part_status_text(DeviceJobStatus status) {
  switch (status) {
    case DeviceJobStatus::pending:
      return "pending";
    case DeviceJobStatus::scheduled:
      return "scheduled";
    case DeviceJobStatus::running:
      return "running";
    case DeviceJobStatus::completed:
      return "completed";
    case DeviceJobStatus::failed:
      return "failed";
    case DeviceJobStatus::cancelled:
      break;
  }
  return "canceled";
}

template <class T, std::size_t N>
std::string_view text_of(const std::pair<T, std::string_view> (&table)[N], T wanted) {
  for (const auto& [value, text] : table)
    if (value == wanted) return text;
  return "unknown";
}

template <class T, std::size_t N>
std::optional<T> value_of(const std::pair<T, std::string_view> (&table)[N],
                          std::string_view wanted) {
  for (const auto& [value, text] : table)
    if (equal_folded(text, wanted)) return value;
  return std::nullopt;
}

json::value time_or_null(UnixMillis time_ms) {
  if (time_ms == 0) return nullptr;
  return json::value(utc_text(time_ms));
}

json::value text_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

// An answer of a device has 32 levels by itself.
json::value stored(const std::string& text) {
  boost::system::error_code ec;
  json::value value = parse_exactly(text, query::kDocumentDepthMax, ec);
  return ec ? json::value(nullptr) : value;
}

}  // namespace

std::string_view job_type_text(JobType type) {
  return text_of(kTypes, type);
}
std::string_view job_status_text(JobStatus status) {
  return text_of(kStatuses, status);
}
std::optional<JobType> job_type_of(std::string_view text) {
  return value_of(kTypes, text);
}
std::optional<JobStatus> job_status_of(std::string_view text) {
  return value_of(kStatuses, text);
}

json::object job_json(const store::JobRecord& record) {
  json::object out{{"jobId", record.id},
                   {"type", job_type_text(record.type)},
                   {"status", job_status_text(record.status)},
                   {"queryCondition", record.query_condition},
                   {"createdTime", utc_text(record.created_ms)},
                   {"startTime", time_or_null(record.start_ms)},
                   {"endTime", time_or_null(record.end_ms)},
                   {"maxExecutionTimeInSeconds", record.max_execution_s}};
  if (record.type == JobType::schedule_device_method)
    out["cloudToDeviceMethod"] = stored(record.request_json);
  if (record.type == JobType::schedule_update_twin) out["updateTwin"] = stored(record.request_json);
  out["failureReason"] = text_or_null(record.failure_reason);
  out["statusMessage"] = text_or_null(record.status_message);
  out["deviceJobStatistics"] = {{"deviceCount", record.statistics.devices},
                                {"failedCount", record.statistics.failed},
                                {"succeededCount", record.statistics.succeeded},
                                {"runningCount", record.statistics.running},
                                {"pendingCount", record.statistics.pending}};
  return out;
}

json::object device_job_json(const store::DeviceJobRecord& part, JobType type) {
  json::object out{{"deviceId", part.id.device()}};
  if (part.id.is_module()) out["moduleId"] = part.id.module_id();
  out["jobId"] = part.job;
  out["jobType"] = job_type_text(type);
  out["status"] = part_status_text(part.status);
  out["startTimeUtc"] = time_or_null(part.start_ms);
  out["endTimeUtc"] = time_or_null(part.end_ms);
  out["createdDateTimeUtc"] = utc_text(part.created_ms);
  out["lastUpdatedDateTimeUtc"] = utc_text(part.updated_ms);
  // {"outcome": ...} or {"error": ...}, as the runner wrote it.
  const json::value outcome = part.outcome_json.empty() ? json::value() : stored(part.outcome_json);
  if (const json::object* const parts = outcome.if_object())
    for (const auto& [name, value] : *parts) out[name] = value;
  return out;
}

}  // namespace pavise::hub::rest
