// Hubs and what belongs to them as the JSON of api/openapi.yaml, and their settings as values.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "cloud/hub/store/records.h"
#include "cloud/server/json/json_object.h"
#include "cloud/server/routes/hub_ports.h"

namespace pavise::server {

// "{hub}.{server}".
std::string hub_host_name(const iothub::HubName& hub, std::string_view server_host);

boost::json::object hub_view(const hub::store::HubRecord& hub, std::string_view server_host);
boost::json::object hub_settings_view(const hub::store::HubSettings& settings);
boost::json::object hub_policy_view(const hub::store::PolicyRecord& policy);
boost::json::object hub_certificate_view(const hub::store::CaCertificateRecord& certificate);
// A message with its system properties as the Event-Hubs-compatible endpoint names them.
boost::json::object hub_telemetry_view(const TelemetryItem& item);

// `base` with the members that `body` has. kMemberMistyped, kMemberUnknown; the values themselves
// are checked by the store.
Result<hub::store::HubSettings> hub_settings(JsonObject body, hub::store::HubSettings base);

}  // namespace pavise::server
