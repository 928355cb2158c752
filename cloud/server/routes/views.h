// Records as the JSON of api/openapi.yaml, and its texts as values.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "cloud/security/registry/records.h"
#include "cloud/server/routes/hub_ports.h"
#include "common/base/result.h"

namespace pavise::server {

std::string pem_of_certificate(ByteView der);
// PEM with one CERTIFICATE block, or base64 of DER. Only the encoding is checked. kBadValue.
Result<Bytes> certificate_from_text(std::string_view name, std::string_view text);
// kBadValue, naming the member.
Result<Bytes> bytes_from_base64(std::string_view name, std::string_view text);

boost::json::value optional_time(const std::optional<UnixSeconds>& time);
boost::json::value optional_tenant(const std::optional<TenantId>& tenant);

boost::json::object tenant_view(const security::TenantRecord& tenant);
boost::json::object vendor_view(const security::VendorRootRecord& vendor);
boost::json::object release_key_view(const security::ReleaseKeyRecord& key);
boost::json::object release_view(const security::ReleaseRecord& release);
boost::json::object token_view(const security::TokenRecord& token);
boost::json::object audit_view(const security::AuditRecord& entry);
boost::json::object evidence_view(const security::VerdictRecord& verdict);
boost::json::object telemetry_view(const TelemetryItem& item);
boost::json::object twin_view(const DeviceId& device, const TwinDocument& twin);

// What is known about a device besides its own row.
struct DeviceFacts {
  std::optional<security::CertificateRecord> certificate;  // newest one valid now
  std::optional<security::Outcome> last_outcome;
  bool connected = false;
};
// "disabled", "unclaimed", "waiting", "trusted" or "refused".
std::string_view device_state(const security::DeviceRecord& device, const DeviceFacts& facts);
boost::json::object device_view(const security::DeviceRecord& device, const DeviceFacts& facts);
// What the device may run, as its last evidence says: an array, or null if that was not accepted,
// or came before the device was its present owner's, or its report cannot be read.
boost::json::value apps_view(const security::DeviceRecord& device,
                             const security::VerdictRecord& last);

}  // namespace pavise::server
