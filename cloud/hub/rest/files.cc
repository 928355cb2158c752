// Uploads of devices, and the files that came of them for services (reference: iothub-dps-wire C).
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "cloud/hub/files/file_house.h"
#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/routes.h"
#include "common/base/time_text.h"
#include "protocol/iothub/hub_error.h"

namespace pavise::hub::rest {

namespace json = boost::json;

namespace {
constexpr std::size_t kHostSizeMax = 260;
}  // namespace

Result<FilesOfHub> files_of(const Call& call) {
  if (call.services.files == nullptr) return files::kUploadsOff;
  const auto hub = call.services.queue.store().index().hub(call.hub());
  if (hub == nullptr) return store::kHubNotFound;
  return FilesOfHub{*call.services.files, hub->hub, files::hub_key(hub->hub)};
}

Result<std::string> own_address(const Request& request) {
  const std::string_view host = request.header("host");
  const auto may_be = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._:[]").find(c) != std::string_view::npos;
  };
  if (host.empty() || host.size() > kHostSizeMax || !std::ranges::all_of(host, may_be))
    return Error(kBadArgument, "host");
  return std::string(host);
}

namespace {

constexpr std::size_t kDescriptionSizeMax = 4096;

Result<FilesOfHub> uploads_of(const Call& call) {
  PAVISE_TRY_ASSIGN(FilesOfHub out, files_of(call));
  if (!out.hub.settings.file_upload.enabled) return files::kUploadsOff;
  return out;
}

std::string blob_uri(std::string_view host, std::string_view device, std::string_view name) {
  return "https://" + std::string(host) + files::blob_path(device, name);
}

Result<std::uint64_t> number_of(const Call& call, std::string_view name, std::uint64_t otherwise) {
  const auto found = call.query.find(name);
  if (found == call.query.end()) return otherwise;
  std::uint64_t out = 0;
  const char* const end = found->second.data() + found->second.size();
  const auto [at, error] = std::from_chars(found->second.data(), end, out);
  if (error != std::errc() || at != end) return Error(kBadArgument, std::string(name));
  return out;
}

// Of the caller, in the case that the caller gave: names are compared as they are.
std::string text_of(const Call& call, std::string_view name) {
  const auto found = call.query.find(name);
  return found == call.query.end() ? std::string() : found->second;
}

json::object file_json(const files::StoredFile& file) {
  return {{"deviceId", file.device},          {"blobName", file.name},
          {"sizeInBytes", file.size_bytes},   {"lastUpdatedTime", utc_text(file.modified_ms)},
          {"contentType", file.content_type}, {"etag", file.etag}};
}

Status notify(const Call& call, const FilesOfHub& at, const files::StoredFile& file,
              std::string_view host) {
  if (!at.hub.settings.file_upload.notifications) return {};
  const std::string body =
      json::serialize(json::object{{"deviceId", file.device},
                                   {"blobUri", blob_uri(host, file.device, file.name)},
                                   {"blobName", file.device + "/" + file.name},
                                   {"lastUpdatedTime", utc_text(file.modified_ms)},
                                   {"blobSizeInBytes", file.size_bytes},
                                   {"enqueuedTimeUtc", utc_text(call.services.clock.now_ms())}});
  PAVISE_TRY(call.services.queue.call([&](store::HubTransaction& transaction) {
    return transaction.enqueue_file_notification(call.hub(), body);
  }));
  call.services.service_message_waiting(call.hub(), ServiceQueue::file_notifications);
  return {};
}

// A device that reports a failure may have nothing else to say; a description is for its log.
Result<bool> outcome_of(const json::object& body) {
  const json::value* const success = body.if_contains("isSuccess");
  if (success == nullptr || !success->is_bool()) return Error(kBadBody, "isSuccess is a boolean");
  if (const json::value* const code = body.if_contains("statusCode");
      code != nullptr && !code->is_null() && !code->is_int64() && !code->is_string())
    return Error(kBadBody, "statusCode is a number");
  if (const json::value* const text = body.if_contains("statusDescription");
      text != nullptr && !text->is_null() &&
      (!text->is_string() || text->get_string().size() > kDescriptionSizeMax))
    return Error(kBadBody, "statusDescription is a text of at most 4096 bytes");
  return success->get_bool();
}

// Whoever may call these is a device.
const iothub::Identity& device_of(const Call& call) {
  PAVISE_CHECK(call.principal.identity.has_value());
  return *call.principal.identity;
}

}  // namespace

