// Import and export of devices: containers and jobs are made, looked at and ended here; a runner of
// its own executes the jobs (cloud/hub/transfers).
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <iterator>
#include <tuple>

#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/job_json.h"
#include "cloud/hub/rest/routes.h"
#include "cloud/hub/rest/transfer_request.h"
#include "common/base/time_text.h"
#include "common/crypto/crypto.h"

namespace pavise::hub::rest {

namespace json = boost::json;
using store::HubReader;
using store::HubTransaction;
using store::JobRecord;
using store::JobStatus;
using store::JobType;

namespace {

constexpr std::int64_t kContainerSDefault = 3600;
constexpr std::int64_t kContainerSMin = 60;
constexpr std::int64_t kContainerSMax = files::kContainerMsMax / 1000;
constexpr std::string_view kHttps = "https://";

bool is_transfer(JobType type) {
  return type == JobType::import_devices || type == JobType::export_devices;
}

Result<std::int64_t> ttl_of(const Call& call) {
  if (call.request.body.empty()) return kContainerSDefault;
  PAVISE_TRY_ASSIGN(const json::object body, object_of(call.request.body));
  const json::value* const ttl = body.if_contains("ttlInSeconds");
  if (ttl == nullptr || ttl->is_null()) return kContainerSDefault;
  if (!ttl->is_int64() || ttl->get_int64() < kContainerSMin || ttl->get_int64() > kContainerSMax)
    return Error(kBadBody, "ttlInSeconds is a number from 60 to 86400");
  return ttl->get_int64();
}

// The container that a URI names, if it is one of this hub's own and the URI has its signature. A
// URI is never called, so nothing but these is of use.
Result<TransferFile> container_in(const Call& call, const FilesOfHub& at, std::string_view uri) {
  const Error foreign(kForeignContainer);
  if (!uri.starts_with(kHttps)) return foreign;
  const std::size_t path = uri.find('/', kHttps.size());
  const std::size_t query = std::min(uri.find('?'), uri.size());
  if (path == std::string_view::npos || path > query) return foreign;
  const auto id = files::container_of_path(uri.substr(path, query - path));
  if (!id) return foreign;
  const auto grant = at.house.tokens().check_container(
      *id, uri.substr(std::min(query + 1, uri.size())), call.services.clock.now_ms());
  if (!grant) return files::kContainerNotFound;
  PAVISE_TRY_ASSIGN(const files::Container container, at.house.store().container(*id));
  if (container.hub != at.key) return files::kContainerNotFound;
  return TransferFile{container.id, std::string(uri.substr(0, query)), {}};
}

Result<files::Container> own_container(const Call& call, const FilesOfHub& at) {
  PAVISE_TRY_ASSIGN(files::Container container, at.house.store().container(call.names[0]));
  if (container.hub != at.key) return files::kContainerNotFound;
  return container;
}

Result<TransferFile> file_in(const Call& call, const FilesOfHub& at, const json::object& body,
                             const std::string& direction, std::string_view usual_name) {
  PAVISE_TRY_ASSIGN(const std::string uri, text_member(body, direction + "BlobContainerUri"));
  if (uri.empty()) return Error(kBadBody, direction + "BlobContainerUri");
  PAVISE_TRY_ASSIGN(TransferFile out, container_in(call, at, uri));
  PAVISE_TRY_ASSIGN(out.name, text_member(body, direction + "BlobName"));
  if (out.name.empty()) out.name = usual_name;
  PAVISE_TRY(files::check_file_name(out.name));
  return out;
}

Result<bool> flag(const json::object& body, std::string_view name) {
  const json::value* const value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return false;
  if (!value->is_bool()) return Error(kBadBody, std::string(name) + " is not a boolean");
  return value->get_bool();
}

Result<TransferRequest> request_of(const Call& call, const FilesOfHub& at, const json::object& body,
                                   bool import) {
  PAVISE_TRY_ASSIGN(const bool configurations, flag(body, "includeConfigurations"));
  if (configurations)
    return Error(kBadBody, "configurations are not imported and exported with devices");
  TransferRequest out;
  PAVISE_TRY_ASSIGN(out.exclude_keys, flag(body, "excludeKeysInExport"));
  PAVISE_TRY_ASSIGN(out.output,
                    file_in(call, at, body, "output", import ? kErrorsFile : kDevicesFile));
  if (!import) {
    if (!out.exclude_keys && !has(call.principal.rights, Right::registry_read))
      return Error(kRightMissing, "keys are exported with RegistryRead and RegistryWrite only");
    return out;
  }
  PAVISE_TRY_ASSIGN(out.input, file_in(call, at, body, "input", kDevicesFile));
  if (out.input.container == out.output.container && out.input.name == out.output.name)
    return Error(kBadBody, "inputBlobName and outputBlobName are the same");
  return out;
}

Result<std::string> new_job_id() {
  Bytes random(16);
  PAVISE_TRY(crypto::random_fill(random));
  return to_hex(random);
}

Result<JobRecord> transfer(HubReader& reader, const Call& call) {
  PAVISE_TRY_ASSIGN(JobRecord job, reader.job(call.hub(), call.names[0]));
  if (!is_transfer(job.type)) return store::kJobNotFound;
  return job;
}

}  // namespace

Result<Response> make_container(Call& call) {
  PAVISE_TRY_ASSIGN(const FilesOfHub at, files_of(call));
  PAVISE_TRY_ASSIGN(const std::int64_t ttl_s, ttl_of(call));
  PAVISE_TRY_ASSIGN(const std::string host, own_address(call.request));
  // The token says whole seconds.
  const UnixMillis expires_ms = (call.services.clock.now_ms() + ttl_s * 1000) / 1000 * 1000;
  PAVISE_TRY_ASSIGN(const files::Container container,
                    at.house.store().make_container(at.key, expires_ms));
  const std::string uri = std::string(kHttps) + host + files::container_path(container.id) +
                          at.house.tokens().make_container({container.id, expires_ms});
  return Response{.status = 201,
                  .headers = {},
                  .body = json::serialize(json::object{{"containerId", container.id},
                                                       {"containerUri", uri},
                                                       {"expiresTimeUtc", utc_text(expires_ms)}})};
}

Result<Response> get_container(Call& call) {
  PAVISE_TRY_ASSIGN(const FilesOfHub at, files_of(call));
  PAVISE_TRY_ASSIGN(const files::Container container, own_container(call, at));
  PAVISE_TRY_ASSIGN(const auto found, at.house.store().files(container.files_hub(), {}, {}));
  json::array listed;
  for (const files::StoredFile& file : found)
    listed.push_back({{"blobName", file.name},
                      {"sizeInBytes", file.size_bytes},
                      {"lastUpdatedTime", utc_text(file.modified_ms)},
                      {"etag", file.etag}});
  return Response{
      .headers = {},
      .body = json::serialize(json::object{{"containerId", container.id},
                                           {"expiresTimeUtc", utc_text(container.expires_ms)},
                                           {"files", std::move(listed)}})};
}

Result<Response> remove_container(Call& call) {
  PAVISE_TRY_ASSIGN(const FilesOfHub at, files_of(call));
  PAVISE_TRY_ASSIGN(const files::Container container, own_container(call, at));
  PAVISE_TRY(at.house.store().remove_container(container.id));
  return Response{.status = 204, .headers = {}, .body = {}};
}

Result<Response> create_transfer(Call& call) {
  PAVISE_TRY_ASSIGN(const FilesOfHub at, files_of(call));
  PAVISE_TRY_ASSIGN(const json::object body, object_of(call.request.body));
  PAVISE_TRY_ASSIGN(const std::string type_text, text_member(body, "type"));
  const auto type = job_type_of(type_text);
  if (!type || !is_transfer(*type)) return Error(kBadBody, "type is neither import nor export");
  PAVISE_TRY_ASSIGN(const TransferRequest request,
                    request_of(call, at, body, *type == JobType::import_devices));
  PAVISE_TRY_ASSIGN(std::string id, new_job_id());
  const JobRecord job{.id = std::move(id),
                      .type = *type,
                      .status = JobStatus::queued,
                      .request_json = transfer_text(request),
                      .start_ms = call.services.clock.now_ms()};
  PAVISE_TRY_ASSIGN(
      const JobRecord made,
      call.services.queue.call<JobRecord>([&](HubTransaction& transaction) -> Result<JobRecord> {
        PAVISE_TRY_ASSIGN(const std::uint64_t open, transaction.count_open_transfers(call.hub()));
        if (open > 0) return kTransferUnderWay;
        PAVISE_TRY(note_act(transaction, call, "job.create", job.id, job_type_text(job.type)));
        return transaction.create_job(call.hub(), job);
      }));
  if (call.services.transfers_changed) call.services.transfers_changed();
  return Response{.headers = {}, .body = json::serialize(transfer_json(made))};
}

// The newest first; what has ended is kept for 30 days, as other jobs are.
Result<Response> list_transfers(Call& call) {
  std::vector<JobRecord> all;
  PAVISE_TRY(call.services.queue.store().read([&](HubReader& reader) -> Status {
    for (const JobType type : {JobType::import_devices, JobType::export_devices}) {
      PAVISE_TRY_ASSIGN(auto some, reader.jobs(call.hub(), {.type = type}, {}));
      std::ranges::move(some, std::back_inserter(all));
    }
    return {};
  }));
  std::ranges::sort(all, [](const JobRecord& a, const JobRecord& b) {
    return std::tie(b.created_ms, a.id) < std::tie(a.created_ms, b.id);
  });
  json::array out;
  for (const JobRecord& job : all) out.emplace_back(transfer_json(job));
  return Response{.headers = {}, .body = json::serialize(out)};
}

Result<Response> get_transfer(Call& call) {
  Response out;
  PAVISE_TRY(call.services.queue.store().read([&](HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(const JobRecord job, transfer(reader, call));
    out = {.headers = {}, .body = json::serialize(transfer_json(job))};
    return {};
  }));
  return out;
}

// What an import has changed until then stays; an export leaves no file.
Result<Response> cancel_transfer(Call& call) {
  PAVISE_TRY(call.services.queue.call([&](HubTransaction& transaction) -> Status {
    PAVISE_TRY_ASSIGN(JobRecord job, transfer(transaction, call));
    if (job.status == JobStatus::cancelled) return {};
    if (is_final(job.status)) return Error(kJobHasEnded, std::string(job_status_text(job.status)));
    PAVISE_TRY(note_act(transaction, call, "job.cancel", job.id));
    job.status = JobStatus::cancelled;
    job.end_ms = call.services.clock.now_ms();
    return transaction.update_job(call.hub(), job);
  }));
  if (call.services.transfers_changed) call.services.transfers_changed();
  return Response{.status = 204, .headers = {}, .body = {}};
}

}  // namespace pavise::hub::rest
