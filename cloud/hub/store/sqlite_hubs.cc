// Hubs, their policies and CA certificates.
#include <algorithm>

#include "cloud/hub/store/checks.h"
#include "cloud/hub/store/sqlite_transaction.h"
#include "common/crypto/crypto.h"

namespace pavise::hub::store {

using sqlite::Row;

namespace {

constexpr std::string_view kHubColumns =
    "SELECT name, tenant, created, etag, partition_count, retention_hours, retention_bytes_max, "
    "message_ttl_s, delivery_count_max, feedback_ttl_s, feedback_delivery_count_max, "
    "feedback_lock_s, disable_device_sas, disable_module_sas, fault_injection, event_sources FROM "
    "hubs";

std::uint32_t small(const Row& row, int column) {
  return static_cast<std::uint32_t>(row.integer(column));
}

std::optional<HubRecord> hub_from(const Row& row) {
  auto name = iothub::HubName::parse(row.text(0));
  auto tenant = TenantId::parse(row.text(1));
  if (!name || !tenant) return std::nullopt;
  HubRecord hub{*std::move(name), *std::move(tenant), row.integer(2), row.text(3)};
  HubSettings& s = hub.settings;
  s.partition_count = small(row, 4);
  s.retention_hours = small(row, 5);
  s.retention_bytes_max = static_cast<std::uint64_t>(row.integer(6));
  s.message_ttl_s = small(row, 7);
  s.delivery_count_max = small(row, 8);
  s.feedback = {small(row, 9), small(row, 10), small(row, 11)};
  s.disable_device_sas = row.integer(12) != 0;
  s.disable_module_sas = row.integer(13) != 0;
  s.fault_injection = row.integer(14) != 0;
  s.event_sources = static_cast<EventSources>(row.integer(15));
  return hub;
}

// The five policies that every IoT Hub has.
struct DefaultPolicy {
  std::string_view name;
  Rights rights;
};
constexpr Rights bits(std::initializer_list<Right> rights) {
  Rights out = 0;
  for (const Right right : rights) out = static_cast<Rights>(out | static_cast<Rights>(right));
  return out;
}
constexpr DefaultPolicy kDefaultPolicies[] = {
    {"iothubowner", kAllRights},
    {"service", bits({Right::service_connect})},
    {"device", bits({Right::device_connect})},
    {"registryRead", bits({Right::registry_read})},
    {"registryReadWrite", bits({Right::registry_read, Right::registry_write})},
};

Status check_policy(const PolicyRecord& policy) {
  if (!is_name(policy.name, kPolicyNameSizeMax, "!._-")) return Error(kBadPolicy, "name");
  if (policy.rights == 0 || policy.rights > kAllRights) return Error(kBadPolicy, "rights");
  for (const std::string& key : {policy.primary_key, policy.secondary_key})
    if (!key.empty() && !is_key(key)) return Error(kBadPolicy, "key");
  return {};
}

CaCertificateRecord certificate_from(const Row& row) {
  return {row.text(0),         row.blob(1), row.text(2),    row.text(3),    row.integer(4),
          row.integer(5) != 0, row.text(6), row.integer(7), row.integer(8), row.text(9)};
}

constexpr std::string_view kCertificateColumns =
    "SELECT name, certificate, subject, thumbprint, not_after, verified, nonce, created, updated, "
    "etag FROM ca_certificates WHERE hub = ?1";

bool is_nonce(std::string_view nonce) {
  return nonce.empty() || is_name(nonce, kNonceSizeMax, "._-");
}

}  // namespace

Status check_etag(const IfMatch& if_match, std::string_view current) {
  if (if_match && *if_match != current) return kPreconditionFailed;
  return {};
}

Error SqliteTransaction::damaged(std::string_view what) {
  Error error(kStoreCorrupt, std::string(what));
  if (!failure_) failure_ = error;
  return error;
}

Status SqliteTransaction::attempt(const std::function<Status()>& work) {
  PAVISE_TRY(change("SAVEPOINT attempt"));
  const std::size_t changes = changes_.size();
  const std::size_t twins = touched_.twins.size();
  const std::size_t configurations = touched_.configurations.size();
  Status done = work();
  if (failure_) return *failure_;
  if (!done) {
    PAVISE_TRY(change("ROLLBACK TO attempt"));
    changes_.erase(changes_.begin() + static_cast<std::ptrdiff_t>(changes), changes_.end());
    touched_.twins.erase(touched_.twins.begin() + static_cast<std::ptrdiff_t>(twins),
                         touched_.twins.end());
    touched_.configurations.erase(
        touched_.configurations.begin() + static_cast<std::ptrdiff_t>(configurations),
        touched_.configurations.end());
  }
  PAVISE_TRY(change("RELEASE attempt"));
  return done;
}

// ---- hubs

Result<std::int64_t> SqliteTransaction::hub_number(const iothub::HubName& name) {
  PAVISE_TRY_ASSIGN(const auto found, number("SELECT id FROM hubs WHERE name = ?1", name.text()));
  if (!found) return Error(kHubNotFound, name.text());
  return *found;
}

Result<HubRecord> SqliteTransaction::hub(const iothub::HubName& name) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub, hub_number(name));
  std::optional<HubRecord> found;
  static const std::string sql = std::string(kHubColumns) + " WHERE id = ?1";
  PAVISE_TRY(query(sql, [&](const Row& row) { found = hub_from(row); }, hub));
  if (!found) return damaged("a hub");
  PAVISE_TRY(query(
      // In the order in which they were given: all of a hub are written together.
      "SELECT alias FROM host_aliases WHERE hub = ?1 ORDER BY rowid",
      [&](const Row& row) { found->settings.host_aliases.push_back(row.text(0)); }, hub));
  PAVISE_TRY_ASSIGN(found->settings.file_upload, file_upload_settings(hub));
  return *std::move(found);
}

