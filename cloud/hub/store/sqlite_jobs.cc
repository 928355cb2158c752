// Jobs with their parts per device, and configurations: records that the engines work from.
#include <algorithm>

#include "cloud/hub/store/checks.h"
#include "cloud/hub/store/sqlite_transaction.h"

namespace pavise::hub::store {

using sqlite::Row;

namespace {

constexpr std::string_view kJobColumns =
    "SELECT h.name, j.number, j.id, j.type, j.status, j.query_condition, j.request, j.created, "
    "j.start, j.ended, j.max_execution_s, j.failure_reason, j.status_message, j.progress, "
    "j.checkpoint "
    "FROM jobs AS j JOIN hubs AS h ON h.id = j.hub WHERE ";

JobRecord job_from(const Row& row) {
  JobRecord job;
  job.id = row.text(2);
  job.type = static_cast<JobType>(row.integer(3));
  job.status = static_cast<JobStatus>(row.integer(4));
  job.query_condition = row.text(5);
  job.request_json = row.text(6);
  job.created_ms = row.integer(7);
  job.start_ms = row.integer(8);
  job.end_ms = row.integer(9);
  job.max_execution_s = row.integer(10);
  job.failure_reason = row.text(11);
  job.status_message = row.text(12);
  job.progress = static_cast<std::uint32_t>(row.integer(13));
  job.checkpoint = row.text(14);
  return job;
}

bool is_known(JobType type) {
  return type >= JobType::schedule_device_method && type <= JobType::export_devices;
}
bool is_known(JobStatus status) {
  return status >= JobStatus::scheduled && status <= JobStatus::cancelled;
}
bool is_known(DeviceJobStatus status) {
  return status >= DeviceJobStatus::pending && status <= DeviceJobStatus::cancelled;
}

Status bad_job(std::string_view what) {
  return Error(kBadJob, std::string(what));
}

Status check_job(const JobRecord& job) {
  if (job.id.size() > kJobIdSizeMax || !iothub::is_valid_id(job.id)) return bad_job("jobId");
  if (!is_known(job.type)) return bad_job("type");
  if (!is_known(job.status)) return bad_job("status");
  if (job.max_execution_s < 0) return bad_job("maxExecutionTimeInSeconds");
  if (job.progress > 100) return bad_job("progress");
  for (const std::string* text : {&job.query_condition, &job.request_json, &job.failure_reason,
                                  &job.status_message, &job.checkpoint})
    if (text->size() > kJobTextSizeMax) return bad_job("a text exceeds 256 KB");
  return {};
}

constexpr std::string_view kPartColumns =
    "SELECT h.name, j.id, d.device, d.module, d.status, d.created, d.start, d.ended, d.updated, "
    "d.outcome FROM device_jobs AS d JOIN jobs AS j ON j.number = d.job "
    "JOIN hubs AS h ON h.id = j.hub WHERE ";

std::optional<DeviceJobRecord> part_from(const Row& row) {
  auto hub = iothub::HubName::parse(row.text(0));
  if (!hub) return std::nullopt;
  auto id = iothub::Identity::make(*std::move(hub), row.text(2), row.text(3));
  if (!id) return std::nullopt;
  return DeviceJobRecord{
      row.text(1),    *std::move(id), static_cast<DeviceJobStatus>(row.integer(4)),
      row.integer(5), row.integer(6), row.integer(7),
      row.integer(8), row.text(9)};
}

constexpr std::string_view kConfigurationColumns =
    "SELECT id, schema_version, labels, content, target_condition, priority, system_metrics, "
    "metrics, created, updated, etag FROM configurations WHERE ";

ConfigurationRecord configuration_from(const Row& row) {
  return {row.text(0),    row.text(1), row.text(2),
          row.text(3),    row.text(4), static_cast<std::int32_t>(row.integer(5)),
          row.text(6),    row.text(7), row.integer(8),
          row.integer(9), row.text(10)};
}

Status check_configuration(const ConfigurationRecord& record) {
  if (!is_configuration_id(record.id)) return Error(kBadConfiguration, "id");
  if (record.priority < 0) return Error(kBadConfiguration, "priority");
  const std::size_t size = record.schema_version.size() + record.labels_json.size() +
                           record.content_json.size() + record.target_condition.size() +
                           record.system_metrics_json.size() + record.metrics_json.size();
  if (size > kConfigurationTextSizeMax) return Error(kBadConfiguration, "exceeds 512 KB");
  return {};
}

}  // namespace

// ---- jobs

template <class... Args>
Result<std::vector<HubReader::DueJob>> SqliteTransaction::job_rows(std::string_view condition,
                                                                   const Args&... args) {
  std::vector<DueJob> out;
  std::vector<std::int64_t> job_numbers;
  bool good = true;
  PAVISE_TRY(query(
      std::string(kJobColumns).append(condition),
      [&](const Row& row) {
        auto hub = iothub::HubName::parse(row.text(0));
        good = good && hub.has_value();
        if (!hub) return;
        job_numbers.push_back(row.integer(1));
        out.push_back({*std::move(hub), job_from(row)});
      },
      args...));
  if (!good) return damaged("a job");
  for (std::size_t i = 0; i < out.size(); ++i)
    PAVISE_TRY(count_parts(job_numbers[i], out[i].job.statistics));
  return out;
}

Status SqliteTransaction::count_parts(std::int64_t job, JobStatistics& statistics) {
  PAVISE_TRY(query(
      "SELECT status, count(*) FROM device_jobs WHERE job = ?1 GROUP BY status",
      [&](const Row& row) {
        const auto rows = static_cast<std::uint64_t>(row.integer(1));
        statistics.devices += rows;
        switch (static_cast<DeviceJobStatus>(row.integer(0))) {
          case DeviceJobStatus::pending:
          case DeviceJobStatus::scheduled:
            statistics.pending += rows;
            break;
          case DeviceJobStatus::running:
            statistics.running += rows;
            break;
          case DeviceJobStatus::completed:
            statistics.succeeded += rows;
            break;
          case DeviceJobStatus::failed:
          case DeviceJobStatus::cancelled:
            statistics.failed += rows;
            break;
        }
      },
      job));
  return {};
}

Result<std::int64_t> SqliteTransaction::job_number(const iothub::HubName& hub,
                                                   std::string_view id) {
  PAVISE_TRY_ASSIGN(
      const auto found,
      number("SELECT number FROM jobs WHERE hub = (SELECT id FROM hubs WHERE name = ?1) AND "
             "id = ?2",
             hub.text(), id));
  if (!found) return Error(kJobNotFound, std::string(id.substr(0, kJobIdSizeMax)));
  return *found;
}

Result<JobRecord> SqliteTransaction::job(const iothub::HubName& hub, std::string_view id) {
  PAVISE_TRY_ASSIGN(const std::int64_t found, job_number(hub, id));
  PAVISE_TRY_ASSIGN(auto rows, job_rows("j.number = ?1", found));
  if (rows.empty()) return damaged("a job");
  return std::move(rows.front().job);
}

Result<std::vector<JobRecord>> SqliteTransaction::jobs(const iothub::HubName& hub,
                                                       const JobFilter& filter, const Page& page) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(auto rows,
                    job_rows("j.hub = ?1 AND j.id > ?2 AND (?3 = 0 OR j.type = ?3) AND "
                             "(?4 = 0 OR j.status = ?4) ORDER BY j.id LIMIT ?5",
                             hub_id, page.after, filter.type ? static_cast<int>(*filter.type) : 0,
                             filter.status ? static_cast<int>(*filter.status) : 0,
                             std::min(page.limit, kPageSizeMax)));
  std::vector<JobRecord> out;
  out.reserve(rows.size());
  for (DueJob& each : rows) out.push_back(std::move(each.job));
  return out;
}

