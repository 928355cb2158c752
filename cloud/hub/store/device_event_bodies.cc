#include "cloud/hub/store/device_event_bodies.h"

#include <array>
#include <boost/json.hpp>
#include <cstdio>

#include "common/json/exact_json.h"

namespace pavise::hub::store {

namespace json = boost::json;
using twin::Section;

namespace {

constexpr std::string_view kMetadata = "$metadata";
constexpr std::string_view kVersion = "$version";
constexpr int kDepthMax = 32;  // as deep as protocol/twin reads

json::object parsed(std::string_view text) {
  boost::system::error_code failed;
  json::value value = parse_exactly(text, kDepthMax, failed);
  return failed || !value.is_object() ? json::object() : std::move(value.get_object());
}

const json::object* object_at(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

// What the metadata says of the members of the patch; of one that it deleted there is none.
json::object metadata_of(const json::object& metadata, const json::object& patch) {
  json::object out;
  for (const auto& [name, value] : metadata) {
    if (name.starts_with('$')) {
      out[name] = value;
      continue;
    }
    const json::value* const written = patch.if_contains(name);
    if (written == nullptr) continue;
    const json::object* const inside = written->if_object();
    if (inside != nullptr && value.is_object())
      out[name] = metadata_of(value.get_object(), *inside);
    else
      out[name] = value;
  }
  return out;
}

json::object section_change(const twin::Twin& twin, Section section, json::object patch) {
  patch.erase(kMetadata);  // clients send back what they got
  patch.erase(kVersion);
  const json::object whole = parsed(twin.service_section_json(section));
  json::object out = patch;
  if (const json::object* const metadata = object_at(whole, kMetadata))
    out[kMetadata] = metadata_of(*metadata, patch);
  out[kVersion] = twin.version(section);
  return out;
}

json::object section_of(const twin::Twin& twin, Section section) {
  return parsed(twin.service_section_json(section));
}

// When each property was written may take ten times the room of the properties.
std::string within_limit(json::object body) {
  std::string text = json::serialize(body);
  if (text.size() <= kDeviceEventBodyMax) return text;
  if (json::value* const properties = body.if_contains("properties"))
    for (auto& [name, section] : properties->as_object()) section.as_object().erase(kMetadata);
  text = json::serialize(body);
  if (text.size() <= kDeviceEventBodyMax) return text;
  // A patch of nulls, or text that is mostly escapes: the reader gets the twin.
  body.erase("tags");
  body.erase("properties");
  return json::serialize(body);
}

}  // namespace

std::string reported_change_body(const twin::Twin& twin, std::string_view patch_json) {
  return within_limit(
      {{"version", twin.document_version()},
       {"properties",
        {{"reported", section_change(twin, Section::reported, parsed(patch_json))}}}});
}

std::string twin_change_body(const twin::Twin& twin, std::string_view change_json) {
  const json::object change = parsed(change_json);
  json::object body{{"version", twin.document_version()}};
  if (const json::object* const tags = object_at(change, "tags")) body["tags"] = *tags;
  const json::object* const properties = object_at(change, "properties");
  const json::object* const desired =
      properties == nullptr ? nullptr : object_at(*properties, "desired");
  if (desired != nullptr)
    body["properties"] = {{"desired", section_change(twin, Section::desired, *desired)}};
  return within_limit(std::move(body));
}

std::string twin_replaced_body(const twin::Twin& twin) {
  return within_limit({{"version", twin.document_version()},
                       {"tags", parsed(twin.tags_json())},
                       {"properties", {{"desired", section_of(twin, Section::desired)}}}});
}

std::string twin_body(const iothub::Identity& id, const twin::Twin& twin) {
  json::object body{{"deviceId", id.device()}};
  if (id.is_module()) body["moduleId"] = id.module_id();
  body["etag"] = twin.etag();
  body["version"] = twin.document_version();
  body["tags"] = parsed(twin.tags_json());
  body["properties"] = {{"desired", section_of(twin, Section::desired)},
                        {"reported", section_of(twin, Section::reported)}};
  return within_limit(std::move(body));
}

std::string connection_body(std::int64_t number) {
  std::array<char, 65> digits{};
  std::snprintf(digits.data(), digits.size(), "%064llX", static_cast<unsigned long long>(number));
  return json::serialize(json::object{{"sequenceNumber", digits.data()}});
}

}  // namespace pavise::hub::store
