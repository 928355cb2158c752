#include "cloud/server/hub_access/store_twins.h"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "cloud/server/routes/errors.h"
#include "protocol/twin/twin.h"

namespace pavise::server {
namespace {

namespace json = boost::json;

constexpr std::string_view kVersionMember = "$version";

// Takes "$version" out of a section.
bool take_section(json::object& twin, std::string_view name, std::string& text,
                  std::uint64_t& version) {
  json::value* const section = twin.if_contains(name);
  if (section == nullptr || !section->is_object()) return false;
  json::object& members = section->get_object();
  const json::value* const number = members.if_contains(kVersionMember);
  if (number == nullptr || !number->is_int64() || number->get_int64() < 0) return false;
  version = static_cast<std::uint64_t>(number->get_int64());
  members.erase(kVersionMember);
  text = json::serialize(members);
  return true;
}

}  // namespace

Result<TwinDocument> StoreTwins::read(const DeviceId& device) {
  PAVISE_TRY_ASSIGN(const std::string text, calls_.twin_json(device));
  boost::system::error_code ec;
  json::value value = json::parse(text, ec);
  TwinDocument twin;
  if (ec || !value.is_object() ||
      !take_section(value.get_object(), "desired", twin.desired, twin.desired_version) ||
      !take_section(value.get_object(), "reported", twin.reported, twin.reported_version))
    return twin::kCorruptTwin;
  return twin;
}

Result<TwinDocument> StoreTwins::change_desired(const DeviceId& device, const std::string& patch,
                                                std::optional<std::uint64_t> if_version) {
  const auto version = calls_.merge_desired(device, patch, if_version);
  if (version) return read(device);
  if (version.error().is(twin::kVersionMismatch)) return kTwinChanged;
  return version.error();
}

}  // namespace pavise::server