Result<FileUploadSettings> SqliteTransaction::file_upload_settings(std::int64_t hub) {
  FileUploadSettings out;
  PAVISE_TRY(query(
      "SELECT enabled, notifications, sas_ttl_s, ttl_s, delivery_count_max, lock_s, "
      "file_bytes_max, device_bytes_max, hub_bytes_max FROM file_upload_settings WHERE hub = ?1",
      [&](const Row& row) {
        out = {.enabled = row.integer(0) != 0,
               .notifications = row.integer(1) != 0,
               .sas_ttl_s = small(row, 2),
               .notification = {small(row, 3), small(row, 4), small(row, 5)},
               .file_bytes_max = static_cast<std::uint64_t>(row.integer(6)),
               .device_bytes_max = static_cast<std::uint64_t>(row.integer(7)),
               .hub_bytes_max = static_cast<std::uint64_t>(row.integer(8))};
      },
      hub));
  return out;
}

Status SqliteTransaction::write_file_upload(std::int64_t hub, const FileUploadSettings& s) {
  PAVISE_TRY(change("DELETE FROM file_upload_settings WHERE hub = ?1", hub));
  PAVISE_TRY(
      change("INSERT INTO file_upload_settings VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
             hub, s.enabled, s.notifications, s.sas_ttl_s, s.notification.ttl_s,
             s.notification.delivery_count_max, s.notification.lock_s, s.file_bytes_max,
             s.device_bytes_max, s.hub_bytes_max));
  return {};
}

Result<std::vector<HubRecord>> SqliteTransaction::hubs() {
  std::vector<std::string> names;
  PAVISE_TRY(query("SELECT name FROM hubs ORDER BY name",
                   [&](const Row& row) { names.push_back(row.text(0)); }));
  std::vector<HubRecord> out;
  for (const std::string& text : names) {
    const auto name = iothub::HubName::parse(text);
    if (!name) return damaged("a hub's name");
    PAVISE_TRY_ASSIGN(HubRecord record, hub(*name));
    out.push_back(std::move(record));
  }
  return out;
}

// A host name selects one hub by its first label or as a whole, so neither may mean two hubs.
Status SqliteTransaction::check_hub_names(const iothub::HubName& name,
                                          const HubSettings& settings) {
  PAVISE_TRY_ASSIGN(const auto squatted,
                    number("SELECT 1 FROM host_aliases WHERE (alias = ?1 OR alias LIKE ?1 || '.%') "
                           "AND hub NOT IN (SELECT id FROM hubs WHERE name = ?1)",
                           name.text()));
  if (squatted) return Error(kHubExists, name.text());
  for (const std::string& alias : settings.host_aliases) {
    const std::string label = alias.substr(0, alias.find('.'));
    PAVISE_TRY_ASSIGN(const auto taken,
                      number("SELECT 1 FROM hubs WHERE name <> ?1 AND (name = ?3 OR id IN "
                             "(SELECT hub FROM host_aliases WHERE alias = ?2))",
                             name.text(), alias, label));
    if (taken) return Error(kHubExists, alias);
  }
  return {};
}

