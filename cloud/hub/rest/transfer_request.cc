#include "cloud/hub/rest/transfer_request.h"

#include <boost/json/serialize.hpp>

#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/job_json.h"
#include "cloud/hub/store/errors.h"
#include "common/base/time_text.h"

namespace pavise::hub::rest {

namespace json = boost::json;

namespace {

json::object file_json(const TransferFile& file) {
  return {{"container", file.container}, {"uri", file.uri}, {"name", file.name}};
}

Result<TransferFile> file_of(const json::object& all, std::string_view name) {
  const json::value* const value = all.if_contains(name);
  if (value == nullptr || !value->is_object()) return store::kBadJob;
  TransferFile out;
  PAVISE_TRY_ASSIGN(out.container, text_member(value->get_object(), "container"));
  PAVISE_TRY_ASSIGN(out.uri, text_member(value->get_object(), "uri"));
  PAVISE_TRY_ASSIGN(out.name, text_member(value->get_object(), "name"));
  return out;
}

json::value text_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

}  // namespace

std::string transfer_text(const TransferRequest& request) {
  return json::serialize(json::object{{"input", file_json(request.input)},
                                      {"output", file_json(request.output)},
                                      {"excludeKeys", request.exclude_keys}});
}

Result<TransferRequest> parse_transfer(std::string_view text) {
  const auto all = object_of(text);
  if (!all) return store::kBadJob;
  TransferRequest out;
  PAVISE_TRY_ASSIGN(out.input, file_of(*all, "input"));
  PAVISE_TRY_ASSIGN(out.output, file_of(*all, "output"));
  const json::value* const exclude = all->if_contains("excludeKeys");
  if (exclude == nullptr || !exclude->is_bool()) return store::kBadJob;
  out.exclude_keys = exclude->get_bool();
  return out;
}

json::object transfer_json(const store::JobRecord& job) {
  // Of these jobs clients know the first state by another name than of scheduled ones.
  const std::string_view status =
      job.status == store::JobStatus::queued ? "enqueued" : job_status_text(job.status);
  json::object out{{"jobId", job.id},
                   {"type", job_type_text(job.type)},
                   {"status", status},
                   {"progress", job.progress},
                   {"startTimeUtc", utc_text(job.start_ms)},
                   {"failureReason", text_or_null(job.failure_reason)},
                   {"statusMessage", text_or_null(job.status_message)},
                   {"includeConfigurations", false},
                   {"storageAuthenticationType", "KeyBased"}};
  out["endTimeUtc"] = job.end_ms == 0 ? json::value(nullptr) : json::value(utc_text(job.end_ms));
  const auto request = parse_transfer(job.request_json);
  if (!request) return out;
  if (job.type == store::JobType::import_devices) {
    out["inputBlobContainerUri"] = request->input.uri;
    out["inputBlobName"] = request->input.name;
  }
  out["outputBlobContainerUri"] = request->output.uri;
  out["outputBlobName"] = request->output.name;
  out["excludeKeysInExport"] = request->exclude_keys;
  return out;
}

}  // namespace pavise::hub::rest
