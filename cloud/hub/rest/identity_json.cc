#include "cloud/hub/rest/identity_json.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/hub/rest/rest_api.h"
#include "common/json/exact_json.h"
#include "protocol/iothub/hub_error.h"

namespace pavise::hub::rest {

namespace json = boost::json;
using store::AuthKind;

namespace {

constexpr std::size_t kDepthMax = 32;

std::string_view type_text(AuthKind kind) {
  switch (kind) {
    case AuthKind::sas:
      return "sas";
    case AuthKind::self_signed:
      return "selfSigned";
    // Of the second clients know nothing; the device proves itself by a certificate of ours.
    case AuthKind::certificate_authority:
    case AuthKind::attested:
      return "certificateAuthority";
    case AuthKind::none:
      break;
  }
  return "none";
}

json::value text_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

// A nested object that may be missing or null.
Result<const json::object*> object_member(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return static_cast<const json::object*>(nullptr);
  if (!value->is_object()) return Error(kBadBody, std::string(name) + " is not an object");
  return &value->get_object();
}

json::object authentication_json(const store::Authentication& auth) {
  return {{"symmetricKey",
           {{"primaryKey", text_or_null(auth.primary_key)},
            {"secondaryKey", text_or_null(auth.secondary_key)}}},
          {"x509Thumbprint",
           {{"primaryThumbprint", text_or_null(auth.primary_thumbprint)},
            {"secondaryThumbprint", text_or_null(auth.secondary_thumbprint)}}},
          {"type", type_text(auth.kind)}};
}

Result<store::Authentication> authentication_of(const json::object* body) {
  store::Authentication out{.given = false};
  if (body == nullptr) return out;
  PAVISE_TRY_ASSIGN(const json::object* keys, object_member(*body, "symmetricKey"));
  if (keys != nullptr) {
    PAVISE_TRY_ASSIGN(out.primary_key, text_member(*keys, "primaryKey"));
    PAVISE_TRY_ASSIGN(out.secondary_key, text_member(*keys, "secondaryKey"));
  }
  PAVISE_TRY_ASSIGN(const json::object* prints, object_member(*body, "x509Thumbprint"));
  if (prints != nullptr) {
    PAVISE_TRY_ASSIGN(out.primary_thumbprint, text_member(*prints, "primaryThumbprint"));
    PAVISE_TRY_ASSIGN(out.secondary_thumbprint, text_member(*prints, "secondaryThumbprint"));
  }
  PAVISE_TRY_ASSIGN(const std::string type, text_member(*body, "type"));
  out.given = !type.empty() || !out.primary_key.empty() || !out.secondary_key.empty() ||
              !out.primary_thumbprint.empty() || !out.secondary_thumbprint.empty();
  const bool has_prints = !out.primary_thumbprint.empty() || !out.secondary_thumbprint.empty();
  if (type == "selfSigned" || (type.empty() && has_prints)) {
    out.kind = AuthKind::self_signed;
  } else if (type == "sas" || type.empty()) {
    out.kind = AuthKind::sas;
  } else if (type == "certificateAuthority") {
    out.kind = AuthKind::certificate_authority;
  } else if (type == "none") {
    out.kind = AuthKind::none;
  } else {
    return Error(kBadBody, "authentication.type");
  }
  // What belongs to another kind is dropped: the SDKs send empty or old members along.
  if (out.kind != AuthKind::sas) out.primary_key = out.secondary_key = {};
  if (out.kind != AuthKind::self_signed) out.primary_thumbprint = out.secondary_thumbprint = {};
  return out;
}

}  // namespace

std::string time_text(UnixMillis time_ms) {
  return time_ms == 0 ? "0001-01-01T00:00:00Z" : iothub::to_iso8601(time_ms);
}

Result<std::string> text_member(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return std::string{};
  if (!value->is_string()) return Error(kBadBody, std::string(name) + " is not a string");
  return std::string(value->get_string());
}

std::string described(const store::IdentityFields& fields) {
  std::string out = fields.enabled ? "enabled, " : "disabled, ";
  out += fields.auth.kind == AuthKind::attested ? "attested" : type_text(fields.auth.kind);
  if (fields.iot_edge) out += ", edge";
  return out;
}

Result<json::object> object_of(std::string_view text) {
  boost::system::error_code ec;
  json::value value = parse_finite(text, kDepthMax, ec);
  if (ec == json::error::exponent_overflow)
    return Error(kBadBody, "a number beyond the range of double");
  if (ec) return Error(kBadBody, "not JSON");
  if (!value.is_object()) return Error(kBadBody, "not a JSON object");
  return std::move(value.get_object());
}

json::object identity_json(const store::IdentityRecord& record, bool connected) {
  const store::IdentityFields& fields = record.fields;
  json::object out{{"deviceId", record.id.device()}};
  if (record.id.is_module()) out["moduleId"] = record.id.module_id();
  out["generationId"] = record.generation_id;
  out["etag"] = record.etag;
  out["connectionState"] = connected ? "Connected" : "Disconnected";
  out["connectionStateUpdatedTime"] = time_text(record.connection_updated_ms);
  out["lastActivityTime"] = time_text(record.last_activity_ms);
  out["cloudToDeviceMessageCount"] = record.messages_waiting;
  out["authentication"] = authentication_json(fields.auth);
  if (record.id.is_module()) {
    out["managedBy"] = text_or_null(fields.managed_by);
    return out;
  }
  out["status"] = fields.enabled ? "enabled" : "disabled";
  out["statusReason"] = text_or_null(fields.status_reason);
  out["statusUpdatedTime"] = time_text(record.status_updated_ms);
  out["capabilities"] = {{"iotEdge", fields.iot_edge}};
  if (!fields.device_scope.empty()) out["deviceScope"] = fields.device_scope;
  json::array scopes;
  for (const std::string& scope : fields.parent_scopes) scopes.emplace_back(scope);
  if (!scopes.empty()) out["parentScopes"] = std::move(scopes);
  return out;
}

namespace {

// What a twin says besides its parts.
json::object twin_head(const store::TwinRecord& record, bool connected) {
  const store::IdentityRecord& identity = record.identity;
  json::object head{{"deviceId", identity.id.device()}};
  if (identity.id.is_module()) head["moduleId"] = identity.id.module_id();
  head["etag"] = record.etag;
  head["deviceEtag"] = identity.etag;
  head["status"] = identity.fields.enabled ? "enabled" : "disabled";
  head["statusReason"] = text_or_null(identity.fields.status_reason);
  head["statusUpdateTime"] = time_text(identity.status_updated_ms);
  head["connectionState"] = connected ? "Connected" : "Disconnected";
  head["lastActivityTime"] = time_text(identity.last_activity_ms);
  head["cloudToDeviceMessageCount"] = identity.messages_waiting;
  head["authenticationType"] = type_text(identity.fields.auth.kind);
  head["x509Thumbprint"] = {
      {"primaryThumbprint", text_or_null(identity.fields.auth.primary_thumbprint)},
      {"secondaryThumbprint", text_or_null(identity.fields.auth.secondary_thumbprint)}};
  head["modelId"] = "";
  head["version"] = record.version;
  if (!identity.id.is_module()) {
    head["capabilities"] = {{"iotEdge", identity.fields.iot_edge}};
    if (!identity.fields.device_scope.empty()) head["deviceScope"] = identity.fields.device_scope;
  }
  return head;
}

}  // namespace

// The parts go in as the text that is stored: read and written anew they would cost most of the
// work, and their numbers would come out a little off.
std::string twin_document(const store::TwinRecord& record, bool connected, bool head,
                          const store::TwinParts& parts) {
  std::string out = "{";
  if (head) {
    out = json::serialize(twin_head(record, connected));
    out.pop_back();  // it goes on
  }
  const auto add = [&out](std::string_view name, std::string_view text) {
    if (out.size() > 1) out.push_back(',');
    out.append("\"").append(name).append("\":").append(text);
  };
  if (parts.tags) add("tags", record.tags_json);
  if (parts.properties) {
    add("properties", R"({"desired":)");
    out.append(record.desired_json).append(R"(,"reported":)").append(record.reported_json);
    out.push_back('}');
  }
  if (parts.configurations && record.configurations_json.size() > 2)
    add("configurations", record.configurations_json);
  out.push_back('}');
  return out;
}

std::string twin_document(const store::TwinRecord& record, bool connected) {
  return twin_document(record, connected, true, {});
}

Result<store::IdentityFields> identity_fields(const json::object& body) {
  store::IdentityFields out;
  PAVISE_TRY_ASSIGN(const std::string status, text_member(body, "status"));
  if (!status.empty() && status != "enabled" && status != "disabled")
    return Error(kBadBody, "status is neither enabled nor disabled");
  out.enabled = status != "disabled";
  PAVISE_TRY_ASSIGN(out.status_reason, text_member(body, "statusReason"));
  PAVISE_TRY_ASSIGN(const json::object* auth, object_member(body, "authentication"));
  PAVISE_TRY_ASSIGN(out.auth, authentication_of(auth));
  PAVISE_TRY_ASSIGN(const json::object* capabilities, object_member(body, "capabilities"));
  if (capabilities != nullptr) {
    const json::value* const edge = capabilities->if_contains("iotEdge");
    if (edge != nullptr && !edge->is_null()) {
      if (!edge->is_bool()) return Error(kBadBody, "capabilities.iotEdge is not a boolean");
      out.iot_edge = edge->get_bool();
    }
  }
  PAVISE_TRY_ASSIGN(out.device_scope, text_member(body, "deviceScope"));
  PAVISE_TRY_ASSIGN(out.managed_by, text_member(body, "managedBy"));
  const json::value* const scopes = body.if_contains("parentScopes");
  if (scopes == nullptr || scopes->is_null()) return out;
  if (!scopes->is_array()) return Error(kBadBody, "parentScopes is not an array");
  for (const json::value& scope : scopes->get_array()) {
    if (!scope.is_string()) return Error(kBadBody, "parentScopes holds no string");
    out.parent_scopes.emplace_back(scope.get_string());
  }
  return out;
}

}  // namespace pavise::hub::rest
