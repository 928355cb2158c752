// Opening, and what belongs to the management plane: tenants, vendors, releases, tokens, audit.
#include "cloud/security/registry/sqlite_registry.h"

#include <algorithm>
#include <cstring>

#include "cloud/security/registry/sqlite_registry_impl.h"
#include "cloud/security/registry/sqlite_schema.h"

namespace pavise::security {
namespace {

// The ids below were checked when they were written; a file in which they are not well-formed was
// changed by somebody else.
Error damaged(std::string_view what) {
  return Error(kRegistryCorrupt, std::string(what));
}

Result<std::optional<TenantId>> optional_tenant(const SqliteRow& row, int column) {
  if (row.is_null(column)) return std::optional<TenantId>{};
  auto id = TenantId::parse(row.text(column));
  if (!id) return damaged("a tenant's name");
  return id;
}

std::optional<std::int64_t> optional_integer(const SqliteRow& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return row.integer(column);
}

}  // namespace

Result<std::unique_ptr<Registry>> open_sqlite_registry(const SqliteRegistryOptions& options) {
  PAVISE_TRY_ASSIGN(auto lock, sqlite::FileLock::take(options.path + ".lock", kSqliteErrors));
  PAVISE_TRY_ASSIGN(auto writer, sqlite::open_file(options.path, options.pages_max,
                                                   registry_migrations(), kSqliteErrors));
  PAVISE_TRY_ASSIGN(
      auto reader,
      SqliteDatabase::open(options.path, SqliteDatabase::Access::read_only, 0, kSqliteErrors));
  return std::unique_ptr<Registry>(
      std::make_unique<SqliteRegistry>(std::move(lock), std::move(writer), std::move(reader)));
}

Status insert_audit(SqliteDatabase& db, const AuditRecord& audit) {
  PAVISE_TRY(db.change(
      "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
      audit.at, audit.actor, audit.action, audit.subject, audit.detail));
  return {};
}

Status require_change(Result<std::size_t> changed, std::string_view detail) {
  if (!changed) return std::move(changed).error();
  if (*changed == 0) return Error(kNotFound, std::string(detail));
  return {};
}

Status SqliteRegistry::write(const AuditRecord& audit, const CommitGroup::Operation& operation) {
  return writes_.run([&](SqliteDatabase& db) -> Status {
    PAVISE_TRY(operation(db));
    return insert_audit(db, audit);
  });
}

// ---- tenants

namespace {
constexpr std::string_view kSelectTenants = "SELECT id, created, root, issuing FROM tenants";

std::optional<TenantRecord> tenant_from(const SqliteRow& row) {
  auto id = TenantId::parse(row.text(0));
  if (!id) return std::nullopt;
  return TenantRecord{*std::move(id), row.integer(1), row.blob(2), row.blob(3)};
}
}  // namespace

Status SqliteRegistry::add_tenant(const TenantRecord& tenant, const AuditRecord& audit) {
  return write(audit, [&](SqliteDatabase& db) -> Status {
    PAVISE_TRY(db.change("INSERT INTO tenants (id, created, root, issuing) VALUES (?1, ?2, ?3, ?4)",
                         tenant.id, tenant.created, tenant.root_certificate,
                         tenant.issuing_certificate));
    return {};
  });
}

Result<TenantRecord> SqliteRegistry::tenant(const TenantId& id) {
  std::optional<TenantRecord> found;
  static const std::string sql = std::string(kSelectTenants) + " WHERE id = ?1";
  PAVISE_TRY(read(sql, [&](const SqliteRow& row) { found = tenant_from(row); }, id));
  if (!found) return Error(kNotFound, "tenant " + id.text());
  return *std::move(found);
}

Result<std::vector<TenantRecord>> SqliteRegistry::tenants() {
  std::vector<TenantRecord> out;
  bool good = true;
  static const std::string sql = std::string(kSelectTenants) + " ORDER BY id";
  PAVISE_TRY(read(sql, [&](const SqliteRow& row) {
    if (auto tenant = tenant_from(row))
      out.push_back(*std::move(tenant));
    else
      good = false;
  }));
  if (!good) return damaged("a tenant's name");
  return out;
}

Status SqliteRegistry::set_issuing_certificate(const TenantId& id, ByteView certificate,
                                               const AuditRecord& audit) {
  return write(audit, [&](SqliteDatabase& db) -> Status {
    return require_change(
        db.change("UPDATE tenants SET issuing = ?2 WHERE id = ?1", id, certificate), id.text());
  });
}

// ---- silicon vendors

Status SqliteRegistry::add_vendor_root(const VendorRootRecord& root, const AuditRecord& audit) {
  return write(audit, [&](SqliteDatabase& db) -> Status {
    PAVISE_TRY(
        db.change("INSERT INTO vendor_roots (fingerprint, name, certificate, added) "
                  "VALUES (?1, ?2, ?3, ?4) ON CONFLICT (fingerprint) DO NOTHING",
                  root.fingerprint, root.name, root.certificate, root.added));
    return {};
  });
}

Status SqliteRegistry::remove_vendor_root(std::string_view fingerprint, const AuditRecord& audit) {
  return write(audit, [&](SqliteDatabase& db) -> Status {
    return require_change(db.change("DELETE FROM vendor_roots WHERE fingerprint = ?1", fingerprint),
                          fingerprint);
  });
}

Result<std::vector<VendorRootRecord>> SqliteRegistry::vendor_roots() {
  std::vector<VendorRootRecord> out;
  PAVISE_TRY(read(
      "SELECT fingerprint, name, certificate, added FROM vendor_roots ORDER BY added, fingerprint",
      [&](const SqliteRow& row) {
        out.push_back({row.text(0), row.text(1), row.blob(2), row.integer(3)});
      }));
  return out;
}

// ---- releases

Status SqliteRegistry::add_release_key(const ReleaseKeyRecord& key, const AuditRecord& audit) {
  return write(audit, [&](SqliteDatabase& db) -> Status {
    PAVISE_TRY(
        db.change("INSERT INTO release_keys (id, tenant, name, spki, added) "
                  "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO NOTHING",
                  key.id, key.tenant, key.name, key.spki, key.added));
    return {};
  });
}

Result<std::vector<ReleaseKeyRecord>> SqliteRegistry::release_keys() {
  std::vector<ReleaseKeyRecord> out;
  Status good;
  PAVISE_TRY(read("SELECT id, tenant, name, spki, added FROM release_keys ORDER BY added, id",
                  [&](const SqliteRow& row) {
                    auto tenant = optional_tenant(row, 1);
                    if (!tenant) {
                      good = std::move(tenant).error();
                      return;
                    }
                    out.push_back({row.text(0), *std::move(tenant), row.text(2), row.blob(3),
                                   row.integer(4)});
                  }));
  PAVISE_TRY(good);
  return out;
}

Status SqliteRegistry::add_release(const ReleaseRecord& release, const AuditRecord& audit) {
  return write(audit, [&](SqliteDatabase& db) -> Status {
    PAVISE_TRY(db.change(
        "INSERT INTO releases (digest, name, version, manifest, signature, release_key, tenant, "
        "added, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, '') "
        "ON CONFLICT (digest) DO NOTHING",
        release.digest, release.name, release.version, release.manifest, release.signature,
        release.release_key_id, release.tenant, release.added));
    return {};
  });
}

Status SqliteRegistry::revoke_release(std::string_view digest, std::string_view reason,
                                      const AuditRecord& audit) {
  return write(audit, [&](SqliteDatabase& db) -> Status {
    return require_change(
        db.change("UPDATE releases SET reason = CASE WHEN revoked IS NULL THEN ?2 ELSE reason END, "
                  "revoked = coalesce(revoked, ?3) WHERE digest = ?1",
                  digest, reason, audit.at),
        digest);
  });
}

Result<std::vector<ReleaseRecord>> SqliteRegistry::releases() {
  std::vector<ReleaseRecord> out;
  Status good;
  PAVISE_TRY(read(
      "SELECT digest, name, version, manifest, signature, release_key, tenant, added, revoked, "
      "reason FROM releases ORDER BY added, rowid",
      [&](const SqliteRow& row) {
        auto tenant = optional_tenant(row, 6);
        if (!tenant) {
          good = std::move(tenant).error();
          return;
        }
        out.push_back({row.text(0), row.text(1), row.text(2), row.blob(3), row.blob(4), row.text(5),
                       *std::move(tenant), row.integer(7), optional_integer(row, 8), row.text(9)});
      }));
  PAVISE_TRY(good);
  return out;
}

// ---- tokens

namespace {
constexpr std::string_view kSelectTokens =
    "SELECT hash, name, role, created, not_after, tenant FROM tokens";

std::optional<TokenRecord> token_from(const SqliteRow& row) {
  const Bytes hash = row.blob(0);
  TokenRecord token{};
  if (hash.size() != token.hash.size()) return std::nullopt;
  std::ranges::copy(hash, token.hash.begin());
  token.name = row.text(1);
  const auto role = row.integer(2);
  // A token of an unknown role or tenant opens nothing.
  if (role < 0 || role > static_cast<int>(Role::metrics)) return std::nullopt;
  token.role = static_cast<Role>(role);
  token.created = row.integer(3);
  token.not_after = optional_integer(row, 4);
  auto tenant = optional_tenant(row, 5);
  if (!tenant) return std::nullopt;
  token.tenant = *std::move(tenant);
  return token;
}
}  // namespace

Status SqliteRegistry::add_token(const TokenRecord& token, const AuditRecord& audit) {
  return write(audit, [&](SqliteDatabase& db) -> Status {
    PAVISE_TRY(
        db.change("INSERT INTO tokens (hash, name, role, created, not_after, tenant) "
                  "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                  ByteView(token.hash), token.name, static_cast<int>(token.role), token.created,
                  token.not_after, token.tenant));
    return {};
  });
}

Result<TokenRecord> SqliteRegistry::token(const Digest256& hash) {
  std::optional<TokenRecord> found;
  static const std::string sql = std::string(kSelectTokens) + " WHERE hash = ?1";
  PAVISE_TRY(read(sql, [&](const SqliteRow& row) { found = token_from(row); }, ByteView(hash)));
  if (!found) return Error(kNotFound, "token");
  return *std::move(found);
}

Result<std::vector<TokenRecord>> SqliteRegistry::tokens() {
  std::vector<TokenRecord> out;
  static const std::string sql = std::string(kSelectTokens) + " ORDER BY name";
  PAVISE_TRY(read(sql, [&](const SqliteRow& row) {
    if (auto token = token_from(row)) out.push_back(*std::move(token));
  }));
  return out;
}

Status SqliteRegistry::remove_token(std::string_view name, const AuditRecord& audit) {
  return write(audit, [&](SqliteDatabase& db) -> Status {
    return require_change(db.change("DELETE FROM tokens WHERE name = ?1", name), name);
  });
}

// ---- audit

Status SqliteRegistry::add_audit(const AuditRecord& audit) {
  return writes_.run([&](SqliteDatabase& db) { return insert_audit(db, audit); });
}

Result<std::vector<AuditRecord>> SqliteRegistry::audit(std::int64_t before, std::size_t limit) {
  std::vector<AuditRecord> out;
  PAVISE_TRY(read(
      "SELECT id, at, actor, action, subject, detail FROM audit WHERE ?1 = 0 OR id < ?1 "
      "ORDER BY id DESC LIMIT ?2",
      [&](const SqliteRow& row) {
        out.push_back(
            {row.integer(0), row.integer(1), row.text(2), row.text(3), row.text(4), row.text(5)});
      },
      before, std::min(limit, kPageSizeMax)));
  return out;
}

}  // namespace pavise::security
