// What belongs to devices: their one identity row, claims, attestations, certificates, verdicts.
#include <algorithm>
#include <bit>

#include "cloud/security/registry/sqlite_registry_impl.h"

namespace pavise::security {
namespace {

constexpr std::string_view kSelectDevices =
    "SELECT id, version, ek_certificate, ek_public, ak_public, tenant, enabled, created, claimed, "
    "clock_ms, reset_count, restart_count, last_attested FROM devices";

std::optional<std::int64_t> optional_integer(const SqliteRow& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return row.integer(column);
}

// Nothing when an identifier in the row is not well-formed.
std::optional<DeviceRecord> device_from(const SqliteRow& row) {
  auto id = DeviceId::parse(row.text(0));
  if (!id) return std::nullopt;
  DeviceRecord device{.id = *std::move(id)};
  device.version = static_cast<std::uint64_t>(row.integer(1));
  device.ek_certificate = row.blob(2);
  device.ek_public = row.blob(3);
  if (!row.is_null(4)) device.ak_public = row.blob(4);
  if (!row.is_null(5)) {
    device.tenant = TenantId::parse(row.text(5));
    if (!device.tenant) return std::nullopt;
  }
  device.status = row.integer(6) == 1 ? DeviceStatus::enabled : DeviceStatus::disabled;
  device.created = row.integer(7);
  device.claimed = optional_integer(row, 8);
  if (!row.is_null(9))
    device.clock = ClockMark{std::bit_cast<std::uint64_t>(row.integer(9)),
                             static_cast<std::uint32_t>(row.integer(10)),
                             static_cast<std::uint32_t>(row.integer(11))};
  device.last_attested = optional_integer(row, 12);
  return device;
}

Error damaged(std::string_view what) {
  return Error(kRegistryCorrupt, std::string(what));
}

Result<DeviceRecord> select_device(SqliteDatabase& db, const DeviceId& id) {
  std::optional<DeviceRecord> found;
  static const std::string sql = std::string(kSelectDevices) + " WHERE id = ?1";
  PAVISE_TRY_ASSIGN(const std::size_t rows,
                    db.query(sql, [&](const SqliteRow& row) { found = device_from(row); }, id));
  if (rows == 0) return Error(kNotFound, "device " + id.text());
  if (!found) return damaged("a device's row");
  return *std::move(found);
}

Result<DeviceRecord> select_version(SqliteDatabase& db, const DeviceId& id,
                                    std::uint64_t expected_version) {
  PAVISE_TRY_ASSIGN(DeviceRecord device, select_device(db, id));
  if (device.version != expected_version) return kChangedMeanwhile;
  return device;
}

Status set_ak(SqliteDatabase& db, const DeviceId& id, const std::optional<Bytes>& bound,
              ByteView ak_public) {
  if (bound) {
    if (equal(*bound, ak_public)) return {};
    return Error(kIdentityConflict, "another AK is bound");
  }
  const auto changed = db.change(
      "UPDATE devices SET ak_public = ?2, version = version + 1 WHERE id = ?1", id, ak_public);
  if (changed) return {};
  if (changed.error().is(kAlreadyExists))
    return Error(kIdentityConflict, "the AK belongs to another device");
  return changed.error();
}

// What decides whether an attestation may be committed; the large columns stay on the disk.
struct Admission {
  std::uint64_t version = 0;
  bool enabled = false;
  std::string tenant;  // empty: none
  std::optional<Bytes> ak_public;
};

Result<Admission> select_admission(SqliteDatabase& db, const DeviceId& id) {
  Admission out;
  PAVISE_TRY_ASSIGN(const std::size_t rows,
                    db.query(
                        "SELECT version, enabled, tenant, ak_public FROM devices WHERE id = ?1",
                        [&](const SqliteRow& row) {
                          out.version = static_cast<std::uint64_t>(row.integer(0));
                          out.enabled = row.integer(1) == 1;
                          out.tenant = row.text(2);
                          if (!row.is_null(3)) out.ak_public = row.blob(3);
                        },
                        id));
  if (rows == 0) return Error(kNotFound, "device " + id.text());
  return out;
}

// Read in the transaction: who revokes a release must not see it accepted once more afterwards.
Status require_live_release(SqliteDatabase& db, std::string_view digest) {
  PAVISE_TRY_ASSIGN(const std::size_t rows,
                    db.query(
                        "SELECT 1 FROM releases WHERE digest = ?1 AND revoked IS NULL",
                        [](const SqliteRow&) {}, digest));
  if (rows == 0) return Error(kChangedMeanwhile, "the release is not to be trusted any more");
  return {};
}

// The version grows, so that an acceptance judged against the older mark is not committed.
Status raise_clock(SqliteDatabase& db, const DeviceId& id, const ClockNote& note) {
  PAVISE_TRY(
      db.change("UPDATE devices SET clock_ms = ?2, reset_count = ?3, restart_count = ?4, "
                "version = version + 1 WHERE id = ?1 AND ak_public = ?5 AND "
                "(clock_ms IS NULL OR reset_count < ?3 OR "
                "(reset_count = ?3 AND restart_count <= ?4 AND clock_ms < ?2))",
                id, std::bit_cast<std::int64_t>(note.clock.clock_ms), note.clock.reset_count,
                note.clock.restart_count, note.ak_public));
  return {};
}

constexpr std::string_view kSelectCertificates =
    "SELECT serial, fingerprint, device, tenant, not_before, not_after, revoked, reason "
    "FROM certificates";

std::optional<CertificateRecord> certificate_from(const SqliteRow& row) {
  auto device = DeviceId::parse(row.text(2));
  auto tenant = TenantId::parse(row.text(3));
  if (!device || !tenant) return std::nullopt;
  return CertificateRecord{
      row.text(0),    row.text(1),    *std::move(device),       *std::move(tenant),
      row.integer(4), row.integer(5), optional_integer(row, 6), row.text(7)};
}

Result<std::size_t> revoke_all(SqliteDatabase& db, const DeviceId& id, std::string_view reason,
                               UnixSeconds at) {
  return db.change(
      "UPDATE certificates SET revoked = ?3, reason = ?2 "
      "WHERE device = ?1 AND revoked IS NULL AND not_after >= ?3",
      id, reason, at);
}

constexpr std::string_view kSelectVerdicts =
    "SELECT id, device, at, accepted, code, reason, report FROM verdicts";

std::optional<VerdictRecord> verdict_from(const SqliteRow& row) {
  auto device = DeviceId::parse(row.text(1));
  if (!device) return std::nullopt;
  VerdictRecord verdict{.device = *std::move(device)};
  verdict.id = row.integer(0);
  verdict.at = row.integer(2);
  verdict.outcome = row.integer(3) == 1 ? Outcome::accepted : Outcome::refused;
  verdict.code = row.text(4);
  verdict.reason = row.text(5);
  verdict.report = row.blob(6);
  return verdict;
}

Status insert_verdict(SqliteDatabase& db, const VerdictRecord& verdict) {
  PAVISE_TRY(
      db.change("INSERT INTO verdicts (device, at, accepted, code, reason, report) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                verdict.device, verdict.at, verdict.outcome == Outcome::accepted ? 1 : 0,
                verdict.code, verdict.reason, verdict.report));
  PAVISE_TRY(
      db.change("DELETE FROM verdicts WHERE device = ?1 AND id <= (SELECT id FROM verdicts "
                "WHERE device = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                verdict.device, kVerdictsKeptPerDevice));
  return {};
}

}  // namespace

// ---- devices

Result<DeviceRecord> SqliteRegistry::add_device(const DeviceRecord& device,
                                                const AuditRecord& audit) {
  std::optional<DeviceRecord> stored;
  PAVISE_TRY(writes_.run([&](SqliteDatabase& db) -> Status {
    stored.reset();
    if (auto existing = select_device(db, device.id)) {
      if (!equal(existing->ek_public, device.ek_public)) return kIdentityConflict;
      stored = *std::move(existing);
      return {};
    } else if (!existing.error().is(kNotFound)) {
      return std::move(existing).error();
    }
    const auto added = db.change(
        "INSERT INTO devices (id, version, ek_certificate, ek_public, enabled, created) "
        "VALUES (?1, 1, ?2, ?3, 1, ?4)",
        device.id, device.ek_certificate, device.ek_public, device.created);
    if (!added)
      return added.error().is(kAlreadyExists) ? Error(kIdentityConflict) : Error(added.error());
    PAVISE_TRY(insert_audit(db, audit));
    PAVISE_TRY_ASSIGN(stored, select_device(db, device.id));
    return {};
  }));
  return *std::move(stored);
}

Result<DeviceRecord> SqliteRegistry::device(const DeviceId& id) {
  const std::lock_guard lock(reader_mutex_);
  return select_device(*reader_, id);
}

Result<std::vector<DeviceRecord>> SqliteRegistry::devices(const DeviceFilter& filter) {
  std::vector<DeviceRecord> out;
  bool good = true;
  const auto visit = [&](const SqliteRow& row) {
    if (auto device = device_from(row))
      out.push_back(*std::move(device));
    else
      good = false;
  };
  const std::size_t limit = std::min(filter.limit, kPageSizeMax);
  static const std::string all =
      std::string(kSelectDevices) + " WHERE id > ?1 ORDER BY id LIMIT ?2";
  static const std::string of_tenant =
      std::string(kSelectDevices) + " WHERE tenant IS ?3 AND id > ?1 ORDER BY id LIMIT ?2";
  if (filter.tenant || filter.unclaimed_only)
    PAVISE_TRY(read(of_tenant, visit, filter.after, limit,
                    filter.unclaimed_only ? std::nullopt : filter.tenant));
  else
    PAVISE_TRY(read(all, visit, filter.after, limit));
  if (!good) return damaged("a device's row");
  return out;
}

Status SqliteRegistry::set_device_status(const DeviceId& id, DeviceStatus status,
                                         const AuditRecord& audit) {
  return write(audit, [&](SqliteDatabase& db) -> Status {
    return require_change(
        db.change("UPDATE devices SET enabled = ?2, version = version + 1 WHERE id = ?1", id,
                  status == DeviceStatus::enabled ? 1 : 0),
        "device " + id.text());
  });
}

Status SqliteRegistry::bind_ak(const AkBindingCommit& commit, const AuditRecord& audit) {
  return write(audit, [&](SqliteDatabase& db) -> Status {
    PAVISE_TRY_ASSIGN(const DeviceRecord device,
                      select_version(db, commit.device, commit.expected_version));
    return set_ak(db, commit.device, device.ak_public, commit.ak_public);
  });
}

Status SqliteRegistry::claim_device(const ClaimCommit& commit, const AuditRecord& audit) {
  return write(audit, [&](SqliteDatabase& db) -> Status {
    PAVISE_TRY_ASSIGN(const DeviceRecord device,
                      select_version(db, commit.device, commit.expected_version));
    std::size_t used = 0;
    PAVISE_TRY_ASSIGN(used, db.query(
                                "SELECT 1 FROM vouchers WHERE serial = ?1", [](const SqliteRow&) {},
                                commit.voucher_serial));
    if (used != 0) return kVoucherUsed;
    if (device.tenant) return Error(kAlreadyExists, "claimed");
    PAVISE_TRY(
        db.change("UPDATE devices SET tenant = ?2, claimed = ?3, version = version + 1 "
                  "WHERE id = ?1",
                  commit.device, commit.tenant, commit.at));
    PAVISE_TRY(
        db.change("INSERT INTO vouchers (serial, device, tenant, used) VALUES (?1, ?2, ?3, ?4)",
                  commit.voucher_serial, commit.device, commit.tenant, commit.at));
    return {};
  });
}

Status SqliteRegistry::move_device(const DeviceId& id, std::uint64_t expected_version,
                                   const std::optional<TenantId>& to, const AuditRecord& audit) {
  return write(audit, [&](SqliteDatabase& db) -> Status {
    PAVISE_TRY(select_version(db, id, expected_version));
    const std::optional<UnixSeconds> claimed = to ? std::optional(audit.at) : std::nullopt;
    PAVISE_TRY(
        db.change("UPDATE devices SET tenant = ?2, claimed = ?3, version = version + 1 "
                  "WHERE id = ?1",
                  id, to, claimed));
    PAVISE_TRY(revoke_all(db, id, "the device changed its owner", audit.at));
    return {};
  });
}

Result<bool> SqliteRegistry::voucher_used(std::string_view serial) {
  PAVISE_TRY_ASSIGN(
      const std::size_t rows,
      read("SELECT 1 FROM vouchers WHERE serial = ?1", [](const SqliteRow&) {}, serial));
  return rows != 0;
}

// ---- attestation

Status SqliteRegistry::commit_attestation(const AttestationCommit& commit) {
  return writes_.run([&](SqliteDatabase& db) -> Status {
    PAVISE_TRY_ASSIGN(const Admission now, select_admission(db, commit.device));
    const CertificateRecord& certificate = commit.certificate;
    if (now.version != commit.expected_version || !now.enabled ||
        now.tenant != certificate.tenant.text() || certificate.device != commit.device ||
        commit.verdict.device != commit.device)
      return kChangedMeanwhile;
    PAVISE_TRY(require_live_release(db, commit.release));
    if (commit.ak_public)
      PAVISE_TRY(set_ak(db, commit.device, now.ak_public, *commit.ak_public));
    else if (!now.ak_public)
      return Error(kIdentityConflict, "no AK is bound");
    PAVISE_TRY(
        db.change("INSERT INTO certificates (serial, fingerprint, device, tenant, not_before, "
                  "not_after, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, '')",
                  certificate.serial, certificate.fingerprint, certificate.device,
                  certificate.tenant, certificate.not_before, certificate.not_after));
    PAVISE_TRY(
        db.change("UPDATE devices SET clock_ms = ?2, reset_count = ?3, restart_count = ?4, "
                  "last_attested = ?5, version = version + 1 WHERE id = ?1",
                  commit.device, std::bit_cast<std::int64_t>(commit.clock.clock_ms),
                  commit.clock.reset_count, commit.clock.restart_count, commit.verdict.at));
    return insert_verdict(db, commit.verdict);
  });
}

Status SqliteRegistry::add_verdict(const VerdictRecord& verdict,
                                   const std::optional<ClockNote>& clock) {
  return writes_.run([&](SqliteDatabase& db) -> Status {
    if (clock) PAVISE_TRY(raise_clock(db, verdict.device, *clock));
    return insert_verdict(db, verdict);
  });
}

Result<VerdictRecord> SqliteRegistry::last_verdict(const DeviceId& id) {
  PAVISE_TRY_ASSIGN(auto newest, verdicts(id, 1));
  if (newest.empty()) return Error(kNotFound, "no verdict yet");
  return std::move(newest.front());
}

Result<std::vector<VerdictRecord>> SqliteRegistry::verdicts(const DeviceId& id, std::size_t limit) {
  std::vector<VerdictRecord> out;
  static const std::string sql =
      std::string(kSelectVerdicts) + " WHERE device = ?1 ORDER BY id DESC LIMIT ?2";
  PAVISE_TRY(read(
      sql,
      [&](const SqliteRow& row) {
        if (auto verdict = verdict_from(row)) out.push_back(*std::move(verdict));
      },
      id, std::min(limit, kPageSizeMax)));
  return out;
}

// ---- certificates

Result<CertificateRecord> SqliteRegistry::certificate(std::string_view serial) {
  std::optional<CertificateRecord> found;
  static const std::string sql = std::string(kSelectCertificates) + " WHERE serial = ?1";
  PAVISE_TRY(read(sql, [&](const SqliteRow& row) { found = certificate_from(row); }, serial));
  if (!found) return Error(kNotFound, "certificate");
  return *std::move(found);
}

Result<std::vector<CertificateRecord>> SqliteRegistry::certificates(const DeviceId& id,
                                                                    std::size_t limit) {
  std::vector<CertificateRecord> out;
  static const std::string sql = std::string(kSelectCertificates) +
                                 " WHERE device = ?1 ORDER BY not_before DESC, rowid DESC LIMIT ?2";
  PAVISE_TRY(read(
      sql,
      [&](const SqliteRow& row) {
        if (auto certificate = certificate_from(row)) out.push_back(*std::move(certificate));
      },
      id, std::min(limit, kPageSizeMax)));
  return out;
}

Status SqliteRegistry::revoke_certificate(std::string_view serial, std::string_view reason,
                                          const AuditRecord& audit) {
  return write(audit, [&](SqliteDatabase& db) -> Status {
    return require_change(
        db.change("UPDATE certificates SET reason = CASE WHEN revoked IS NULL THEN ?2 ELSE reason "
                  "END, revoked = coalesce(revoked, ?3) WHERE serial = ?1",
                  serial, reason, audit.at),
        "certificate");
  });
}

Result<std::size_t> SqliteRegistry::revoke_device_certificates(const DeviceId& id,
                                                               std::string_view reason,
                                                               const AuditRecord& audit) {
  std::size_t revoked = 0;
  PAVISE_TRY(write(audit, [&](SqliteDatabase& db) -> Status {
    PAVISE_TRY_ASSIGN(revoked, revoke_all(db, id, reason, audit.at));
    return {};
  }));
  return revoked;
}

Status SqliteRegistry::visit_live_certificates(
    UnixSeconds now, const std::function<void(const CertificateRecord&)>& visit) {
  bool good = true;
  static const std::string sql = std::string(kSelectCertificates) + " WHERE not_after >= ?1";
  PAVISE_TRY(read(
      sql,
      [&](const SqliteRow& row) {
        if (const auto certificate = certificate_from(row))
          visit(*certificate);
        else
          good = false;
      },
      now));
  if (!good) return damaged("a certificate's row");
  return {};
}

Result<std::size_t> SqliteRegistry::forget_expired_certificates(UnixSeconds before) {
  std::size_t forgotten = 0;
  PAVISE_TRY(writes_.run([&](SqliteDatabase& db) -> Status {
    PAVISE_TRY_ASSIGN(forgotten,
                      db.change("DELETE FROM certificates WHERE not_after < ?1", before));
    return {};
  }));
  return forgotten;
}

}  // namespace pavise::security