Result<std::vector<HubReader::DueJob>> SqliteTransaction::due_jobs(UnixMillis now_ms,
                                                                   std::size_t limit) {
  return job_rows(
      "(j.status IN (1, 2) AND j.start <= ?1) OR j.status = 3 ORDER BY j.start, j.number LIMIT ?2",
      now_ms, std::min(limit, kPageSizeMax));
}

Result<std::vector<HubReader::DueJob>> SqliteTransaction::due_scheduled_jobs(UnixMillis now_ms,
                                                                             std::size_t of_hub_max,
                                                                             std::size_t limit) {
  return job_rows(
      "j.number IN (SELECT number FROM (SELECT number, row_number() OVER (PARTITION BY hub ORDER "
      "BY status = 3 DESC, start, number) AS place FROM jobs WHERE type IN (1, 2) AND "
      "((status IN (1, 2) AND start <= ?1) OR status = 3)) WHERE place <= ?2) "
      "ORDER BY j.status = 3 DESC, j.start, j.number LIMIT ?3",
      now_ms, of_hub_max, std::min(limit, kPageSizeMax));
}

Result<std::vector<HubReader::DueJob>> SqliteTransaction::open_transfers(std::size_t limit) {
  return job_rows("j.type IN (3, 4) AND j.status IN (1, 2, 3) ORDER BY j.number LIMIT ?1",
                  std::min(limit, kPageSizeMax));
}

