// Devices and modules.
#include <algorithm>

#include "cloud/hub/store/checks.h"
#include "cloud/hub/store/sqlite_rows.h"
#include "cloud/hub/store/sqlite_transaction.h"

namespace pavise::hub::store {

using sqlite::Row;

namespace {

constexpr char kScopeSeparator = '\n';  // not in a scope: is_plain_text()

std::string joined(const std::vector<std::string>& scopes) {
  std::string out;
  for (const std::string& scope : scopes) {
    if (!out.empty()) out.push_back(kScopeSeparator);
    out += scope;
  }
  return out;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t cut = std::min(text.find(kScopeSeparator), text.size());
    out.emplace_back(text.substr(0, cut));
    text.remove_prefix(std::min(cut + 1, text.size()));
  }
  return out;
}

const std::string& primary_of(const Authentication& auth) {
  return auth.kind == AuthKind::self_signed ? auth.primary_thumbprint : auth.primary_key;
}
const std::string& secondary_of(const Authentication& auth) {
  return auth.kind == AuthKind::self_signed ? auth.secondary_thumbprint : auth.secondary_key;
}

Error not_found(const iothub::Identity& id) {
  return {id.is_module() ? kModuleNotFound : kDeviceNotFound, id.client_id()};
}

// Services see an attested device as one with a CA's certificate, and write back what they read.
// Its own kind must survive that: nothing but a new attestation would bring it back.
Status keep_attested(const IdentityFields& before, IdentityFields& fields) {
  if (before.auth.kind != AuthKind::attested) return {};
  const AuthKind wanted = fields.auth.kind;
  if (fields.auth.given && wanted != AuthKind::certificate_authority &&
      wanted != AuthKind::attested)
    return Error(kBadIdentity, "authentication.type of an attested device");
  fields.auth = {.kind = AuthKind::attested};
  return {};
}

// What a service gave, completed: keys are kept from before or generated, what does not belong to
// the kind of authentication is dropped, an edge device gets a scope.
Status complete(const iothub::Identity& id, std::string_view generation,
                const IdentityFields* before, IdentityFields& fields) {
  Authentication auth{.kind = fields.auth.kind};
  if (auth.kind == AuthKind::sas) {
    auth.primary_key = fields.auth.primary_key;
    auth.secondary_key = fields.auth.secondary_key;
    if (before != nullptr && before->auth.kind == AuthKind::sas) {
      if (auth.primary_key.empty()) auth.primary_key = before->auth.primary_key;
      if (auth.secondary_key.empty()) auth.secondary_key = before->auth.secondary_key;
    }
    PAVISE_TRY(generate_missing(auth.primary_key, auth.secondary_key));
  } else if (auth.kind == AuthKind::self_signed) {
    auth.primary_thumbprint = thumbprint(fields.auth.primary_thumbprint).value_or("");
    auth.secondary_thumbprint = thumbprint(fields.auth.secondary_thumbprint).value_or("");
  }
  fields.auth = std::move(auth);
  if (fields.iot_edge && fields.device_scope.empty()) {
    if (before != nullptr && before->iot_edge)
      fields.device_scope = before->device_scope;
    else
      fields.device_scope = std::string(kScopePrefix) + id.device() + "-" + std::string(generation);
  }
  // The scope of a device behind a gateway is its parent's.
  if (!fields.iot_edge && !fields.device_scope.empty() && fields.parent_scopes.empty())
    fields.parent_scopes = {fields.device_scope};
  return {};
}

}  // namespace

