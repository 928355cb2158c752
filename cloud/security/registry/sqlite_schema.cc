#include "cloud/security/registry/sqlite_schema.h"

namespace pavise::security {
namespace {

constexpr const char* kVersion1 = R"sql(
CREATE TABLE tenants (
  id TEXT PRIMARY KEY NOT NULL,
  created INTEGER NOT NULL,
  root BLOB NOT NULL,
  issuing BLOB NOT NULL
) STRICT;
CREATE TABLE vendor_roots (
  fingerprint TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  certificate BLOB NOT NULL,
  added INTEGER NOT NULL
) STRICT;
CREATE TABLE devices (
  id TEXT PRIMARY KEY NOT NULL,
  version INTEGER NOT NULL,
  ek_certificate BLOB NOT NULL,
  ek_public BLOB NOT NULL UNIQUE,
  ak_public BLOB UNIQUE,
  tenant TEXT REFERENCES tenants (id),
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  created INTEGER NOT NULL,
  claimed INTEGER,
  clock_ms INTEGER,
  reset_count INTEGER,
  restart_count INTEGER,
  last_attested INTEGER,
  CHECK ((tenant IS NULL) = (claimed IS NULL)),
  CHECK ((clock_ms IS NULL) = (reset_count IS NULL)),
  CHECK ((clock_ms IS NULL) = (restart_count IS NULL))
) STRICT;
CREATE INDEX devices_by_tenant ON devices (tenant, id);
CREATE TABLE vouchers (
  serial TEXT PRIMARY KEY NOT NULL,
  device TEXT NOT NULL REFERENCES devices (id),
  tenant TEXT NOT NULL REFERENCES tenants (id),
  used INTEGER NOT NULL
) STRICT;
CREATE TABLE certificates (
  serial TEXT PRIMARY KEY NOT NULL,
  fingerprint TEXT NOT NULL,
  device TEXT NOT NULL REFERENCES devices (id),
  tenant TEXT NOT NULL REFERENCES tenants (id),
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  revoked INTEGER,
  reason TEXT NOT NULL
) STRICT;
CREATE INDEX certificates_by_device ON certificates (device, not_before);
CREATE TABLE verdicts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  device TEXT NOT NULL REFERENCES devices (id),
  at INTEGER NOT NULL,
  accepted INTEGER NOT NULL CHECK (accepted IN (0, 1)),
  code TEXT NOT NULL,
  reason TEXT NOT NULL,
  report TEXT NOT NULL
) STRICT;
CREATE INDEX verdicts_by_device ON verdicts (device, id);
CREATE TABLE release_keys (
  id TEXT PRIMARY KEY NOT NULL,
  tenant TEXT REFERENCES tenants (id),
  name TEXT NOT NULL,
  spki BLOB NOT NULL,
  added INTEGER NOT NULL
) STRICT;
CREATE TABLE releases (
  digest TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  manifest BLOB NOT NULL,
  signature BLOB NOT NULL,
  release_key TEXT NOT NULL REFERENCES release_keys (id),
  tenant TEXT REFERENCES tenants (id),
  added INTEGER NOT NULL,
  revoked INTEGER,
  reason TEXT NOT NULL
) STRICT;
CREATE TABLE tokens (
  hash BLOB PRIMARY KEY NOT NULL,
  name TEXT NOT NULL UNIQUE,
  role INTEGER NOT NULL CHECK (role BETWEEN 0 AND 3),
  tenant TEXT REFERENCES tenants (id),
  created INTEGER NOT NULL,
  not_after INTEGER
) STRICT;
CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
)sql";

// Reports became binary; the JSON ones stay as they are, as bytes. The newest verdict is never
// deleted, so the next id is above every earlier one without AUTOINCREMENT and its second table.
constexpr const char* kVersion2 = R"sql(
CREATE TABLE verdicts_2 (
  id INTEGER PRIMARY KEY,
  device TEXT NOT NULL REFERENCES devices (id),
  at INTEGER NOT NULL,
  accepted INTEGER NOT NULL CHECK (accepted IN (0, 1)),
  code TEXT NOT NULL,
  reason TEXT NOT NULL,
  report BLOB NOT NULL
) STRICT;
INSERT INTO verdicts_2 SELECT id, device, at, accepted, code, reason, CAST(report AS BLOB)
  FROM verdicts ORDER BY id;
DROP TABLE verdicts;
ALTER TABLE verdicts_2 RENAME TO verdicts;
CREATE INDEX verdicts_by_device ON verdicts (device, id);
)sql";

// One more role: metrics.
constexpr const char* kVersion3 = R"sql(
CREATE TABLE tokens_3 (
  hash BLOB PRIMARY KEY NOT NULL,
  name TEXT NOT NULL UNIQUE,
  role INTEGER NOT NULL CHECK (role BETWEEN 0 AND 4),
  tenant TEXT REFERENCES tenants (id),
  created INTEGER NOT NULL,
  not_after INTEGER
) STRICT;
INSERT INTO tokens_3 SELECT hash, name, role, tenant, created, not_after FROM tokens;
DROP TABLE tokens;
ALTER TABLE tokens_3 RENAME TO tokens;
)sql";

constexpr const char* kMigrations[] = {kVersion1, kVersion2, kVersion3};

}  // namespace

std::span<const char* const> registry_migrations() {
  return kMigrations;
}

}  // namespace pavise::security
