// Twins of devices and modules: one document each, in the stored form of protocol/twin.
#include <algorithm>

#include "cloud/hub/store/device_event_bodies.h"
#include "cloud/hub/store/sqlite_rows.h"
#include "cloud/hub/store/sqlite_transaction.h"

namespace pavise::hub::store {

using sqlite::Row;

namespace {

Result<twin::Twin> twin_from(const std::optional<std::string>& document) {
  if (!document) return twin::Twin();
  return twin::Twin::from_store(*document);
}

TwinRecord record_of(IdentityRecord identity, const twin::Twin& twin, const TwinParts& parts = {}) {
  TwinRecord out{
      .identity = std::move(identity), .etag = twin.etag(), .version = twin.document_version()};
  if (parts.tags) out.tags_json = twin.tags_json();
  if (parts.properties) {
    out.desired_json = twin.service_section_json(twin::Section::desired);
    out.reported_json = twin.service_section_json(twin::Section::reported);
  }
  if (parts.configurations) {
    out.configurations_json = twin.configurations_json();
    out.configured_json = twin.configured_json();
  }
  return out;
}

}  // namespace

template <class... Args>
Result<std::vector<TwinRecord>> SqliteTransaction::twin_records(const TwinParts& parts,
                                                                std::string_view condition,
                                                                const Args&... args) {
  std::string sql = "SELECT ";
  sql.append(kIdentityColumns)
      .append(
          ", t.document FROM identities AS i JOIN hubs AS h ON h.id = i.hub "
          "LEFT JOIN twins AS t ON t.identity = i.id WHERE ")
      .append(condition);
  std::vector<TwinRecord> out;
  std::optional<Error> bad;
  PAVISE_TRY(query(
      sql,
      [&](const Row& row) {
        auto identity = identity_from(row);
        if (!identity) {
          bad = damaged("an identity");
          return;
        }
        std::optional<std::string> document;
        if (!row.is_null(kIdentityColumnCount)) document = row.text(kIdentityColumnCount);
        const auto twin = twin_from(document);
        if (twin)
          out.push_back(record_of(*std::move(identity), *twin, parts));
        else
          bad = Error(twin.error().info(), identity->id.client_id());
      },
      args...));
  if (bad) return *std::move(bad);
  return out;
}

Result<TwinRecord> SqliteTransaction::twin(const iothub::Identity& id) {
  PAVISE_TRY_ASSIGN(auto found, twin_records({}, "h.name = ?1 AND i.device = ?2 AND i.module = ?3",
                                             id.hub().text(), id.device(), id.module_id()));
  if (found.empty())
    return Error(id.is_module() ? kModuleNotFound : kDeviceNotFound, id.client_id());
  return std::move(found.front());
}

Result<std::vector<TwinRecord>> SqliteTransaction::twins(const iothub::HubName& hub,
                                                         bool of_modules, const Page& page,
                                                         const TwinParts& parts) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  const std::size_t limit = std::min(page.limit, kPageSizeMax);
  if (!of_modules)
    return twin_records(parts,
                        "i.hub = ?1 AND i.device > ?2 AND i.module = '' ORDER BY i.device LIMIT ?3",
                        hub_id, page.after, limit);
  // A '/' is in no id.
  const std::size_t cut = std::min(page.after.find('/'), page.after.size());
  const std::string device = page.after.substr(0, cut);
  const std::string module_id = cut < page.after.size() ? page.after.substr(cut + 1) : "";
  return twin_records(parts,
                      "i.hub = ?1 AND (i.device, i.module) > (?2, ?3) AND i.module > '' "
                      "ORDER BY i.device, i.module LIMIT ?4",
                      hub_id, device, module_id, limit);
}

// The way of every twin request of a device: one look-up, no more than it needs.
Result<SqliteTransaction::StoredTwin> SqliteTransaction::load_twin(const iothub::Identity& id) {
  std::optional<std::int64_t> identity;
  std::optional<std::string> document;
  std::string generation;
  PAVISE_TRY(query(
      "SELECT i.id, t.document, i.generation FROM identities AS i LEFT JOIN twins AS t ON "
      "t.identity = i.id "
      "WHERE i.hub = (SELECT id FROM hubs WHERE name = ?1) AND i.device = ?2 AND i.module = ?3",
      [&](const Row& row) {
        identity = row.integer(0);
        if (!row.is_null(1)) document = row.text(1);
        generation = std::to_string(row.integer(2));
      },
      id.hub().text(), id.device(), id.module_id()));
  if (!identity) return Error(id.is_module() ? kModuleNotFound : kDeviceNotFound, id.client_id());
  auto twin = twin_from(document);
  if (!twin) return Error(twin.error().info(), id.client_id());
  return StoredTwin{*identity, *std::move(twin), std::move(generation)};
}