std::optional<IdentityRecord> identity_from(const Row& row) {
  auto hub = iothub::HubName::parse(row.text(0));
  if (!hub) return std::nullopt;
  auto id = iothub::Identity::make(*std::move(hub), row.text(1), row.text(2));
  if (!id) return std::nullopt;
  IdentityRecord record{*std::move(id)};
  record.generation_id = std::to_string(row.integer(3));
  record.etag = row.text(4);
  IdentityFields& fields = record.fields;
  fields.enabled = row.integer(5) != 0;
  fields.status_reason = row.text(6);
  fields.auth.kind = static_cast<AuthKind>(row.integer(7));
  const bool thumbprints = fields.auth.kind == AuthKind::self_signed;
  (thumbprints ? fields.auth.primary_thumbprint : fields.auth.primary_key) = row.text(8);
  (thumbprints ? fields.auth.secondary_thumbprint : fields.auth.secondary_key) = row.text(9);
  fields.iot_edge = row.integer(10) != 0;
  fields.device_scope = row.text(11);
  fields.parent_scopes = split(row.text(12));
  fields.managed_by = row.text(13);
  record.created_ms = row.integer(14);
  record.status_updated_ms = row.integer(15);
  record.connection_updated_ms = row.integer(16);
  record.last_activity_ms = row.integer(17);
  record.messages_waiting = static_cast<std::uint32_t>(row.integer(18));
  return record;
}

// ---- reading

template <class... Args>
Result<std::vector<IdentityRecord>> SqliteTransaction::identities(std::string_view condition,
                                                                  const Args&... args) {
  std::string sql = "SELECT ";
  sql.append(kIdentityColumns)
      .append(" FROM identities AS i JOIN hubs AS h ON h.id = i.hub WHERE ")
      .append(condition);
  std::vector<IdentityRecord> out;
  bool good = true;
  PAVISE_TRY(query(
      sql,
      [&](const Row& row) {
        auto record = identity_from(row);
        good = good && record.has_value();
        if (record) out.push_back(*std::move(record));
      },
      args...));
  if (!good) return damaged("an identity");
  return out;
}

Result<std::optional<IdentityRecord>> SqliteTransaction::find_identity(const iothub::Identity& id) {
  PAVISE_TRY_ASSIGN(auto found, identities("h.name = ?1 AND i.device = ?2 AND i.module = ?3",
                                           id.hub().text(), id.device(), id.module_id()));
  if (found.empty()) return std::optional<IdentityRecord>();
  return std::optional(std::move(found.front()));
}

Result<IdentityRecord> SqliteTransaction::identity(const iothub::Identity& id) {
  PAVISE_TRY_ASSIGN(auto found, find_identity(id));
  if (!found) return not_found(id);
  return *std::move(found);
}

Result<std::vector<IdentityRecord>> SqliteTransaction::devices(const iothub::HubName& hub,
                                                               const Page& page) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  return identities("i.hub = ?1 AND i.device > ?2 AND i.module = '' ORDER BY i.device LIMIT ?3",
                    hub_id, page.after, std::min(page.limit, kPageSizeMax));
}

Result<std::vector<IdentityRecord>> SqliteTransaction::modules(const iothub::Identity& device) {
  PAVISE_TRY_ASSIGN(const auto found, find_identity(device.of_device()));
  if (!found) return not_found(device.of_device());
  return identities("h.name = ?1 AND i.device = ?2 AND i.module > '' ORDER BY i.module",
                    device.hub().text(), device.device());
}

Result<IdentityCounts> SqliteTransaction::count_identities(const iothub::HubName& hub) {
  IdentityCounts counts;
  PAVISE_TRY_ASSIGN(const std::size_t rows,
                    query(
                        "SELECT devices, devices_enabled, modules FROM hubs WHERE name = ?1",
                        [&](const Row& row) {
                          counts.devices = static_cast<std::uint64_t>(row.integer(0));
                          counts.enabled = static_cast<std::uint64_t>(row.integer(1));
                          counts.modules = static_cast<std::uint64_t>(row.integer(2));
                        },
                        hub.text()));
  if (rows == 0) return Error(kHubNotFound, hub.text());
  counts.disabled = counts.devices - counts.enabled;
  return counts;
}

// ---- writing

