#include "cloud/server/routes/hub_views.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <utility>

#include "cloud/hub/store/errors.h"
#include "cloud/server/log/log.h"
#include "cloud/server/routes/views.h"

namespace pavise::server {
namespace {

namespace json = boost::json;
using hub::Right;

constexpr std::array<std::pair<Right, std::string_view>, 4> kRightNames = {{
    {Right::registry_read, "RegistryRead"},
    {Right::registry_write, "RegistryWrite"},
    {Right::service_connect, "ServiceConnect"},
    {Right::device_connect, "DeviceConnect"},
}};

// System properties that the sender gave, and their names for readers.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kSystemNames = {{
    {"$.mid", "message-id"},
    {"$.cid", "correlation-id"},
    {"$.uid", "user-id"},
    {"$.ct", "content-type"},
    {"$.ce", "content-encoding"},
    {"$.ctime", "iothub-creation-time-utc"},
    {"$.on", "iothub-outputname"},
    {"$.sub", "dt-subject"},
    {"$.ifid", "iothub-interface-id"},
}};

json::value time_or_null(UnixMillis time_ms) {
  return time_ms == 0 ? json::value() : json::value(rfc3339(time_ms / 1000));
}

template <class T>
Status take_number(JsonObject& body, std::string_view name, std::int64_t most, T& out) {
  PAVISE_TRY_ASSIGN(const auto value, body.optional_integer(name, 0, most));
  if (value) out = static_cast<T>(*value);
  return {};
}

Status take_flag(JsonObject& body, std::string_view name, bool& out) {
  PAVISE_TRY_ASSIGN(const auto value, body.optional_boolean(name));
  if (value) out = *value;
  return {};
}

constexpr std::array<hub::store::EventSource, 3> kEventSources = {
    hub::store::EventSource::twin_changes, hub::store::EventSource::device_lifecycle,
    hub::store::EventSource::connection_state};

json::array event_sources_view(hub::store::EventSources sources) {
  json::array out;
  for (const auto source : kEventSources)
    if ((sources & static_cast<hub::store::EventSources>(source)) != 0)
      out.emplace_back(hub::store::event_source_name(source));
  return out;
}

Result<hub::store::EventSources> event_sources(const std::vector<std::string>& names) {
  unsigned out = 0;
  for (const std::string& name : names) {
    const auto* const found =
        std::ranges::find(kEventSources, name, &hub::store::event_source_name);
    if (found == kEventSources.end()) return Error(hub::store::kBadSettings, "event_sources");
    out |= static_cast<unsigned>(*found);
  }
  return static_cast<hub::store::EventSources>(out);
}

json::object feedback_view(const hub::store::FeedbackSettings& settings) {
  return {{"ttl_s", settings.ttl_s},
          {"delivery_count_max", settings.delivery_count_max},
          {"lock_s", settings.lock_s}};
}

json::object file_upload_view(const hub::store::FileUploadSettings& settings) {
  return {{"enabled", settings.enabled},
          {"notifications", settings.notifications},
          {"sas_ttl_s", settings.sas_ttl_s},
          {"notification", feedback_view(settings.notification)},
          {"file_bytes_max", settings.file_bytes_max},
          {"device_bytes_max", settings.device_bytes_max},
          {"hub_bytes_max", settings.hub_bytes_max}};
}

Status take_feedback(JsonObject& body, std::string_view name, hub::store::FeedbackSettings& to) {
  PAVISE_TRY_ASSIGN(auto feedback, body.optional_object(name));
  if (!feedback) return {};
  PAVISE_TRY(take_number(*feedback, "ttl_s", UINT32_MAX, to.ttl_s));
  PAVISE_TRY(take_number(*feedback, "delivery_count_max", UINT32_MAX, to.delivery_count_max));
  PAVISE_TRY(take_number(*feedback, "lock_s", UINT32_MAX, to.lock_s));
  return feedback->finish();
}

Status take_file_upload(JsonObject& body, hub::store::FileUploadSettings& to) {
  PAVISE_TRY_ASSIGN(auto given, body.optional_object("file_upload"));
  if (!given) return {};
  PAVISE_TRY(take_flag(*given, "enabled", to.enabled));
  PAVISE_TRY(take_flag(*given, "notifications", to.notifications));
  PAVISE_TRY(take_number(*given, "sas_ttl_s", UINT32_MAX, to.sas_ttl_s));
  PAVISE_TRY(take_feedback(*given, "notification", to.notification));
  PAVISE_TRY(take_number(*given, "file_bytes_max", INT64_MAX, to.file_bytes_max));
  PAVISE_TRY(take_number(*given, "device_bytes_max", INT64_MAX, to.device_bytes_max));
  PAVISE_TRY(take_number(*given, "hub_bytes_max", INT64_MAX, to.hub_bytes_max));
  return given->finish();
}

std::string_view system_name(std::string_view name) {
  for (const auto& [given, shown] : kSystemNames)
    if (name == given) return shown;
  return {};
}

}  // namespace

