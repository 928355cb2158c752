#include "cloud/server/hub_access/log_telemetry.h"

#include <algorithm>

#include "cloud/hub/session/auth_method.h"
#include "protocol/iothub/property_bag.h"

namespace pavise::server {
namespace {

// Anybody who may write a hub's registry can make a device with the id of an attested one; only the
// way it proved itself tells the two apart. Before there were hubs, every device was attested.
bool is_attested(const hub::Record& record) {
  if (record.origin.empty()) return record.hub.empty() && DeviceId::parse(record.device);
  return hub::RecordOrigin::parse(record.origin).auth_method ==
         hub::to_string(hub::AuthMethod::attested);
}

bool wanted(const hub::Record& record, const TelemetryFilter& filter) {
  if (filter.tenant && record.tenant != filter.tenant->text()) return false;
  if (filter.device && record.device != *filter.device) return false;
  if (record.time_ms < filter.since_ms) return false;
  if (filter.hub) return record.hub == filter.hub->text();
  // Without a hub it is what attested devices sent, not what a hub says of them.
  return hub::RecordOrigin::parse(record.origin).source.empty() && is_attested(record);
}

std::optional<TelemetryItem> item_of(hub::Record&& record, const TelemetryFilter& filter) {
  if (!wanted(record, filter)) return std::nullopt;
  auto tenant = TenantId::parse(record.tenant);
  if (!tenant) return std::nullopt;  // not written by this hub
  hub::RecordOrigin origin = hub::RecordOrigin::parse(record.origin);
  TelemetryItem item{.offset = record.offset,
                     .device = std::move(record.device),
                     .tenant = *std::move(tenant),
                     .time_ms = record.time_ms,
                     .properties = {},
                     .body = std::move(record.payload),
                     .hub = std::move(record.hub),
                     .module_id = std::move(origin.module_id),
                     .auth_method = std::move(origin.auth_method),
                     .generation_id = std::move(origin.generation_id),
                     .source = std::move(origin.source)};
  if (const auto bag = iothub::PropertyBag::parse(record.properties))
    for (const iothub::Property& each : bag->all())
      item.properties.emplace_back(each.name, each.value);
  return item;
}

}  // namespace

bool LogTelemetry::kept(const hub::Record& record) const {
  return retention_ == nullptr || record.offset >= retention_->floor(record.hub);
}

Result<TelemetryPage> LogTelemetry::read(std::uint64_t from, std::size_t limit,
                                         const TelemetryFilter& filter) {
  TelemetryPage page;
  page.next_offset = std::max<std::uint64_t>(from, log_.first_offset());
  for (std::size_t scanned = 0; scanned < kScannedRecordsMax;) {
    PAVISE_TRY_ASSIGN(auto records, log_.read(page.next_offset));
    if (records.empty()) return page;
    for (hub::Record& record : records) {
      page.next_offset = record.offset + 1;
      ++scanned;
      if (!kept(record)) continue;
      auto item = item_of(std::move(record), filter);
      if (!item) continue;
      page.items.push_back(*std::move(item));
      if (page.items.size() == limit) return page;
    }
  }
  return page;
}

}  // namespace pavise::server
