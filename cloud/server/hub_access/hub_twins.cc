#include "cloud/server/hub_access/hub_twins.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <future>

#include "cloud/hub/session/close_reasons.h"
#include "cloud/server/hub_house/hub_house.h"
#include "cloud/server/routes/errors.h"
#include "common/json/exact_json.h"
#include "protocol/twin/twin.h"

namespace pavise::server {
namespace {

namespace json = boost::json;
using hub::store::HubTransaction;

constexpr std::string_view kVersionMember = "$version";

iothub::Identity identity_of(const TenantId& tenant, const DeviceId& device) {
  auto out = iothub::Identity::make(iothub::HubName::of_tenant(tenant), device.text());
  PAVISE_CHECK(out.has_value());  // a device id is one of the hub's
  return *std::move(out);
}

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

Result<TwinDocument> document_of(const std::string& text) {
  boost::system::error_code ec;
  json::value value = parse_exactly(text, ec);
  TwinDocument twin;
  if (ec || !value.is_object() ||
      !take_section(value.get_object(), "desired", twin.desired, twin.desired_version) ||
      !take_section(value.get_object(), "reported", twin.reported, twin.reported_version))
    return twin::kCorruptTwin;
  return twin;
}

// A device that has never connected has no entry in the hub yet.
Result<TwinDocument> read_in(HubTransaction& transaction, const iothub::Identity& identity) {
  PAVISE_TRY(transaction.ensure_attested(identity));
  PAVISE_TRY_ASSIGN(const std::string text, transaction.device_twin(identity));
  return document_of(text);
}

}  // namespace

Result<TwinDocument> HubTwins::read(const TenantId& tenant, const DeviceId& device) {
  const iothub::Identity identity = identity_of(tenant, device);
  return queue_.call<TwinDocument>(
      [&](HubTransaction& transaction) { return read_in(transaction, identity); });
}

Result<TwinDocument> HubTwins::change_desired(const TenantId& tenant, const DeviceId& device,
                                              const std::string& patch,
                                              std::optional<std::uint64_t> if_version) {
  struct Changed {
    TwinDocument document;
    hub::store::TwinChanged change;
  };
  const iothub::Identity identity = identity_of(tenant, device);
  const std::string body = R"({"properties":{"desired":)" + patch + "}}";
  auto promise = std::make_shared<std::promise<Result<TwinDocument>>>();
  auto answer = promise->get_future();
  queue_.submit<Changed>(
      [&](HubTransaction& transaction) -> Result<Changed> {
        PAVISE_TRY_ASSIGN(const TwinDocument before, read_in(transaction, identity));
        if (if_version && *if_version != before.desired_version) return kTwinChanged;
        PAVISE_TRY_ASSIGN(auto change, transaction.change_twin(
                                           identity, body, hub::store::TwinChangeKind::merge, {}));
        PAVISE_TRY_ASSIGN(TwinDocument document, read_in(transaction, identity));
        return Changed{std::move(document), std::move(change)};
      },
      // On the queue's thread, so that notifications leave in the order of their versions.
      [this, identity, promise](Result<Changed> changed) {
        if (!changed) return promise->set_value(changed.error());
        if (!changed->change.desired_notification.empty())
          calls_.desired_changed(identity, changed->change.desired_version,
                                 std::move(changed->change.desired_notification));
        promise->set_value(std::move(changed->document));
      });
  return answer.get();
}

Status HubTwins::forget(const DeviceId& device) {
  for (const auto& one : queue_.store().index().hubs()) {
    const auto identity = iothub::Identity::make(one->hub.name, device.text());
    PAVISE_CHECK(identity.has_value());
    const auto entry = queue_.store().index().find(*identity);
    if (!entry || entry->kind != hub::store::AuthKind::attested) continue;
    auto removed = queue_.call<std::vector<iothub::Identity>>(
        [&](HubTransaction& transaction) { return transaction.delete_identity(*identity, {}); });
    if (!removed && !removed.error().is(hub::store::kDeviceNotFound)) return removed.error();
    for (const auto& each : removed ? *removed : std::vector{*identity}) calls_.forget(each);
    calls_.rights_changed(
        {.device = device.text(), .hub = one->hub.name, .reason = Error(hub::kDeviceBarred)});
  }
  return {};
}

Status HubTwins::tenant_created(const TenantId& tenant) {
  return ensure_tenant_hub(queue_, tenant);
}

}  // namespace pavise::server