// A tenant always gets the hub of its attested devices.
Status SqliteTransaction::check_room_for_hub(const iothub::HubName& name, const TenantId& tenant) {
  if (name.is_of_tenant()) return {};
  PAVISE_TRY_ASSIGN(const auto hubs,
                    number("SELECT count(*) FROM hubs WHERE tenant = ?1 AND name <> ?2", tenant,
                           iothub::HubName::of_tenant(tenant).text()));
  if (hubs.value_or(0) >= static_cast<std::int64_t>(kHubsMax)) return kTooManyHubs;
  return {};
}

Status SqliteTransaction::write_aliases(std::int64_t hub, const HubSettings& settings) {
  PAVISE_TRY(change("DELETE FROM host_aliases WHERE hub = ?1", hub));
  for (const std::string& alias : settings.host_aliases)
    PAVISE_TRY(change("INSERT INTO host_aliases (alias, hub) VALUES (?1, ?2)", alias, hub));
  return {};
}

Result<HubRecord> SqliteTransaction::create_hub(const iothub::HubName& name, const TenantId& tenant,
                                                const HubSettings& s) {
  PAVISE_TRY(check_settings(s));
  PAVISE_TRY_ASSIGN(const auto there, number("SELECT id FROM hubs WHERE name = ?1", name.text()));
  if (there) return Error(kHubExists, name.text());
  PAVISE_TRY(check_hub_names(name, s));
  PAVISE_TRY(check_room_for_hub(name, tenant));
  std::vector<PolicyRecord> defaults;
  for (const DefaultPolicy& given : kDefaultPolicies) {
    defaults.push_back({.name = std::string(given.name), .rights = given.rights});
    PAVISE_TRY(generate_missing(defaults.back().primary_key, defaults.back().secondary_key));
  }
  PAVISE_TRY_ASSIGN(const std::string etag, new_etag());
  PAVISE_TRY(change(
      "INSERT INTO hubs (name, tenant, created, etag, partition_count, retention_hours, "
      "retention_bytes_max, message_ttl_s, delivery_count_max, feedback_ttl_s, "
      "feedback_delivery_count_max, feedback_lock_s, disable_device_sas, disable_module_sas, "
      "fault_injection, event_sources) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
      name.text(), tenant, clock_.now_ms(), etag, s.partition_count, s.retention_hours,
      s.retention_bytes_max, s.message_ttl_s, s.delivery_count_max, s.feedback.ttl_s,
      s.feedback.delivery_count_max, s.feedback.lock_s, s.disable_device_sas, s.disable_module_sas,
      s.fault_injection, s.event_sources));
  const std::int64_t hub_id = db_.last_insert_id();
  PAVISE_TRY(write_aliases(hub_id, s));
  PAVISE_TRY(write_file_upload(hub_id, s.file_upload));
  for (const PolicyRecord& policy : defaults) PAVISE_TRY(write_policy(hub_id, policy));
  PAVISE_TRY(note_hub(name));
  return hub(name);
}

Result<HubRecord> SqliteTransaction::update_hub(const iothub::HubName& name, const HubSettings& s,
                                                const IfMatch& if_match) {
  PAVISE_TRY_ASSIGN(const HubRecord before, hub(name));
  PAVISE_TRY(check_etag(if_match, before.etag));
  PAVISE_TRY(check_settings(s));
  if (s.partition_count != before.settings.partition_count)
    return Error(kBadSettings, "partition_count is fixed");
  PAVISE_TRY(check_hub_names(name, s));
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(name));
  PAVISE_TRY_ASSIGN(const std::string etag, new_etag());
  PAVISE_TRY(change(
      "UPDATE hubs SET etag = ?2, retention_hours = ?3, retention_bytes_max = ?4, "
      "message_ttl_s = ?5, delivery_count_max = ?6, feedback_ttl_s = ?7, "
      "feedback_delivery_count_max = ?8, feedback_lock_s = ?9, disable_device_sas = ?10, "
      "disable_module_sas = ?11, fault_injection = ?12, event_sources = ?13 WHERE id = ?1",
      hub_id, etag, s.retention_hours, s.retention_bytes_max, s.message_ttl_s, s.delivery_count_max,
      s.feedback.ttl_s, s.feedback.delivery_count_max, s.feedback.lock_s, s.disable_device_sas,
      s.disable_module_sas, s.fault_injection, s.event_sources));
  PAVISE_TRY(write_aliases(hub_id, s));
  PAVISE_TRY(write_file_upload(hub_id, s.file_upload));
  PAVISE_TRY(note_hub(name));
  return hub(name);
}

Status SqliteTransaction::delete_hub(const iothub::HubName& name, const IfMatch& if_match) {
  PAVISE_TRY_ASSIGN(const HubRecord before, hub(name));
  PAVISE_TRY(check_etag(if_match, before.etag));
  PAVISE_TRY(change("DELETE FROM hubs WHERE name = ?1", name.text()));
  changes_.emplace_back(HubRemoved{name});
  return {};
}