Status SqliteTransaction::count(std::int64_t hub, std::int64_t devices, std::int64_t enabled,
                                std::int64_t modules) {
  PAVISE_TRY(
      change("UPDATE hubs SET devices = devices + ?2, devices_enabled = devices_enabled + ?3, "
             "modules = modules + ?4 WHERE id = ?1",
             hub, devices, enabled, modules));
  return {};
}

Status SqliteTransaction::check_room(std::int64_t hub, const iothub::Identity& id) {
  PAVISE_TRY_ASSIGN(const auto all,
                    number("SELECT devices + modules FROM hubs WHERE id = ?1", hub));
  if (all.value_or(0) >= static_cast<std::int64_t>(kIdentitiesMax)) return kTooManyIdentities;
  if (!id.is_module()) return {};
  PAVISE_TRY_ASSIGN(
      const auto modules,
      number("SELECT count(*) FROM identities WHERE hub = ?1 AND device = ?2 AND module > ''", hub,
             id.device()));
  if (modules.value_or(0) >= static_cast<std::int64_t>(kModulesMax)) return kTooManyModules;
  return {};
}

Status SqliteTransaction::insert_identity(std::int64_t hub, const IdentityRecord& record) {
  const IdentityFields& fields = record.fields;
  const bool is_module = record.id.is_module();
  PAVISE_TRY(change(
      "INSERT INTO identities (hub, device, module, generation, etag, enabled, status_reason, "
      "auth_kind, primary_credential, secondary_credential, iot_edge, device_scope, parent_scopes, "
      "managed_by, created, status_updated) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 0)",
      hub, record.id.device(), record.id.module_id(), std::stoull(record.generation_id),
      record.etag, fields.enabled, fields.status_reason, static_cast<int>(fields.auth.kind),
      primary_of(fields.auth), secondary_of(fields.auth), fields.iot_edge, fields.device_scope,
      joined(fields.parent_scopes), fields.managed_by, record.created_ms));
  PAVISE_TRY(
      count(hub, is_module ? 0 : 1, !is_module && fields.enabled ? 1 : 0, is_module ? 1 : 0));
  changes_.emplace_back(IdentityPut{record.id, auth_of(record)});
  return {};
}

Result<IdentityRecord> SqliteTransaction::create_identity(const iothub::Identity& id,
                                                          const IdentityFields& fields) {
  PAVISE_TRY(check_fields(id, fields));
  PAVISE_TRY_ASSIGN(const bool tell, wants_event(id.hub(), EventSource::device_lifecycle));
  PAVISE_TRY_ASSIGN(const std::int64_t hub, hub_number(id.hub()));
  PAVISE_TRY_ASSIGN(const auto there, find_identity(id));
  if (there) return Error(id.is_module() ? kModuleExists : kDeviceExists, id.client_id());
  if (id.is_module()) {
    PAVISE_TRY_ASSIGN(const auto device, find_identity(id.of_device()));
    if (!device) return not_found(id.of_device());
  }
  PAVISE_TRY(check_room(hub, id));
  IdentityRecord record{id, fields};
  record.created_ms = clock_.now_ms();
  PAVISE_TRY_ASSIGN(record.etag, new_etag());
  PAVISE_TRY_ASSIGN(const std::uint64_t generation, new_generation(record.created_ms));
  record.generation_id = std::to_string(generation);
  PAVISE_TRY(complete(id, record.generation_id, nullptr, record.fields));
  PAVISE_TRY(insert_identity(hub, record));
  if (tell) PAVISE_TRY(note_created(record));
  return record;
}

Result<IdentityRecord> SqliteTransaction::ensure_attested(const iothub::Identity& device) {
  PAVISE_TRY_ASSIGN(auto there, find_identity(device));
  if (there) return *std::move(there);
  return create_identity(device, {.auth = {.kind = AuthKind::attested}});
}

