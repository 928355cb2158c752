#include "cloud/server/hub_access/log_telemetry.h"

#include <algorithm>

#include "protocol/iothub/property_bag.h"

namespace pavise::server {
namespace {

std::optional<TelemetryItem> item_of(hub::Record&& record, const std::optional<TenantId>& tenant,
                                     const std::optional<DeviceId>& device) {
  if (tenant && record.tenant != tenant->text()) return std::nullopt;
  if (device && record.device != device->text()) return std::nullopt;
  auto record_device = DeviceId::parse(record.device);
  auto record_tenant = TenantId::parse(record.tenant);
  if (!record_device || !record_tenant) return std::nullopt;  // not written by this hub
  TelemetryItem item{record.offset,
                     *std::move(record_device),
                     *std::move(record_tenant),
                     record.time_ms,
                     {},
                     std::move(record.payload)};
  if (const auto bag = iothub::PropertyBag::parse(record.properties))
    for (const iothub::Property& each : bag->all())
      item.properties.emplace_back(each.name, each.value);
  return item;
}

}  // namespace

Result<TelemetryPage> LogTelemetry::read(std::uint64_t from, std::size_t limit,
                                         const std::optional<TenantId>& tenant,
                                         const std::optional<DeviceId>& device) {
  TelemetryPage page;
  page.next_offset = std::max<std::uint64_t>(from, log_.first_offset());
  for (std::size_t scanned = 0; scanned < kScannedRecordsMax;) {
    PAVISE_TRY_ASSIGN(auto records, log_.read(page.next_offset));
    if (records.empty()) return page;
    for (hub::Record& record : records) {
      page.next_offset = record.offset + 1;
      ++scanned;
      auto item = item_of(std::move(record), tenant, device);
      if (!item) continue;
      page.items.push_back(*std::move(item));
      if (page.items.size() == limit) return page;
    }
  }
  return page;
}

}  // namespace pavise::server
