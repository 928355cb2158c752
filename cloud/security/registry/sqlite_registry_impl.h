// Private to the registry: the class behind open_sqlite_registry().
#pragma once

#include <mutex>

#include "cloud/security/registry/commit_group.h"
#include "cloud/security/registry/sqlite_registry.h"
#include "common/sqlite/file.h"

namespace pavise::security {

class SqliteRegistry final : public Registry {
 public:
  SqliteRegistry(sqlite::FileLock lock, std::unique_ptr<SqliteDatabase> writer,
                 std::unique_ptr<SqliteDatabase> reader)
      : lock_(std::move(lock)), writes_(std::move(writer)), reader_(std::move(reader)) {}

  Status add_tenant(const TenantRecord& tenant, const AuditRecord& audit) override;
  Result<TenantRecord> tenant(const TenantId& id) override;
  Result<std::vector<TenantRecord>> tenants() override;
  Status set_issuing_certificate(const TenantId& id, ByteView certificate,
                                 const AuditRecord& audit) override;

  Status add_vendor_root(const VendorRootRecord& root, const AuditRecord& audit) override;
  Status remove_vendor_root(std::string_view fingerprint, const AuditRecord& audit) override;
  Result<std::vector<VendorRootRecord>> vendor_roots() override;

  Result<DeviceRecord> add_device(const DeviceRecord& device, const AuditRecord& audit) override;
  Result<DeviceRecord> device(const DeviceId& id) override;
  Result<std::vector<DeviceRecord>> devices(const DeviceFilter& filter) override;
  Status set_device_status(const DeviceId& id, DeviceStatus status,
                           const AuditRecord& audit) override;
  Status bind_ak(const AkBindingCommit& commit, const AuditRecord& audit) override;
  Status claim_device(const ClaimCommit& commit, const AuditRecord& audit) override;
  Status move_device(const DeviceId& id, std::uint64_t expected_version,
                     const std::optional<TenantId>& to, const AuditRecord& audit) override;
  Result<bool> voucher_used(std::string_view serial) override;

  Status commit_attestation(const AttestationCommit& commit) override;
  Status add_verdict(const VerdictRecord& verdict, const std::optional<ClockNote>& clock) override;
  Result<VerdictRecord> last_verdict(const DeviceId& id) override;
  Result<std::vector<VerdictRecord>> verdicts(const DeviceId& id, std::size_t limit) override;

  Result<CertificateRecord> certificate(std::string_view serial) override;
  Result<std::vector<CertificateRecord>> certificates(const DeviceId& id,
                                                      std::size_t limit) override;
  Status revoke_certificate(std::string_view serial, std::string_view reason,
                            const AuditRecord& audit) override;
  Result<std::size_t> revoke_device_certificates(const DeviceId& id, std::string_view reason,
                                                 const AuditRecord& audit) override;
  Status visit_live_certificates(
      UnixSeconds now, const std::function<void(const CertificateRecord&)>& visit) override;
  Result<std::size_t> forget_expired_certificates(UnixSeconds before) override;

  Status add_release_key(const ReleaseKeyRecord& key, const AuditRecord& audit) override;
  Result<std::vector<ReleaseKeyRecord>> release_keys() override;
  Status add_release(const ReleaseRecord& release, const AuditRecord& audit) override;
  Status revoke_release(std::string_view digest, std::string_view reason,
                        const AuditRecord& audit) override;
  Result<std::vector<ReleaseRecord>> releases() override;

  Status add_token(const TokenRecord& token, const AuditRecord& audit) override;
  Result<TokenRecord> token(const Digest256& hash) override;
  Result<std::vector<TokenRecord>> tokens() override;
  Status remove_token(std::string_view name, const AuditRecord& audit) override;

  Status add_audit(const AuditRecord& audit) override;
  Result<std::vector<AuditRecord>> audit(std::int64_t before, std::size_t limit) override;

 private:
  // One write and its audit entry, in one transaction.
  Status write(const AuditRecord& audit, const CommitGroup::Operation& operation);
  // Like SqliteDatabase::query on the reading connection; never waits for a disk flush.
  template <class Visit, class... Args>
  Result<std::size_t> read(std::string_view sql, const Visit& visit, const Args&... args) {
    const std::lock_guard lock(reader_mutex_);
    return reader_->query(sql, visit, args...);
  }

  sqlite::FileLock lock_;
  CommitGroup writes_;
  std::mutex reader_mutex_;
  std::unique_ptr<SqliteDatabase> reader_;
};

Status insert_audit(SqliteDatabase& db, const AuditRecord& audit);
// `changed` of 0 rows becomes kNotFound with this detail.
Status require_change(Result<std::size_t> changed, std::string_view detail);

}  // namespace pavise::security