Result<std::uint64_t> SqliteTransaction::count_open_transfers(const iothub::HubName& hub) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(
      const auto found,
      number("SELECT count(*) FROM jobs WHERE status IN (1, 2, 3) AND type IN (3, 4) AND hub = ?1",
             hub_id));
  return static_cast<std::uint64_t>(found.value_or(0));
}

Result<std::optional<UnixMillis>> SqliteTransaction::next_job_ms(UnixMillis after_ms) {
  return number(
      "SELECT min(start) FROM jobs WHERE status IN (1, 2) AND type IN (1, 2) AND start > ?1",
      after_ms);
}

Result<std::uint64_t> SqliteTransaction::count_active_jobs(const iothub::HubName& hub) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(
      const auto found,
      number("SELECT count(*) FROM jobs WHERE status IN (1, 2, 3) AND type IN (1, 2) AND hub = ?1",
             hub_id));
  return static_cast<std::uint64_t>(found.value_or(0));
}

Result<JobRecord> SqliteTransaction::create_job(const iothub::HubName& hub,
                                                const JobRecord& given) {
  PAVISE_TRY(check_job(given));
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(const auto there,
                    number("SELECT 1 FROM jobs WHERE hub = ?1 AND id = ?2", hub_id, given.id));
  if (there) return Error(kJobExists, given.id);
  JobRecord job = given;
  job.created_ms = clock_.now_ms();
  job.statistics = {};
  PAVISE_TRY(change(
      "INSERT INTO jobs (hub, id, type, status, query_condition, request, created, start, ended, "
      "max_execution_s, failure_reason, status_message, progress, checkpoint) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
      hub_id, job.id, static_cast<int>(job.type), static_cast<int>(job.status), job.query_condition,
      job.request_json, job.created_ms, job.start_ms, job.end_ms, job.max_execution_s,
      job.failure_reason, job.status_message, job.progress, job.checkpoint));
  return job;
}

Status SqliteTransaction::update_job(const iothub::HubName& hub, const JobRecord& given) {
  PAVISE_TRY(check_job(given));
  PAVISE_TRY_ASSIGN(const std::int64_t found, job_number(hub, given.id));
  PAVISE_TRY_ASSIGN(const auto status, number("SELECT status FROM jobs WHERE number = ?1", found));
  if (!status) return damaged("a job");
  const auto before = static_cast<JobStatus>(*status);
  if (is_final(before) && before != given.status) return bad_job("the job has ended");
  PAVISE_TRY(
      change("UPDATE jobs SET status = ?2, start = ?3, ended = ?4, failure_reason = ?5, "
             "status_message = ?6, progress = ?7, checkpoint = ?8 WHERE number = ?1",
             found, static_cast<int>(given.status), given.start_ms, given.end_ms,
             given.failure_reason, given.status_message, given.progress, given.checkpoint));
  return {};
}

Status SqliteTransaction::delete_job(const iothub::HubName& hub, std::string_view id) {
  PAVISE_TRY_ASSIGN(const std::int64_t found, job_number(hub, id));
  PAVISE_TRY(change("DELETE FROM jobs WHERE number = ?1", found));
  return {};
}

// ---- parts of jobs

template <class... Args>
Result<std::vector<DeviceJobRecord>> SqliteTransaction::part_rows(std::string_view condition,
                                                                  const Args&... args) {
  std::vector<DeviceJobRecord> out;
  bool good = true;
  PAVISE_TRY(query(
      std::string(kPartColumns).append(condition),
      [&](const Row& row) {
        auto part = part_from(row);
        good = good && part.has_value();
        if (part) out.push_back(*std::move(part));
      },
      args...));
  if (!good) return damaged("a part of a job");
  return out;
}

Result<std::vector<DeviceJobRecord>> SqliteTransaction::device_jobs(
    const iothub::HubName& hub, std::string_view job, std::optional<DeviceJobStatus> status,
    const Page& page) {
  PAVISE_TRY_ASSIGN(const std::int64_t found, job_number(hub, job));
  const std::size_t cut = std::min(page.after.find('/'), page.after.size());
  const std::string device = page.after.substr(0, cut);
  const std::string module_id = cut < page.after.size() ? page.after.substr(cut + 1) : "";
  return part_rows(
      "d.job = ?1 AND (d.device, d.module) > (?2, ?3) AND (?4 = 0 OR d.status = ?4) "
      "ORDER BY d.device, d.module LIMIT ?5",
      found, device, module_id, status ? static_cast<int>(*status) : 0,
      std::min(page.limit, kPageSizeMax));
}

