// Scheduled jobs: made, looked at and cancelled here; a runner of its own executes them
// (cloud/hub/jobs).
#include <boost/json/serialize.hpp>

#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/job_json.h"
#include "cloud/hub/rest/method_json.h"
#include "cloud/hub/rest/routes.h"
#include "common/base/ascii.h"
#include "common/base/time_text.h"

namespace pavise::hub::rest {

namespace json = boost::json;
using store::HubReader;
using store::HubTransaction;
using store::JobRecord;
using store::JobStatus;
using store::JobType;

namespace {

constexpr std::size_t kListStoreRows = 16;  // a job has up to 256 KB of text
// The path of the list of jobs, in any case of letters: a job of that name could not be read.
constexpr std::string_view kListName = "query";

Response shown(const JobRecord& job) {
  return {.headers = {}, .body = json::serialize(job_json(job))};
}

Result<json::object> object_member(const json::object& body, std::string_view name) {
  const json::value* const value = body.if_contains(name);
  if (value == nullptr || !value->is_object())
    return Error(kBadBody, std::string(name) + " is not an object");
  return value->get_object();
}

// The method as it will be called, checked as a call of one device is.
Status put_method(const Call& call, const json::object& body, JobRecord& job) {
  PAVISE_TRY_ASSIGN(const json::object method, object_member(body, "cloudToDeviceMethod"));
  const auto anybody = iothub::Identity::make(call.hub(), "anybody");
  PAVISE_CHECK(anybody.has_value());
  PAVISE_TRY_ASSIGN(const MethodInvocation invocation, method_of(method, *anybody));
  if (invocation.payload_json.size() > kMethodPayloadMax) return kMethodPayloadTooLarge;
  job.request_json = json::serialize(method);
  return {};
}

// Checked against an empty twin: what does not fit there fits nowhere.
Status put_twin_update(const Call& call, const json::object& body, JobRecord& job) {
  PAVISE_TRY_ASSIGN(const json::object update, object_member(body, "updateTwin"));
  PAVISE_TRY(text_member(update, "etag"));
  job.request_json = json::serialize(update);
  twin::Twin empty;
  PAVISE_TRY_ASSIGN(
      const twin::Change change,
      empty.change(job.request_json, store::TwinChangeKind::merge, call.services.clock.now_ms()));
  if (!change.tags && !change.desired)
    return Error(kBadBody, "updateTwin has neither tags nor properties.desired");
  return {};
}

Status put_times(const Call& call, const json::object& body, JobRecord& job) {
  const UnixMillis now_ms = call.services.clock.now_ms();
  PAVISE_TRY_ASSIGN(const std::string start, text_member(body, "startTime"));
  const auto start_ms = start.empty() ? now_ms : parse_utc_text(start);
  if (!start_ms) return Error(kBadBody, "startTime is not a time as in 2026-11-25T20:00:00Z");
  job.start_ms = std::max(*start_ms, now_ms);
  job.status = *start_ms > now_ms ? JobStatus::scheduled : JobStatus::queued;
  job.max_execution_s = kJobExecutionDefaultS;
  const json::value* const limit = body.if_contains("maxExecutionTimeInSeconds");
  if (limit == nullptr || limit->is_null()) return {};
  if (!limit->is_int64() || limit->get_int64() < 0 || limit->get_int64() > kJobExecutionMaxS)
    return Error(kBadBody, "maxExecutionTimeInSeconds is a number from 0 to 2592000");
  // Clients that have no opinion send 0.
  if (limit->get_int64() > 0) job.max_execution_s = limit->get_int64();
  return {};
}

Result<JobRecord> job_of(const Call& call) {
  const std::string& id = call.names[0];
  if (!iothub::is_valid_id(id) || id.size() > store::kJobIdSizeMax)
    return Error(kBadArgument, "job id");
  if (equal_folded(id, kListName)) return Error(kBadArgument, "a job cannot have the id query");
  PAVISE_TRY_ASSIGN(const json::object body, object_of(call.request.body));
  PAVISE_TRY_ASSIGN(const std::string named, text_member(body, "jobId"));
  if (!named.empty() && named != id) return Error(kBadBody, "the ids in body and path differ");
  JobRecord job{.id = id};
  PAVISE_TRY_ASSIGN(const std::string type, text_member(body, "type"));
  const auto known = job_type_of(type);
  if (!known ||
      (*known != JobType::schedule_device_method && *known != JobType::schedule_update_twin))
    return Error(kBadBody, "type is neither scheduleDeviceMethod nor scheduleUpdateTwin");
  job.type = *known;
  PAVISE_TRY_ASSIGN(job.query_condition, text_member(body, "queryCondition"));
  if (job.query_condition.empty()) return Error(kBadBody, "queryCondition");
  PAVISE_TRY(query::Condition::parse(job.query_condition));
  PAVISE_TRY(put_times(call, body, job));
  PAVISE_TRY(job.type == JobType::schedule_device_method ? put_method(call, body, job)
                                                         : put_twin_update(call, body, job));
  return job;
}

Result<store::JobFilter> filter_of(const Call& call) {
  store::JobFilter out;
  const auto given = [&](std::string_view name) {
    const auto found = call.query.find(name);
    return found == call.query.end() ? std::string() : found->second;
  };
  if (const std::string type = given("jobType"); !type.empty()) {
    out.type = job_type_of(type);
    if (!out.type) return Error(kBadArgument, "jobType");
  }
  if (const std::string status = given("jobStatus"); !status.empty()) {
    out.status = job_status_of(status);
    if (!out.status) return Error(kBadArgument, "jobStatus");
  }
  return out;
}

}  // namespace

Result<Response> put_job(Call& call) {
  PAVISE_TRY_ASSIGN(const JobRecord job, job_of(call));
  PAVISE_TRY_ASSIGN(
      JobRecord made,
      call.services.queue.call<JobRecord>([&](HubTransaction& transaction) -> Result<JobRecord> {
        PAVISE_TRY_ASSIGN(const std::uint64_t active, transaction.count_active_jobs(call.hub()));
        if (active >= kActiveJobsMax) return kTooManyJobs;
        PAVISE_TRY(note_act(transaction, call, "job.create", job.id, job_type_text(job.type)));
        return transaction.create_job(call.hub(), job);
      }));
  if (call.services.jobs_changed) call.services.jobs_changed();
  // What is made answers "queued" whatever its time; Azure's own suite for Node asks for it.
  made.status = JobStatus::queued;
  return shown(made);
}

Result<Response> get_job(Call& call) {
  Response out;
  PAVISE_TRY(call.services.queue.store().read([&](HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(const JobRecord job, reader.job(call.hub(), call.names[0]));
    out = shown(job);
    return {};
  }));
  return out;
}

// Parts that are under way come to their end and say how; those that wait are never begun.
Result<Response> cancel_job(Call& call) {
  PAVISE_TRY_ASSIGN(
      const JobRecord cancelled,
      call.services.queue.call<JobRecord>([&](HubTransaction& transaction) -> Result<JobRecord> {
        PAVISE_TRY_ASSIGN(JobRecord job, transaction.job(call.hub(), call.names[0]));
        if (job.status == JobStatus::cancelled) return job;
        if (is_final(job.status))
          return Error(kJobHasEnded, std::string(job_status_text(job.status)));
        if (job.type != JobType::schedule_device_method &&
            job.type != JobType::schedule_update_twin)
          return Error(kBadArgument, "not a scheduled job");
        PAVISE_TRY(note_act(transaction, call, "job.cancel", job.id));
        job.status = JobStatus::cancelled;
        job.end_ms = call.services.clock.now_ms();
        PAVISE_TRY(transaction.update_job(call.hub(), job));
        // The rest, where there is one, is the runner's.
        PAVISE_TRY(transaction.cancel_device_jobs(store::kPageSizeMax));
        return transaction.job(call.hub(), job.id);
      }));
  if (call.services.jobs_changed) call.services.jobs_changed();
  return shown(cancelled);
}

Result<Response> query_jobs(Call& call) {
  PAVISE_TRY_ASSIGN(const store::JobFilter filter, filter_of(call));
  PAVISE_TRY_ASSIGN(const std::size_t rows_max, page_size(call));
  const auto number = [](const auto& value) {
    return value ? std::to_string(static_cast<int>(*value)) : std::string();
  };
  const std::string asked =
      call.hub().text() + "\njobs\n" + number(filter.type) + "\n" + number(filter.status);
  PAVISE_TRY_ASSIGN(Continuation at, continuation(call, asked));
  std::vector<std::string> rows;
  std::optional<Continuation> next;
  std::size_t bytes = 0;
  for (bool at_end = false; !at_end && !next;) {
    std::vector<JobRecord> jobs;
    PAVISE_TRY(call.services.queue.store().read([&](HubReader& reader) -> Status {
      PAVISE_TRY_ASSIGN(
          jobs, reader.jobs(call.hub(), filter, {.after = at.job, .limit = kListStoreRows}));
      return {};
    }));
    at_end = jobs.size() < kListStoreRows;
    for (const JobRecord& job : jobs) {
      std::string row = json::serialize(job_json(job));
      if (rows.size() == rows_max ||
          (!rows.empty() && bytes + row.size() > call.services.query_bounds.bytes)) {
        next = at;
        break;
      }
      bytes += row.size();
      rows.push_back(std::move(row));
      at.job = job.id;
      ++at.given;
    }
  }
  return page_of(rows, "jobResponse", next, asked);
}

}  // namespace pavise::hub::rest