Status SqliteTransaction::save_twin(std::int64_t identity, const twin::Twin& twin) {
  PAVISE_TRY(
      change("INSERT INTO twins (identity, document) VALUES (?1, ?2) "
             "ON CONFLICT (identity) DO UPDATE SET document = excluded.document",
             identity, twin.store_text()));
  return {};
}

Result<std::string> SqliteTransaction::device_twin(const iothub::Identity& id) {
  PAVISE_TRY_ASSIGN(const StoredTwin stored, load_twin(id));
  return stored.twin.device_json();
}

Result<std::uint64_t> SqliteTransaction::merge_reported(const iothub::Identity& id,
                                                        std::string_view patch_json,
                                                        std::optional<std::uint64_t> if_version) {
  PAVISE_TRY_ASSIGN(StoredTwin stored, load_twin(id));
  PAVISE_TRY_ASSIGN(const bool tell, wants_event(id.hub(), EventSource::twin_changes));
  PAVISE_TRY(stored.twin.merge(twin::Section::reported, patch_json, clock_.now_ms(), if_version));
  PAVISE_TRY(save_twin(stored.identity, stored.twin));
  touched_.twins.push_back(id);
  if (tell)
    PAVISE_TRY(note_event(id, stored.generation, EventSource::twin_changes, "updateTwin",
                          reported_change_body(stored.twin, patch_json)));
  return stored.twin.version(twin::Section::reported);
}

Result<TwinChanged> SqliteTransaction::change_twin(const iothub::Identity& id,
                                                   std::string_view body_json, TwinChangeKind kind,
                                                   const IfMatch& if_match) {
  PAVISE_TRY_ASSIGN(StoredTwin stored, load_twin(id));
  PAVISE_TRY(check_etag(if_match, stored.twin.etag()));
  PAVISE_TRY_ASSIGN(const bool tell, wants_event(id.hub(), EventSource::twin_changes));
  PAVISE_TRY_ASSIGN(twin::Change changed, stored.twin.change(body_json, kind, clock_.now_ms()));
  if (changed.tags || changed.desired) {
    PAVISE_TRY(save_twin(stored.identity, stored.twin));
    const bool merged = kind == TwinChangeKind::merge;
    if (!changed.spelled_out.empty()) body_json = changed.spelled_out;
    if (tell)
      PAVISE_TRY(note_event(
          id, stored.generation, EventSource::twin_changes, merged ? "updateTwin" : "replaceTwin",
          merged ? twin_change_body(stored.twin, body_json) : twin_replaced_body(stored.twin)));
  }
  touched_.twins.push_back(id);
  PAVISE_TRY_ASSIGN(IdentityRecord record, identity(id));
  return TwinChanged{record_of(std::move(record), stored.twin),
                     stored.twin.version(twin::Section::desired),
                     std::move(changed.desired_notification)};
}

Result<TwinChanged> SqliteTransaction::configure_twin(const iothub::Identity& id,
                                                      const TwinSettings& settings) {
  PAVISE_TRY_ASSIGN(StoredTwin stored, load_twin(id));
  PAVISE_TRY_ASSIGN(const bool tell, wants_event(id.hub(), EventSource::twin_changes));
  PAVISE_TRY_ASSIGN(twin::Change changed,
                    stored.twin.configure(settings.desired_patch, settings.configurations_json,
                                          settings.configured_json, clock_.now_ms()));
  PAVISE_TRY(save_twin(stored.identity, stored.twin));
  if (tell && changed.desired)
    PAVISE_TRY(note_event(id, stored.generation, EventSource::twin_changes, "updateTwin",
                          twin_change_body(stored.twin, R"({"properties":{"desired":)" +
                                                            settings.desired_patch + "}}")));
  PAVISE_TRY_ASSIGN(IdentityRecord record, identity(id));
  return TwinChanged{record_of(std::move(record), stored.twin),
                     stored.twin.version(twin::Section::desired),
                     std::move(changed.desired_notification)};
}

Status SqliteTransaction::import_twin(const iothub::Identity& id, std::string_view stored_text) {
  const auto twin = twin::Twin::from_store(stored_text);
  if (!twin) return Error(twin.error().info(), id.client_id());
  PAVISE_TRY_ASSIGN(const auto identity,
                    number("SELECT id FROM identities WHERE hub = (SELECT id FROM hubs WHERE name "
                           "= ?1) AND device = ?2 AND module = ?3",
                           id.hub().text(), id.device(), id.module_id()));
  if (!identity) return Error(id.is_module() ? kModuleNotFound : kDeviceNotFound, id.client_id());
  PAVISE_TRY(change(
      "INSERT INTO twins (identity, document) VALUES (?1, ?2) ON CONFLICT (identity) DO NOTHING",
      *identity, twin->store_text()));
  touched_.twins.push_back(id);
  return {};
}

}  // namespace pavise::hub::store