std::string hub_host_name(const iothub::HubName& hub, std::string_view server_host) {
  return std::string(hub.text()).append(".").append(server_host);
}

json::object hub_settings_view(const hub::store::HubSettings& settings) {
  json::array aliases;
  for (const std::string& alias : settings.host_aliases) aliases.emplace_back(alias);
  return {{"partition_count", settings.partition_count},
          {"retention_hours", settings.retention_hours},
          {"retention_bytes_max", settings.retention_bytes_max},
          {"message_ttl_s", settings.message_ttl_s},
          {"delivery_count_max", settings.delivery_count_max},
          {"feedback", feedback_view(settings.feedback)},
          {"file_upload", file_upload_view(settings.file_upload)},
          {"disable_device_sas", settings.disable_device_sas},
          {"disable_module_sas", settings.disable_module_sas},
          {"fault_injection", settings.fault_injection},
          {"event_sources", event_sources_view(settings.event_sources)},
          {"host_aliases", std::move(aliases)}};
}

json::object hub_view(const hub::store::HubRecord& hub, std::string_view server_host) {
  return {{"name", hub.name.text()},
          {"tenant", hub.tenant.text()},
          {"host_name", hub_host_name(hub.name, server_host)},
          {"of_tenant", hub.name.is_of_tenant()},
          {"created", rfc3339(hub.created_ms / 1000)},
          {"etag", hub.etag},
          {"settings", hub_settings_view(hub.settings)}};
}

json::object hub_policy_view(const hub::store::PolicyRecord& policy) {
  json::array rights;
  for (const auto& [right, name] : kRightNames)
    if (hub::has(policy.rights, right)) rights.emplace_back(name);
  return {{"name", policy.name},
          {"rights", std::move(rights)},
          {"primary_key", policy.primary_key},
          {"secondary_key", policy.secondary_key}};
}

json::object hub_certificate_view(const hub::store::CaCertificateRecord& certificate) {
  return {{"name", certificate.name},
          {"subject", certificate.subject},
          {"thumbprint", certificate.thumbprint},
          {"not_after", time_or_null(certificate.not_after_ms)},
          {"verified", certificate.verified},
          {"verification_code",
           certificate.nonce.empty() ? json::value() : json::value(certificate.nonce)},
          {"created", time_or_null(certificate.created_ms)},
          {"updated", time_or_null(certificate.updated_ms)},
          {"etag", certificate.etag},
          {"certificate", pem_of_certificate(certificate.certificate)}};
}

json::object hub_telemetry_view(const TelemetryItem& item) {
  json::object view = telemetry_view(item);
  json::object system = {
      {"iothub-connection-device-id", item.device},
      {"iothub-connection-auth-method", item.auth_method},
      {"iothub-connection-auth-generation-id", item.generation_id},
      {"iothub-enqueuedtime", rfc3339_ms(item.time_ms)},
      {"iothub-message-source", item.source.empty() ? "Telemetry" : item.source}};
  if (!item.module_id.empty()) system["iothub-connection-module-id"] = item.module_id;
  json::object application;
  for (const auto& [name, value] : item.properties) {
    const std::string_view shown = system_name(name);
    if (!shown.empty())
      system[shown] = value;
    else
      application[name] = value;
  }
  view["hub"] = item.hub;
  view["module"] = item.module_id.empty() ? json::value() : json::value(item.module_id);
  view["system_properties"] = std::move(system);
  view["properties"] = std::move(application);
  return view;
}

Result<hub::store::HubSettings> hub_settings(JsonObject body, hub::store::HubSettings base) {
  PAVISE_TRY(take_number(body, "partition_count", UINT32_MAX, base.partition_count));
  PAVISE_TRY(take_number(body, "retention_hours", UINT32_MAX, base.retention_hours));
  PAVISE_TRY(take_number(body, "retention_bytes_max", INT64_MAX, base.retention_bytes_max));
  PAVISE_TRY(take_number(body, "message_ttl_s", UINT32_MAX, base.message_ttl_s));
  PAVISE_TRY(take_number(body, "delivery_count_max", UINT32_MAX, base.delivery_count_max));
  PAVISE_TRY(take_flag(body, "disable_device_sas", base.disable_device_sas));
  PAVISE_TRY(take_flag(body, "disable_module_sas", base.disable_module_sas));
  PAVISE_TRY(take_flag(body, "fault_injection", base.fault_injection));
  if (body.has("event_sources")) {
    PAVISE_TRY_ASSIGN(const auto names, body.texts("event_sources", kEventSources.size(), 64));
    PAVISE_TRY_ASSIGN(base.event_sources, event_sources(names));
  }
  PAVISE_TRY(take_feedback(body, "feedback", base.feedback));
  PAVISE_TRY(take_file_upload(body, base.file_upload));
  if (body.has("host_aliases")) {
    PAVISE_TRY_ASSIGN(base.host_aliases, body.texts("host_aliases", hub::store::kHostAliasesMax,
                                                    hub::store::kHostAliasSizeMax));
  }
  PAVISE_TRY(body.finish());
  return base;
}

}  // namespace pavise::server