Result<std::vector<DeviceJobRecord>> SqliteTransaction::jobs_of_device(const iothub::Identity& id,
                                                                       std::size_t limit) {
  return part_rows("d.device = ?2 AND d.module = ?3 AND h.name = ?1 ORDER BY j.number LIMIT ?4",
                   id.hub().text(), id.device(), id.module_id(), std::min(limit, kPageSizeMax));
}

Status SqliteTransaction::add_device_jobs(const iothub::HubName& hub, std::string_view job,
                                          std::span<const iothub::Identity> ids) {
  PAVISE_TRY_ASSIGN(const std::int64_t found, job_number(hub, job));
  const UnixMillis now = clock_.now_ms();
  for (const iothub::Identity& id : ids)
    if (id.hub() != hub) return bad_job("a device of another hub");
  for (const iothub::Identity& id : ids)
    PAVISE_TRY(change(
        "INSERT INTO device_jobs (job, device, module, status, created, start, ended, updated, "
        "outcome) VALUES (?1, ?2, ?3, 1, ?4, 0, 0, ?4, '') "
        "ON CONFLICT (job, device, module) DO NOTHING",
        found, id.device(), id.module_id(), now));
  return {};
}

Status SqliteTransaction::update_device_job(const DeviceJobRecord& part) {
  if (!is_known(part.status)) return bad_job("status");
  if (part.outcome_json.size() > kJobTextSizeMax) return bad_job("outcome");
  PAVISE_TRY_ASSIGN(const std::int64_t found, job_number(part.id.hub(), part.job));
  PAVISE_TRY_ASSIGN(
      const std::size_t rows,
      change("UPDATE device_jobs SET status = ?4, start = ?5, ended = ?6, updated = ?7, "
             "outcome = ?8 WHERE job = ?1 AND device = ?2 AND module = ?3",
             found, part.id.device(), part.id.module_id(), static_cast<int>(part.status),
             part.start_ms, part.end_ms, clock_.now_ms(), part.outcome_json));
  if (rows == 0) return Error(kJobNotFound, part.id.client_id());
  return {};
}

Result<std::vector<DeviceJobRecord>> SqliteTransaction::take_device_jobs(const iothub::HubName& hub,
                                                                         std::string_view job,
                                                                         std::size_t limit) {
  PAVISE_TRY_ASSIGN(const std::int64_t found, job_number(hub, job));
  PAVISE_TRY_ASSIGN(const auto status, number("SELECT status FROM jobs WHERE number = ?1", found));
  if (status != static_cast<std::int64_t>(JobStatus::running))
    return Error(kBadJob, "the job is not running");
  PAVISE_TRY_ASSIGN(auto parts,
                    part_rows("d.job = ?1 AND d.status = 1 ORDER BY d.device, d.module LIMIT ?2",
                              found, std::min(limit, kPageSizeMax)));
  const UnixMillis now = clock_.now_ms();
  for (DeviceJobRecord& part : parts) {
    part.status = DeviceJobStatus::running;
    part.start_ms = part.updated_ms = now;
    PAVISE_TRY(
        change("UPDATE device_jobs SET status = 3, start = ?4, updated = ?4 WHERE job = ?1 AND "
               "device = ?2 AND module = ?3",
               found, part.id.device(), part.id.module_id(), now));
  }
  return parts;
}

// In each of these the few jobs are looked through first, each by the index of its parts.

Result<std::size_t> SqliteTransaction::cancel_device_jobs(std::size_t limit) {
  const UnixMillis now = clock_.now_ms();
  return change(
      "UPDATE device_jobs SET status = 6, ended = ?1, updated = ?1 WHERE (job, device, module) IN "
      "(SELECT d.job, d.device, d.module FROM jobs AS j CROSS JOIN device_jobs AS d "
      "ON d.job = j.number AND d.status IN (1, 2) WHERE j.status >= 4 LIMIT ?2)",
      now, std::min(limit, kPageSizeMax));
}

Result<std::size_t> SqliteTransaction::fail_running_device_jobs(std::string_view outcome_json,
                                                                std::size_t limit) {
  const UnixMillis now = clock_.now_ms();
  return change(
      "UPDATE device_jobs SET status = 5, ended = ?1, updated = ?1, outcome = ?3 "
      "WHERE (job, device, module) IN "
      "(SELECT d.job, d.device, d.module FROM jobs AS j CROSS JOIN device_jobs AS d "
      "ON d.job = j.number AND d.status = 3 LIMIT ?2)",
      now, std::min(limit, kPageSizeMax), outcome_json);
}

