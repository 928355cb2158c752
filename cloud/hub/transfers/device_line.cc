#include "cloud/hub/transfers/device_line.h"

#include <boost/json/serialize.hpp>

#include "cloud/hub/rest/error_rows.h"
#include "cloud/hub/rest/identity_json.h"
#include "common/json/exact_json.h"

namespace pavise::hub::transfers {

namespace json = boost::json;

namespace {

constexpr std::size_t kDepthMax = 32;
constexpr std::size_t kMessageMax = 256;  // of the words about a line
constexpr std::size_t kModeMax = 32;

// A part of a twin as it was written, or nothing if there is nothing to write.
json::object part(const std::string& text) {
  boost::system::error_code ec;
  json::value value = parse_exactly(text, ec);
  json::object* const members = ec ? nullptr : value.if_object();
  if (members == nullptr) return {};
  for (const std::string_view own : {"$metadata", "$version"}) members->erase(own);
  return std::move(*members);
}

// At most so many bytes, without half a character at the end.
std::string shortened(std::string_view text, std::size_t size) {
  if (text.size() <= size) return std::string(text);
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80) --size;
  return std::string(text.substr(0, size));
}

}  // namespace

std::string device_line(const store::TwinRecord& twin, bool exclude_keys) {
  const store::IdentityRecord& record = twin.identity;
  json::object shown = rest::identity_json(record, false);
  json::object out{{"id", record.id.device()}};
  if (record.id.is_module()) out["moduleId"] = record.id.module_id();
  out["eTag"] = record.etag;
  if (exclude_keys)
    shown["authentication"].as_object()["symmetricKey"] = {{"primaryKey", nullptr},
                                                           {"secondaryKey", nullptr}};
  for (const std::string_view name : {"status", "statusReason", "authentication", "capabilities",
                                      "deviceScope", "parentScopes", "managedBy"})
    if (const json::value* const value = shown.if_contains(name)) out[name] = *value;
  out["twinETag"] = twin.etag;
  if (json::object tags = part(twin.tags_json); !tags.empty()) out["tags"] = std::move(tags);
  if (json::object desired = part(twin.desired_json); !desired.empty())
    out["properties"] = json::object{{"desired", std::move(desired)}};
  return json::serialize(out) + "\n";
}

Result<rest::BulkItem> parse_device_line(const iothub::HubName& hub, std::string_view line) {
  boost::system::error_code ec;
  const json::value value = parse_finite(line, kDepthMax, ec);
  if (ec || !value.is_object()) return kBadLine;
  return rest::bulk_item(hub, value);
}

std::string error_line(std::uint64_t line, const rest::BulkItem* item, const Error& error) {
  const iothub::HubErrorCode code = error.is(kBadLine)
                                        ? iothub::HubErrorCode::iot_hub_format_error
                                        : iothub::to_hub_error(error.info(), rest::error_rows());
  json::object out{{"line", line}};
  if (item != nullptr) {
    out["deviceId"] = item->identity.device();
    if (item->identity.is_module()) out["moduleId"] = item->identity.module_id();
    out["operation"] = shortened(item->mode, kModeMax);
  }
  out["errorCode"] = iothub::number_of(code);
  out["errorStatus"] = iothub::hub_error(code).name;
  out["message"] = shortened(error.message(), kMessageMax);
  return json::serialize(out) + "\n";
}

}  // namespace pavise::hub::transfers