Result<IdentityRecord> SqliteTransaction::update_identity(const iothub::Identity& id,
                                                          const IdentityFields& fields,
                                                          const IfMatch& if_match) {
  PAVISE_TRY(check_fields(id, fields));
  PAVISE_TRY_ASSIGN(IdentityRecord record, identity(id));
  PAVISE_TRY(check_etag(if_match, record.etag));
  const IdentityFields before = std::exchange(record.fields, fields);
  PAVISE_TRY(keep_attested(before, record.fields));
  PAVISE_TRY(complete(id, record.generation_id, &before, record.fields));
  PAVISE_TRY_ASSIGN(record.etag, new_etag());
  const IdentityFields& after = record.fields;
  if (before.enabled != after.enabled || before.status_reason != after.status_reason)
    record.status_updated_ms = clock_.now_ms();
  PAVISE_TRY_ASSIGN(const std::int64_t hub, hub_number(id.hub()));
  PAVISE_TRY(change(
      "UPDATE identities SET etag = ?4, enabled = ?5, status_reason = ?6, auth_kind = ?7, "
      "primary_credential = ?8, secondary_credential = ?9, iot_edge = ?10, device_scope = ?11, "
      "parent_scopes = ?12, managed_by = ?13, status_updated = ?14 "
      "WHERE hub = ?1 AND device = ?2 AND module = ?3",
      hub, id.device(), id.module_id(), record.etag, after.enabled, after.status_reason,
      static_cast<int>(after.auth.kind), primary_of(after.auth), secondary_of(after.auth),
      after.iot_edge, after.device_scope, joined(after.parent_scopes), after.managed_by,
      record.status_updated_ms));
  if (!id.is_module() && before.enabled != after.enabled)
    PAVISE_TRY(count(hub, 0, after.enabled ? 1 : -1, 0));
  changes_.emplace_back(IdentityPut{id, auth_of(record)});
  return record;
}

Result<std::vector<iothub::Identity>> SqliteTransaction::delete_identity(const iothub::Identity& id,
                                                                         const IfMatch& if_match) {
  PAVISE_TRY_ASSIGN(const IdentityRecord record, identity(id));
  PAVISE_TRY(check_etag(if_match, record.etag));
  PAVISE_TRY_ASSIGN(const std::int64_t hub, hub_number(id.hub()));
  PAVISE_TRY_ASSIGN(const bool tell, wants_event(id.hub(), EventSource::device_lifecycle));
  if (id.is_module()) {
    if (tell) PAVISE_TRY(note_deleted(record));
    PAVISE_TRY(change("DELETE FROM identities WHERE hub = ?1 AND device = ?2 AND module = ?3", hub,
                      id.device(), id.module_id()));
    changes_.emplace_back(IdentityRemoved{id});
    PAVISE_TRY(count(hub, 0, 0, -1));
    return std::vector{id};
  }
  PAVISE_TRY_ASSIGN(const auto its_modules, modules(id));
  if (tell) {
    for (const IdentityRecord& each : its_modules) PAVISE_TRY(note_deleted(each));
    PAVISE_TRY(note_deleted(record));
  }
  PAVISE_TRY(change("DELETE FROM identities WHERE hub = ?1 AND device = ?2", hub, id.device()));
  std::vector removed{id};
  for (const IdentityRecord& each : its_modules) removed.push_back(each.id);
  for (const iothub::Identity& each : removed) changes_.emplace_back(IdentityRemoved{each});
  PAVISE_TRY(count(hub, -1, record.fields.enabled ? -1 : 0,
                   -static_cast<std::int64_t>(its_modules.size())));
  return removed;
}