Result<std::size_t> SqliteTransaction::delete_jobs_before(UnixMillis ended_ms, std::size_t limit) {
  const std::size_t most = std::min(limit, kPageSizeMax);
  PAVISE_TRY_ASSIGN(
      const std::size_t parts,
      change("DELETE FROM device_jobs WHERE (job, device, module) IN "
             "(SELECT d.job, d.device, d.module FROM jobs AS j CROSS JOIN device_jobs AS d "
             "ON d.job = j.number WHERE j.status >= 4 AND j.ended < ?1 LIMIT ?2)",
             ended_ms, most));
  if (parts == most) return parts;
  PAVISE_TRY_ASSIGN(
      const std::size_t jobs,
      change("DELETE FROM jobs WHERE number IN (SELECT number FROM jobs WHERE status >= 4 AND "
             "ended < ?1 LIMIT ?2)",
             ended_ms, most));
  return parts + jobs;
}

// ---- configurations

template <class... Args>
Result<std::vector<ConfigurationRecord>> SqliteTransaction::configuration_rows(
    std::string_view condition, const Args&... args) {
  std::vector<ConfigurationRecord> out;
  PAVISE_TRY(query(
      std::string(kConfigurationColumns).append(condition),
      [&](const Row& row) { out.push_back(configuration_from(row)); }, args...));
  return out;
}

Result<ConfigurationRecord> SqliteTransaction::configuration(const iothub::HubName& hub,
                                                             std::string_view id) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(auto rows, configuration_rows("hub = ?1 AND id = ?2", hub_id, id));
  if (rows.empty())
    return Error(kConfigurationNotFound, std::string(id.substr(0, kConfigurationIdSizeMax)));
  return std::move(rows.front());
}

Result<std::vector<ConfigurationRecord>> SqliteTransaction::configurations(
    const iothub::HubName& hub) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  return configuration_rows("hub = ?1 ORDER BY priority DESC, created DESC, id", hub_id);
}

Result<ConfigurationRecord> SqliteTransaction::create_configuration(
    const iothub::HubName& hub, const ConfigurationRecord& given) {
  PAVISE_TRY(check_configuration(given));
  PAVISE_TRY_ASSIGN(const auto before, configurations(hub));
  if (std::ranges::find(before, given.id, &ConfigurationRecord::id) != before.end())
    return Error(kConfigurationExists, given.id);
  if (before.size() >= kConfigurationsMax) return kTooManyConfigurations;
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(const std::string etag, new_etag());
  PAVISE_TRY(change(
      "INSERT INTO configurations (hub, id, schema_version, labels, content, target_condition, "
      "priority, system_metrics, metrics, created, updated, etag) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11)",
      hub_id, given.id, given.schema_version, given.labels_json, given.content_json,
      given.target_condition, given.priority, given.system_metrics_json, given.metrics_json,
      clock_.now_ms(), etag));
  touched_.configurations.push_back(hub);
  return configuration(hub, given.id);
}

Result<ConfigurationRecord> SqliteTransaction::update_configuration(
    const iothub::HubName& hub, const ConfigurationRecord& given, const IfMatch& if_match) {
  PAVISE_TRY(check_configuration(given));
  PAVISE_TRY_ASSIGN(const ConfigurationRecord before, configuration(hub, given.id));
  PAVISE_TRY(check_etag(if_match, before.etag));
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(const std::string etag, new_etag());
  PAVISE_TRY(change(
      "UPDATE configurations SET schema_version = ?3, labels = ?4, content = ?5, "
      "target_condition = ?6, priority = ?7, system_metrics = ?8, metrics = ?9, updated = ?10, "
      "etag = ?11 WHERE hub = ?1 AND id = ?2",
      hub_id, given.id, given.schema_version, given.labels_json, given.content_json,
      given.target_condition, given.priority, given.system_metrics_json, given.metrics_json,
      clock_.now_ms(), etag));
  touched_.configurations.push_back(hub);
  return configuration(hub, given.id);
}

Status SqliteTransaction::delete_configuration(const iothub::HubName& hub, std::string_view id,
                                               const IfMatch& if_match) {
  PAVISE_TRY_ASSIGN(const ConfigurationRecord before, configuration(hub, id));
  PAVISE_TRY(check_etag(if_match, before.etag));
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY(change("DELETE FROM configurations WHERE hub = ?1 AND id = ?2", hub_id, id));
  touched_.configurations.push_back(hub);
  return {};
}

}  // namespace pavise::hub::store
