// Events of devices: written with the change that they tell of, kept until the event log has them.
#include "cloud/hub/store/device_event_bodies.h"
#include "cloud/hub/store/sqlite_transaction.h"

namespace pavise::hub::store {

using sqlite::Row;

std::string_view event_source_name(EventSource source) {
  switch (source) {
    case EventSource::twin_changes:
      return "twinChangeEvents";
    case EventSource::device_lifecycle:
      return "deviceLifecycleEvents";
    case EventSource::connection_state:
      return "deviceConnectionStateEvents";
  }
  return {};
}

// Numbers have no gaps but for hubs that were deleted: never fewer than there are rows.
Status SqliteTransaction::check_event_room() {
  PAVISE_TRY_ASSIGN(const auto oldest, number("SELECT min(number) FROM device_events"));
  if (!oldest) return {};
  PAVISE_TRY_ASSIGN(const auto newest, number("SELECT max(number) FROM device_events"));
  const std::int64_t waiting = newest.value_or(*oldest) - *oldest + 1;
  if (waiting >= static_cast<std::int64_t>(kDeviceEventsWaitingMax)) return kTooManyEvents;
  return {};
}

Result<bool> SqliteTransaction::wants_event(const iothub::HubName& hub, EventSource source) {
  PAVISE_TRY_ASSIGN(const auto sources,
                    number("SELECT event_sources FROM hubs WHERE name = ?1", hub.text()));
  if ((sources.value_or(0) & static_cast<std::int64_t>(source)) == 0) return false;
  PAVISE_TRY(check_event_room());
  return true;
}

Status SqliteTransaction::note_event(const iothub::Identity& id, std::string_view generation,
                                     EventSource source, std::string_view operation,
                                     std::string_view body) {
  PAVISE_TRY(
      change("INSERT INTO device_events (hub, device, module, generation, source, operation, at, "
             "body) SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM hubs WHERE name = ?1",
             id.hub().text(), id.device(), id.module_id(), std::stoull(std::string(generation)),
             static_cast<int>(source), operation, clock_.now_ms(), body));
  return {};
}

Status SqliteTransaction::note_created(const IdentityRecord& record) {
  return note_event(record.id, record.generation_id, EventSource::device_lifecycle,
                    record.id.is_module() ? "createModuleIdentity" : "createDeviceIdentity",
                    twin_body(record.id, twin::Twin()));
}

Status SqliteTransaction::note_deleted(const IdentityRecord& record) {
  auto stored = load_twin(record.id);
  // A damaged twin must not keep its device from being deleted.
  if (!stored && !stored.error().is(twin::kCorruptTwin)) return stored.error();
  return note_event(record.id, record.generation_id, EventSource::device_lifecycle,
                    record.id.is_module() ? "deleteModuleIdentity" : "deleteDeviceIdentity",
                    stored ? twin_body(record.id, stored->twin) : twin_body(record.id, {}));
}

Status SqliteTransaction::report_connection(const Activity& activity, bool connected) {
  const iothub::Identity& id = activity.id;
  PAVISE_TRY_ASSIGN(
      const std::size_t changed,
      change("UPDATE identities SET connection_reported = ?4 "
             "WHERE hub = (SELECT id FROM hubs WHERE name = ?1) AND device = ?2 AND module = ?3 "
             "AND connection_reported <> ?4",
             id.hub().text(), id.device(), id.module_id(), connected));
  if (changed == 0) return {};
  PAVISE_TRY(change(
      "INSERT INTO device_events (hub, device, module, generation, source, operation, at, "
      "body) SELECT h.id, i.device, i.module, i.generation, ?5, ?6, ?7, '' "
      "FROM identities AS i JOIN hubs AS h ON h.id = i.hub WHERE h.name = ?1 "
      "AND i.device = ?2 AND i.module = ?3 AND (h.event_sources & ?4) <> 0",
      id.hub().text(), id.device(), id.module_id(), static_cast<int>(EventSource::connection_state),
      static_cast<int>(EventSource::connection_state),
      std::string_view(connected ? "deviceConnected" : "deviceDisconnected"),
      activity.connection_updated_ms != 0 ? activity.connection_updated_ms : clock_.now_ms()));
  return {};
}

// Nobody is connected when a process begins: who was told to be is so no longer.
Status SqliteTransaction::end_stale_connections() {
  const UnixMillis now_ms = clock_.now_ms();
  PAVISE_TRY(
      change("INSERT INTO device_events (hub, device, module, generation, source, operation, at, "
             "body) SELECT h.id, i.device, i.module, i.generation, ?1, 'deviceDisconnected', ?2, "
             "'' FROM identities AS i JOIN hubs AS h ON h.id = i.hub "
             "WHERE i.connection_reported = 1 AND (h.event_sources & ?1) <> 0",
             static_cast<int>(EventSource::connection_state), now_ms));
  PAVISE_TRY(
      change("UPDATE identities SET connection_reported = 0, connection_updated = "
             "max(connection_updated, ?1) WHERE connection_reported = 1",
             now_ms));
  return {};
}

Result<std::vector<DeviceEvent>> SqliteTransaction::device_events(std::size_t limit) {
  std::vector<DeviceEvent> out;
  bool good = true;
  PAVISE_TRY(query(
      "SELECT e.number, h.name, e.device, e.module, h.tenant, e.generation, e.source, e.operation, "
      "e.at, e.body FROM device_events AS e JOIN hubs AS h ON h.id = e.hub "
      "ORDER BY e.number LIMIT ?1",
      [&](const Row& row) {
        auto hub = iothub::HubName::parse(row.text(1));
        auto tenant = TenantId::parse(row.text(4));
        auto id =
            hub ? iothub::Identity::make(*std::move(hub), row.text(2), row.text(3)) : std::nullopt;
        good = good && id && tenant;
        if (!id || !tenant) return;
        const auto source = static_cast<EventSource>(row.integer(6));
        out.push_back({row.integer(0), *std::move(id), *std::move(tenant),
                       std::to_string(row.integer(5)), source, row.text(7), row.integer(8),
                       source == EventSource::connection_state ? connection_body(row.integer(0))
                                                               : row.text(9)});
      },
      limit));
  if (!good) return damaged("an event of a device");
  return out;
}

Status SqliteTransaction::delete_device_events(std::int64_t number) {
  PAVISE_TRY(change("DELETE FROM device_events WHERE number <= ?1", number));
  return {};
}

}  // namespace pavise::hub::store