Status SqliteTransaction::note_activity(std::span<const Activity> activities) {
  const bool reports = std::ranges::any_of(
      activities, [](const Activity& activity) { return activity.report_connected.has_value(); });
  if (reports) PAVISE_TRY(check_event_room());
  for (const Activity& activity : activities) {
    PAVISE_TRY(
        change("UPDATE identities SET connection_updated = max(connection_updated, ?4), "
               "last_activity = max(last_activity, ?5) "
               "WHERE hub = (SELECT id FROM hubs WHERE name = ?1) AND device = ?2 AND module = ?3",
               activity.id.hub().text(), activity.id.device(), activity.id.module_id(),
               activity.connection_updated_ms, activity.last_activity_ms));
    if (activity.report_connected)
      PAVISE_TRY(report_connection(activity, *activity.report_connected));
  }
  return {};
}

// ---- subscriptions

Result<std::vector<KeptSubscriptions>> SqliteTransaction::kept_subscriptions() {
  std::vector<KeptSubscriptions> out;
  bool good = true;
  PAVISE_TRY(query(
      "SELECT h.name, i.device, i.module, i.subscriptions FROM identities i JOIN hubs h ON h.id = "
      "i.hub WHERE i.subscriptions <> 0 ORDER BY h.name, i.device, i.module",
      [&](const Row& row) {
        auto hub = iothub::HubName::parse(row.text(0));
        auto id =
            hub ? iothub::Identity::make(*std::move(hub), row.text(1), row.text(2)) : std::nullopt;
        good = good && id.has_value();
        if (id) out.push_back({*std::move(id), static_cast<std::uint8_t>(row.integer(3))});
      }));
  if (!good) return damaged("an identity");
  return out;
}

Status SqliteTransaction::keep_subscriptions(const KeptSubscriptions& kept) {
  PAVISE_TRY(
      change("UPDATE identities SET subscriptions = ?4 "
             "WHERE hub = (SELECT id FROM hubs WHERE name = ?1) AND device = ?2 AND module = ?3",
             kept.id.hub().text(), kept.id.device(), kept.id.module_id(), kept.subscriptions));
  return {};
}

// ---- the index

IdentityAuth auth_of(const IdentityRecord& record) {
  const Authentication& auth = record.fields.auth;
  IdentityAuth out{auth.kind, record.fields.enabled, record.fields.iot_edge,
                   std::stoull(record.generation_id)};
  const auto credential = [&](const std::string& text) {
    const auto bytes = auth.kind == AuthKind::self_signed ? from_hex(text) : from_base64(text);
    // Checked when it was written; one that does not decode cannot be used.
    return bytes && bytes->size() <= kKeySizeMax ? Credential(*bytes) : Credential();
  };
  out.primary = credential(primary_of(auth));
  out.secondary = credential(secondary_of(auth));
  return out;
}

void apply(IndexChange&& change, IdentityIndex& index) {
  struct Applied {
    IdentityIndex& index;
    void operator()(HubPut& put) const { index.put_hub(std::move(put.hub)); }
    void operator()(HubRemoved& removed) const { index.remove_hub(removed.name); }
    void operator()(IdentityPut& put) const { index.put(put.id, put.auth); }
    void operator()(IdentityRemoved& removed) const { index.remove(removed.id); }
  };
  std::visit(Applied{index}, change);
}

Status SqliteTransaction::load(IdentityIndex& index) {
  PAVISE_TRY_ASSIGN(const auto all, hubs());
  for (const HubRecord& each : all) {
    PAVISE_TRY_ASSIGN(HubAuth auth, hub_auth(each.name));
    index.put_hub(std::make_shared<const HubAuth>(std::move(auth)));
  }
  std::string sql = "SELECT ";
  sql.append(kIdentityColumns).append(" FROM identities AS i JOIN hubs AS h ON h.id = i.hub");
  bool good = true;
  PAVISE_TRY(query(sql, [&](const Row& row) {
    const auto record = identity_from(row);
    good = good && record.has_value();
    if (record) index.put(record->id, auth_of(*record));
  }));
  if (!good) return damaged("an identity");
  return {};
}

}  // namespace pavise::hub::store
