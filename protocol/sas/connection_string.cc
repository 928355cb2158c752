#include "protocol/sas/connection_string.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/ascii.h"
#include "protocol/iothub/identity.h"
#include "protocol/sas/key.h"
#include "protocol/sas/token.h"

namespace pavise::sas {
namespace {

constexpr std::string_view kScheme = "sb://";

bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= kHostNameSizeMax && std::ranges::all_of(text, [](char c) {
    return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= iothub::kIdSizeMax &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '/'; });
}

// The parts as text, before they are checked against each other.
struct Fields {
  enum Name {
    host_name,
    endpoint,
    gateway,
    device,
    module_id,
    policy,
    entity,
    x509,
    x509_cs,
    signature,
    key,
    count
  };
  static constexpr std::array<std::string_view, count> kNames = {
      "HostName",        "Endpoint",
      "GatewayHostName", "DeviceId",
      "ModuleId",        "SharedAccessKeyName",
      "EntityPath",      "x509",
      "X509Cert",        "SharedAccessSignature",
      "SharedAccessKey"};
  std::array<std::string_view, count> values;  // empty: not given

  std::optional<std::string> text(Name name) const {
    if (!has(name)) return std::nullopt;
    return std::string(values[name]);
  }
  bool has(Name name) const { return !values[name].empty(); }
};

Result<Fields> split(std::string_view text) {
  if (text.size() > kConnectionStringSizeMax) return Error(kBadConnectionString, "too long");
  if (text.ends_with(';')) text.remove_suffix(1);
  Fields out;
  while (true) {
    const std::size_t end = text.find(';');
    const std::string_view part = text.substr(0, end);
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) return Error(kBadConnectionString, "a part without '='");
    const auto found = std::ranges::find_if(Fields::kNames, [&](std::string_view name) {
      return equal_folded(name, part.substr(0, equals));
    });
    if (found == Fields::kNames.end()) return Error(kBadConnectionString, "an unknown name");
    auto& value = out.values[static_cast<std::size_t>(found - Fields::kNames.begin())];
    if (!value.empty()) return Error(kBadConnectionString, std::string(*found) + " comes twice");
    value = part.substr(equals + 1);
    if (value.empty()) return Error(kBadConnectionString, std::string(*found) + " is empty");
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

Status take_host(const Fields& fields, ConnectionString& out) {
  if (fields.has(Fields::host_name) == fields.has(Fields::endpoint))
    return Error(kBadConnectionString, "one of HostName and Endpoint");
  std::string_view host =
      fields.values[fields.has(Fields::endpoint) ? Fields::endpoint : Fields::host_name];
  if (fields.has(Fields::endpoint)) {
    if (!host.starts_with(kScheme)) return Error(kBadConnectionString, "Endpoint");
    host.remove_prefix(kScheme.size());
    if (host.ends_with('/')) host.remove_suffix(1);
    out.is_event_hub = true;
  }
  if (!is_host(host)) return Error(kBadConnectionString, "the host name");
  out.host = host;
  out.gateway_host = fields.text(Fields::gateway);
  if (out.gateway_host && !is_host(*out.gateway_host))
    return Error(kBadConnectionString, "GatewayHostName");
  return {};
}

Status take_names(const Fields& fields, ConnectionString& out) {
  out.device_id = fields.text(Fields::device);
  out.module_id = fields.text(Fields::module_id);
  out.policy = fields.text(Fields::policy);
  out.entity_path = fields.text(Fields::entity);
  if (out.device_id && !iothub::is_valid_id(*out.device_id))
    return Error(kBadConnectionString, "DeviceId");
  if (out.module_id && (!out.device_id || !iothub::is_valid_id(*out.module_id)))
    return Error(kBadConnectionString, "ModuleId");
  if (out.policy && !is_name(*out.policy))
    return Error(kBadConnectionString, "SharedAccessKeyName");
  if (out.entity_path && (!out.is_event_hub || !is_name(*out.entity_path)))
    return Error(kBadConnectionString, "EntityPath");
  if (out.device_id.has_value() == out.policy.has_value())
    return Error(kBadConnectionString, "one of DeviceId and SharedAccessKeyName");
  if (out.is_event_hub && out.device_id) return Error(kBadConnectionString, "DeviceId");
  return {};
}

Status take_credential(const Fields& fields, ConnectionString& out) {
  if (fields.has(Fields::x509) && fields.has(Fields::x509_cs))
    return Error(kBadConnectionString, "x509 comes twice");
  for (const Fields::Name name : {Fields::x509, Fields::x509_cs}) {
    if (!fields.has(name)) continue;
    const bool yes = equal_folded(fields.values[name], "true");
    if (!yes && !equal_folded(fields.values[name], "false"))
      return Error(kBadConnectionString, "x509");
    out.x509 = yes;
  }
  if (out.x509 && !out.device_id) return Error(kBadConnectionString, "x509");
  if (fields.has(Fields::key)) {
    PAVISE_TRY_ASSIGN(out.key, parse_key(fields.values[Fields::key]));
  }
  if (fields.has(Fields::signature)) {
    const std::string_view token = fields.values[Fields::signature];
    if (!Token::parse(token)) return Error(kBadConnectionString, "SharedAccessSignature");
    out.signature = SecretBytes::copy_of(as_bytes(token));
  }
  const int ways = (out.key.empty() ? 0 : 1) + (out.signature.empty() ? 0 : 1) + (out.x509 ? 1 : 0);
  if (ways != 1)
    return Error(kBadConnectionString, "one of SharedAccessKey, SharedAccessSignature, x509=true");
  return {};
}

}  // namespace

Result<ConnectionString> ConnectionString::parse(std::string_view text) {
  PAVISE_TRY_ASSIGN(const Fields fields, split(text));
  ConnectionString out;
  PAVISE_TRY(take_host(fields, out));
  PAVISE_TRY(take_names(fields, out));
  PAVISE_TRY(take_credential(fields, out));
  return out;
}

Result<SecretBytes> ConnectionString::print() const {
  for (const auto* value : {&device_id, &module_id, &policy, &entity_path})
    if (*value && (*value)->contains(';')) return Error(kBadConnectionString, "a ';' in a value");
  // Reserved whole, so that no copy of the key is left behind by a growing buffer.
  Bytes out;
  out.reserve(2 * kConnectionStringSizeMax);
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!out.empty()) append(out, as_bytes(";"));
    append(out, as_bytes(name));
    append(out, as_bytes("="));
    append(out, as_bytes(value));
  };
  if (is_event_hub)
    add("Endpoint", std::string(kScheme) + host + "/");
  else
    add("HostName", host);
  if (device_id) add("DeviceId", *device_id);
  if (module_id) add("ModuleId", *module_id);
  if (policy) add("SharedAccessKeyName", *policy);
  if (!key.empty()) {
    std::string text = to_base64(key.view());
    add("SharedAccessKey", text);
    wipe(std::as_writable_bytes(std::span(text)));
  }
  if (!signature.empty()) add("SharedAccessSignature", as_text(signature.view()));
  if (x509) add("x509", "true");
  if (gateway_host) add("GatewayHostName", *gateway_host);
  if (entity_path) add("EntityPath", *entity_path);
  return SecretBytes(std::move(out));
}

}  // namespace pavise::sas
