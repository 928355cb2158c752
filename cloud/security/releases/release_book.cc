#include "cloud/security/releases/release_book.h"

#include <span>

#include "common/crypto/crypto.h"

namespace pavise::security {
namespace {

AuditRecord audit_of(const Clock& clock, std::string_view actor, std::string_view action,
                     std::string_view subject, std::string_view detail) {
  return {0,
          clock.now_s(),
          std::string(actor),
          std::string(action),
          std::string(subject),
          std::string(detail)};
}

Result<crypto::P256PublicKey> parse_key(ByteView key) {
  auto parsed = as_text(key).starts_with("-----") ? crypto::P256PublicKey::from_pem(as_text(key))
                                                  : crypto::P256PublicKey::from_spki_der(key);
  if (!parsed) return Error(kReleaseKeyInvalid, std::string(parsed.error().info().what));
  return parsed;
}

// The release, if `key` signed it.
Result<release::ReferenceSet> open_with(const ReleaseKeyRecord& key, ByteView manifest,
                                        ByteView signature) {
  PAVISE_TRY_ASSIGN(const auto public_key, crypto::P256PublicKey::from_spki_der(key.spki));
  return release::ReferenceSet::from_signed(manifest, signature, std::span(&public_key, 1));
}

}  // namespace

Result<std::unique_ptr<ReleaseBook>> ReleaseBook::load(Registry& registry, const Clock& clock) {
  std::unique_ptr<ReleaseBook> book(new ReleaseBook(registry, clock));
  PAVISE_TRY(book->reload());
  return book;
}

// Signatures are checked again at each load: a manifest that was changed in the registry's file
// counts for nothing.
Status ReleaseBook::reload() {
  PAVISE_TRY_ASSIGN(const auto keys, registry_.release_keys());
  PAVISE_TRY_ASSIGN(const auto records, registry_.releases());
  ReferenceSets common;
  std::unordered_map<TenantId, ReferenceSets> own;
  for (const ReleaseRecord& record : records) {
    if (record.revoked) continue;
    for (const ReleaseKeyRecord& key : keys) {
      if (key.id != record.release_key_id) continue;
      auto set = open_with(key, record.manifest, record.signature);
      if (!set)
        PAVISE_TRY(registry_.add_audit(audit_of(clock_, "service", "release.unreadable",
                                                record.digest, set.error().message())));
      else if (key.tenant)
        own[*key.tenant].push_back(*std::move(set));
      else
        common.push_back(*std::move(set));
    }
  }
  auto next = std::make_shared<Snapshot>();
  for (auto& [tenant, sets] : own) {
    sets.insert(sets.end(), common.begin(), common.end());
    next->of_tenant.emplace(tenant, std::make_shared<const ReferenceSets>(std::move(sets)));
  }
  next->common = std::make_shared<const ReferenceSets>(std::move(common));
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(next);
  return {};
}

std::shared_ptr<const ReferenceSets> ReleaseBook::current(
    const std::optional<TenantId>& tenant) const {
  const std::lock_guard lock(mutex_);
  if (tenant)
    if (const auto own = snapshot_->of_tenant.find(*tenant); own != snapshot_->of_tenant.end())
      return own->second;
  return snapshot_->common;
}

Result<ReleaseKeyRecord> ReleaseBook::add_key(std::string_view actor, std::string_view name,
                                              const std::optional<TenantId>& tenant, ByteView key) {
  PAVISE_TRY_ASSIGN(const auto public_key, parse_key(key));
  const Bytes spki = public_key.spki_der();
  const ReleaseKeyRecord record{to_hex(crypto::sha256(spki)), tenant, std::string(name), spki,
                                clock_.now_s()};
  const std::lock_guard lock(changes_);
  PAVISE_TRY_ASSIGN(const auto known, registry_.release_keys());
  for (const ReleaseKeyRecord& one : known) {
    if (one.id != record.id) continue;
    if (one.tenant == tenant) return one;
    return Error(kReleaseKeyInvalid, "the key is registered with another scope");
  }
  PAVISE_TRY(registry_.add_release_key(
      record, audit_of(clock_, actor, "release.add_key", record.id, name)));
  return record;
}

Result<ReleaseRecord> ReleaseBook::add_release(std::string_view actor,
                                               const std::optional<TenantId>& scope,
                                               ByteView manifest, ByteView signature) {
  const std::lock_guard lock(changes_);
  PAVISE_TRY_ASSIGN(const auto keys, registry_.release_keys());
  for (const ReleaseKeyRecord& key : keys) {
    if (scope && key.tenant != scope) continue;
    auto set = open_with(key, manifest, signature);
    if (!set && set.error().is(release::kReleaseSignature)) continue;
    if (!set) return std::move(set).error();
    ReleaseRecord record{to_hex(set->manifest_digest),
                         set->name,
                         set->version,
                         to_bytes(manifest),
                         to_bytes(signature),
                         key.id,
                         key.tenant,
                         clock_.now_s(),
                         {},
                         {}};
    PAVISE_TRY(registry_.add_release(record, audit_of(clock_, actor, "release.add", record.digest,
                                                      record.name + " " + record.version)));
    PAVISE_TRY(reload());
    return record;
  }
  return kReleaseUnsigned;
}

Status ReleaseBook::revoke(std::string_view actor, std::string_view digest,
                           std::string_view reason) {
  const std::lock_guard lock(changes_);
  const Status revoked = registry_.revoke_release(
      digest, reason, audit_of(clock_, actor, "release.revoke", digest, reason));
  if (!revoked)
    return revoked.error().is(kNotFound) ? Error(kReleaseUnknown, std::string(digest))
                                         : Error(revoked.error());
  return reload();
}

}  // namespace pavise::security