// ---- policies

Result<std::vector<PolicyRecord>> SqliteTransaction::policies(const iothub::HubName& hub) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  std::vector<PolicyRecord> out;
  PAVISE_TRY(query(
      "SELECT name, primary_key, secondary_key, rights FROM policies WHERE hub = ?1 ORDER BY name",
      [&](const Row& row) {
        out.push_back({row.text(0), row.text(1), row.text(2), static_cast<Rights>(row.integer(3))});
      },
      hub_id));
  return out;
}

Status SqliteTransaction::write_policy(std::int64_t hub, const PolicyRecord& policy) {
  PAVISE_TRY(
      change("INSERT INTO policies (hub, name, primary_key, secondary_key, rights) "
             "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (hub, name) DO UPDATE SET "
             "primary_key = excluded.primary_key, secondary_key = excluded.secondary_key, "
             "rights = excluded.rights",
             hub, policy.name, policy.primary_key, policy.secondary_key, policy.rights));
  return {};
}

Result<PolicyRecord> SqliteTransaction::create_policy(const iothub::HubName& hub,
                                                      const PolicyRecord& given) {
  PAVISE_TRY(check_policy(given));
  PAVISE_TRY_ASSIGN(const auto before, policies(hub));
  if (std::ranges::find(before, given.name, &PolicyRecord::name) != before.end())
    return Error(kPolicyExists, given.name);
  if (before.size() >= kPoliciesMax) return kTooManyPolicies;
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PolicyRecord policy = given;
  PAVISE_TRY(generate_missing(policy.primary_key, policy.secondary_key));
  PAVISE_TRY(write_policy(hub_id, policy));
  PAVISE_TRY(note_hub(hub));
  return policy;
}

Result<PolicyRecord> SqliteTransaction::update_policy(const iothub::HubName& hub,
                                                      const PolicyRecord& given) {
  PAVISE_TRY(check_policy(given));
  PAVISE_TRY_ASSIGN(const auto before, policies(hub));
  if (std::ranges::find(before, given.name, &PolicyRecord::name) == before.end())
    return Error(kPolicyNotFound, given.name);
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PolicyRecord policy = given;
  PAVISE_TRY(generate_missing(policy.primary_key, policy.secondary_key));
  PAVISE_TRY(write_policy(hub_id, policy));
  PAVISE_TRY(note_hub(hub));
  return policy;
}

Status SqliteTransaction::delete_policy(const iothub::HubName& hub, std::string_view name) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(const std::size_t rows,
                    change("DELETE FROM policies WHERE hub = ?1 AND name = ?2", hub_id, name));
  if (rows == 0) return Error(kPolicyNotFound, std::string(name));
  return note_hub(hub);
}

// ---- the index

Result<HubAuth> SqliteTransaction::hub_auth(const iothub::HubName& name) {
  PAVISE_TRY_ASSIGN(HubRecord record, hub(name));
  HubAuth auth{std::move(record), {}, {}};
  PAVISE_TRY_ASSIGN(const auto policy_records, policies(name));
  for (const PolicyRecord& policy : policy_records) {
    auto primary = from_base64(policy.primary_key);
    auto secondary = from_base64(policy.secondary_key);
    if (!primary || !secondary) return damaged("a policy's key");
    auth.policies.push_back(
        {policy.name, policy.rights, *std::move(primary), *std::move(secondary)});
  }
  PAVISE_TRY_ASSIGN(auto certificates, ca_certificates(name));
  for (CaCertificateRecord& certificate : certificates)
    if (certificate.verified)
      auth.ca_certificates.push_back(
          {std::move(certificate.name), std::move(certificate.certificate)});
  return auth;
}

Status SqliteTransaction::note_hub(const iothub::HubName& name) {
  PAVISE_TRY_ASSIGN(HubAuth auth, hub_auth(name));
  changes_.emplace_back(HubPut{std::make_shared<const HubAuth>(std::move(auth))});
  return {};
}

// ---- CA certificates

Result<std::vector<CaCertificateRecord>> SqliteTransaction::ca_certificates(
    const iothub::HubName& hub) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  std::vector<CaCertificateRecord> out;
  static const std::string sql = std::string(kCertificateColumns) + " ORDER BY name";
  PAVISE_TRY(query(sql, [&](const Row& row) { out.push_back(certificate_from(row)); }, hub_id));
  return out;
}

