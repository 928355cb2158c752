#include "cloud/server/routes/views.h"

#include <algorithm>
#include <boost/json/value.hpp>

#include "cloud/security/report/verdict_report.h"
#include "cloud/server/log/log.h"
#include "cloud/server/routes/errors.h"
#include "common/json/exact_json.h"
#include "protocol/release/reference_set.h"

namespace pavise::server {
namespace {

namespace json = boost::json;

constexpr std::string_view kPemBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kPemEnd = "-----END CERTIFICATE-----";
constexpr std::size_t kPemLine = 64;
constexpr unsigned kSystemPcr = 11;  // what systemd-stub measures: it tells releases apart

Error bad_value(std::string_view name, std::string_view why) {
  return {kBadValue, std::string(name).append(": ").append(why)};
}

json::value parsed_or_null(std::string_view text) {
  boost::system::error_code ec;
  json::value value = parse_exactly(text, ec);
  return ec ? json::value() : value;
}

json::object object_of(std::string_view text) {
  json::value value = parsed_or_null(text);
  return value.is_object() ? value.get_object() : json::object();
}

}  // namespace

std::string pem_of_certificate(ByteView der) {
  const std::string text = to_base64(der);
  std::string out(kPemBegin);
  for (std::size_t at = 0; at < text.size(); at += kPemLine)
    out.append("\n").append(text, at, kPemLine);
  return out.append("\n").append(kPemEnd).append("\n");
}

Result<Bytes> bytes_from_base64(std::string_view name, std::string_view text) {
  auto bytes = from_base64(text);
  if (!bytes || bytes->empty()) return bad_value(name, "not base64");
  return *std::move(bytes);
}

Result<Bytes> certificate_from_text(std::string_view name, std::string_view text) {
  const std::size_t begin = text.find(kPemBegin);
  if (begin == std::string_view::npos) return bytes_from_base64(name, text);
  const std::size_t from = begin + kPemBegin.size();
  const std::size_t end = text.find(kPemEnd, from);
  if (end == std::string_view::npos || text.find(kPemBegin, from) != std::string_view::npos)
    return bad_value(name, "needs exactly one CERTIFICATE block");
  std::string packed(text.substr(from, end - from));
  std::erase_if(packed, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  return bytes_from_base64(name, packed);
}

json::value optional_time(const std::optional<UnixSeconds>& time) {
  return time ? json::value(rfc3339(*time)) : json::value();
}

json::value optional_tenant(const std::optional<TenantId>& tenant) {
  return tenant ? json::value(tenant->text()) : json::value();
}

json::object tenant_view(const security::TenantRecord& tenant) {
  return {{"id", tenant.id.text()},
          {"created", rfc3339(tenant.created)},
          {"root_certificate", pem_of_certificate(tenant.root_certificate)},
          {"issuing_certificate", pem_of_certificate(tenant.issuing_certificate)}};
}

json::object vendor_view(const security::VendorRootRecord& vendor) {
  return {{"fingerprint", vendor.fingerprint},
          {"name", vendor.name},
          {"certificate", pem_of_certificate(vendor.certificate)},
          {"added", rfc3339(vendor.added)}};
}

json::object release_key_view(const security::ReleaseKeyRecord& key) {
  return {{"id", key.id},
          {"name", key.name},
          {"tenant", optional_tenant(key.tenant)},
          {"added", rfc3339(key.added)}};
}

json::object release_view(const security::ReleaseRecord& release) {
  json::object view = {{"id", release.digest},
                       {"name", release.name},
                       {"version", release.version},
                       {"release_key", release.release_key_id},
                       {"tenant", optional_tenant(release.tenant)},
                       {"added", rfc3339(release.added)},
                       {"revoked", optional_time(release.revoked)},
                       {"revocation_reason", release.revocation_reason}};
  // Its signature was checked when it was added.
  const auto reference = release::ReferenceSet::parse_unverified(release.manifest);
  if (!reference) return view;
  view["security_epoch"] = reference->security_epoch;
  if (const Digest256* digest = reference->pcr(kSystemPcr)) view["pcr11"] = to_hex(*digest);
  return view;
}

json::object token_view(const security::TokenRecord& token) {
  return {{"name", token.name},
          {"role", to_string(token.role)},
          {"tenant", optional_tenant(token.tenant)},
          {"created", rfc3339(token.created)},
          {"not_after", optional_time(token.not_after)}};
}

json::object audit_view(const security::AuditRecord& entry) {
  return {{"id", entry.id},         {"time", rfc3339(entry.at)}, {"actor", entry.actor},
          {"action", entry.action}, {"subject", entry.subject},  {"detail", entry.detail}};
}

json::object evidence_view(const security::VerdictRecord& verdict) {
  // A damaged report does not hide the verdict itself.
  const auto report = security::report_json(verdict.report);
  json::object view = report ? object_of(*report) : json::object();
  view["device"] = verdict.device.text();
  view["time"] = rfc3339(verdict.at);
  view["accepted"] = verdict.outcome == security::Outcome::accepted;
  view["code"] = verdict.code;
  view["reason"] = verdict.reason;
  return view;
}

json::object telemetry_view(const TelemetryItem& item) {
  json::object properties;
  for (const auto& [name, value] : item.properties) properties[name] = value;
  json::object view = {{"offset", item.offset},
                       {"device", item.device},
                       {"tenant", item.tenant.text()},
                       {"time", rfc3339_ms(item.time_ms)},
                       {"properties", std::move(properties)}};
  json::value body = parsed_or_null(as_text(item.body));
  if (body.is_null())
    view["body_base64"] = to_base64(item.body);
  else
    view["body"] = std::move(body);
  return view;
}

json::object twin_view(const DeviceId& device, const TwinDocument& twin) {
  return {{"device", device.text()},
          {"etag", std::to_string(twin.desired_version)},
          {"desired", object_of(twin.desired)},
          {"desired_version", twin.desired_version},
          {"reported", object_of(twin.reported)},
          {"reported_version", twin.reported_version}};
}

std::string_view device_state(const security::DeviceRecord& device, const DeviceFacts& facts) {
  if (device.status == security::DeviceStatus::disabled) return "disabled";
  if (!device.tenant) return "unclaimed";
  if (facts.last_outcome == security::Outcome::refused) return "refused";
  return facts.certificate ? "trusted" : "waiting";
}

json::object device_view(const security::DeviceRecord& device, const DeviceFacts& facts) {
  json::value certificate;
  if (facts.certificate)
    certificate = {{"serial", facts.certificate->serial},
                   {"not_before", rfc3339(facts.certificate->not_before)},
                   {"not_after", rfc3339(facts.certificate->not_after)}};
  return {{"id", device.id.text()},
          {"tenant", optional_tenant(device.tenant)},
          {"state", device_state(device, facts)},
          {"enabled", device.status == security::DeviceStatus::enabled},
          {"activated", device.ak_public.has_value()},
          {"connected", facts.connected},
          {"registered", rfc3339(device.created)},
          {"claimed", optional_time(device.claimed)},
          {"last_attested", optional_time(device.last_attested)},
          {"certificate", std::move(certificate)}};
}

json::value apps_view(const security::DeviceRecord& device, const security::VerdictRecord& last) {
  if (last.outcome != security::Outcome::accepted || last.at < device.claimed.value_or(INT64_MAX))
    return nullptr;
  const auto report = security::report_json(last.report);
  json::object view = report ? object_of(*report) : json::object();
  json::value* apps = view.if_contains("apps");
  return apps == nullptr ? json::value() : std::move(*apps);
}

}  // namespace pavise::server