Result<Response> begin_upload(Call& call) {
  PAVISE_TRY_ASSIGN(FilesOfHub at, uploads_of(call));
  PAVISE_TRY_ASSIGN(const json::object body, object_of(call.request.body));
  PAVISE_TRY_ASSIGN(std::string name, text_member(body, "blobName"));
  PAVISE_TRY_ASSIGN(const std::string host, own_address(call.request));
  const iothub::Identity& device = device_of(call);
  const auto identity = call.services.queue.store().index().find(device);
  if (!identity) return store::kDeviceNotFound;
  const UnixMillis now_ms = call.services.clock.now_ms();
  const std::int64_t ttl_ms = std::int64_t{at.hub.settings.file_upload.sas_ttl_s} * 1000;
  // The token says whole seconds.
  const UnixMillis expires_ms = (now_ms + ttl_ms) / 1000 * 1000;
  PAVISE_TRY_ASSIGN(const files::Upload upload,
                    at.house.store().begin({.hub = at.key,
                                            .device = device.device(),
                                            .generation = identity->generation_id,
                                            .name = std::move(name),
                                            .expires_ms = expires_ms}));
  const std::string token =
      at.house.tokens().make(device.device() + "/" + upload.about.name, {upload.id, expires_ms});
  return Response{.headers = {},
                  .body = json::serialize(json::object{
                      {"correlationId", upload.id},
                      {"hostName", host},
                      {"containerName", files::kContainer},
                      {"blobName", files::blob_name_for_url(device.device(), upload.about.name)},
                      {"sasToken", token}})};
}

Result<Response> end_upload(Call& call) {
  PAVISE_TRY_ASSIGN(const FilesOfHub at, uploads_of(call));
  PAVISE_TRY_ASSIGN(const json::object body, object_of(call.request.body));
  std::string id;
  if (call.names.size() > 1) {
    id = call.names[1];
  } else {
    PAVISE_TRY_ASSIGN(id, text_member(body, "correlationId"));
  }
  PAVISE_TRY_ASSIGN(const bool success, outcome_of(body));
  PAVISE_TRY_ASSIGN(const std::string host, own_address(call.request));
  PAVISE_TRY(at.house.store().finish(
      at.key, device_of(call).device(), id, success,
      [&](const files::StoredFile& file) { return notify(call, at, file, host); }));
  return Response{.status = 204, .headers = {}, .body = {}};
}

Result<Response> list_files(Call& call) {
  PAVISE_TRY_ASSIGN(const FilesOfHub at, files_of(call));
  std::optional<std::string> device;
  if (call.query.contains("device")) device = text_of(call, "device");
  if (device && call.query.contains("name")) {
    PAVISE_TRY_ASSIGN(const files::StoredFile file,
                      at.house.store().file(at.key, *device, text_of(call, "name")));
    return Response{.headers = {}, .body = json::serialize(json::array{file_json(file)})};
  }
  files::FilePage page{.after_device = text_of(call, "afterDevice"),
                       .after_name = text_of(call, "afterName")};
  PAVISE_TRY_ASSIGN(page.limit, number_of(call, "top", files::kFilesPageMax));
  PAVISE_TRY_ASSIGN(const auto found, at.house.store().files(at.key, device, page));
  json::array out;
  for (const files::StoredFile& file : found) out.emplace_back(file_json(file));
  return Response{.headers = {}, .body = json::serialize(out)};
}

Result<Response> get_file(Call& call) {
  PAVISE_TRY_ASSIGN(const FilesOfHub at, files_of(call));
  PAVISE_TRY_ASSIGN(const files::StoredFile file,
                    at.house.store().file(at.key, call.names[0], call.names[1]));
  // A reader goes on in the file that it began with.
  if (call.query.contains("etag") && text_of(call, "etag") != file.etag)
    return files::kFileNotFound;
  PAVISE_TRY_ASSIGN(const std::uint64_t position, number_of(call, "offset", 0));
  PAVISE_TRY_ASSIGN(const Bytes bytes,
                    at.house.store().read(at.key, file.device, file, position, kFilePieceMax));
  return Response{.headers = {{"etag", "\"" + file.etag + "\""},
                              {"pavise-file-size", std::to_string(file.size_bytes)}},
                  .body = std::string(as_text(bytes)),
                  .content_type = "application/octet-stream"};
}

Result<Response> delete_file(Call& call) {
  PAVISE_TRY_ASSIGN(const FilesOfHub at, files_of(call));
  PAVISE_TRY(at.house.store().remove(at.key, call.names[0], call.names[1]));
  return Response{.status = 204, .headers = {}, .body = {}};
}

}  // namespace pavise::hub::rest