Result<std::optional<CaCertificateRecord>> SqliteTransaction::find_certificate(
    const iothub::HubName& hub, std::string_view name, const IfMatch& if_match) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  std::optional<CaCertificateRecord> found;
  static const std::string sql = std::string(kCertificateColumns) + " AND name = ?2";
  PAVISE_TRY(query(sql, [&](const Row& row) { found = certificate_from(row); }, hub_id, name));
  if (found) PAVISE_TRY(check_etag(if_match, found->etag));
  return found;
}

Result<CaCertificateRecord> SqliteTransaction::ca_certificate(const iothub::HubName& hub,
                                                              std::string_view name) {
  PAVISE_TRY_ASSIGN(auto found, find_certificate(hub, name, {}));
  if (!found) return Error(kCertificateNotFound, std::string(name));
  return *std::move(found);
}

Result<CaCertificateRecord> SqliteTransaction::add_ca_certificate(
    const iothub::HubName& hub, const CaCertificateRecord& record) {
  if (!is_name(record.name, kCertificateNameSizeMax, "._-")) return Error(kBadCertificate, "name");
  if (record.certificate.empty() || record.certificate.size() > kCertificateSizeMax)
    return Error(kBadCertificate, "certificate");
  if (!is_plain_text(record.subject, kCertificateSizeMax)) return Error(kBadCertificate, "subject");
  if (!is_nonce(record.nonce)) return Error(kBadCertificate, "nonce");
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  const auto print = thumbprint(to_hex(crypto::sha256(record.certificate)));
  if (!print) return Error(kBadCertificate, "certificate");
  PAVISE_TRY_ASSIGN(const auto there,
                    number("SELECT 1 FROM ca_certificates WHERE hub = ?1 AND (name = ?2 OR "
                           "thumbprint = ?3)",
                           hub_id, record.name, *print));
  if (there) return Error(kCertificateExists, record.name);
  PAVISE_TRY_ASSIGN(const auto rows,
                    number("SELECT count(*) FROM ca_certificates WHERE hub = ?1", hub_id));
  if (rows.value_or(0) >= static_cast<std::int64_t>(kCaCertificatesMax))
    return kTooManyCertificates;
  PAVISE_TRY_ASSIGN(const std::string etag, new_etag());
  PAVISE_TRY(
      change("INSERT INTO ca_certificates (hub, name, certificate, subject, thumbprint, not_after, "
             "verified, nonce, created, updated, etag) "
             "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)",
             hub_id, record.name, record.certificate, record.subject, *print, record.not_after_ms,
             record.verified, record.nonce, clock_.now_ms(), etag));
  PAVISE_TRY(note_hub(hub));
  return ca_certificate(hub, record.name);
}

Result<CaCertificateRecord> SqliteTransaction::set_ca_nonce(const iothub::HubName& hub,
                                                            std::string_view name,
                                                            std::string_view nonce,
                                                            const IfMatch& if_match) {
  if (!is_nonce(nonce)) return Error(kBadCertificate, "nonce");
  PAVISE_TRY_ASSIGN(const auto found, find_certificate(hub, name, if_match));
  if (!found) return Error(kCertificateNotFound, std::string(name));
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(const std::string etag, new_etag());
  PAVISE_TRY(change(
      "UPDATE ca_certificates SET nonce = ?3, updated = ?4, etag = ?5 WHERE hub = ?1 AND name = ?2",
      hub_id, name, nonce, clock_.now_ms(), etag));
  return ca_certificate(hub, name);
}

Result<CaCertificateRecord> SqliteTransaction::verify_ca_certificate(const iothub::HubName& hub,
                                                                     std::string_view name,
                                                                     const IfMatch& if_match) {
  PAVISE_TRY_ASSIGN(const auto found, find_certificate(hub, name, if_match));
  if (!found) return Error(kCertificateNotFound, std::string(name));
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(const std::string etag, new_etag());
  PAVISE_TRY(
      change("UPDATE ca_certificates SET verified = 1, nonce = '', updated = ?3, etag = ?4 "
             "WHERE hub = ?1 AND name = ?2",
             hub_id, name, clock_.now_ms(), etag));
  PAVISE_TRY(note_hub(hub));
  return ca_certificate(hub, name);
}

Status SqliteTransaction::delete_ca_certificate(const iothub::HubName& hub, std::string_view name,
                                                const IfMatch& if_match) {
  PAVISE_TRY_ASSIGN(const auto found, find_certificate(hub, name, if_match));
  if (!found) return Error(kCertificateNotFound, std::string(name));
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY(change("DELETE FROM ca_certificates WHERE hub = ?1 AND name = ?2", hub_id, name));
  return note_hub(hub);
}

}  // namespace pavise::hub::store
