// Which releases count: their keys, their signed manifests, and the reference values that follow.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cloud/security/registry/registry.h"
#include "protocol/release/reference_set.h"

namespace pavise::security {

// Errors: PV-RLS-nnn.
inline constexpr ErrorInfo kReleaseKeyInvalid{"PV-RLS-001", Retry::never,
                                              "the release key is not a P-256 public key",
                                              "Give the public key as PEM or SPKI DER."};
inline constexpr ErrorInfo kReleaseUnsigned{
    "PV-RLS-002", Retry::never, "no known release key signed this manifest",
    "Add the key of the image's builder, or upload the unchanged release.json and release.sig."};
inline constexpr ErrorInfo kReleaseUnknown{"PV-RLS-003", Retry::never, "there is no such release",
                                           "List them: pavise release list."};

using ReferenceSets = std::vector<release::ReferenceSet>;

// Thread-safe. Reading the current set never blocks on disk; changes do.
class ReleaseBook {
 public:
  // Both arguments outlive the book. A stored manifest that no longer parses is left out and named
  // in the registry's audit; it never matches. Errors: those of Registry.
  static Result<std::unique_ptr<ReleaseBook>> load(Registry& registry, const Clock& clock);

  // `key` is PEM or SPKI DER. Without a tenant the key's releases count for every tenant.
  Result<ReleaseKeyRecord> add_key(std::string_view actor, std::string_view name,
                                   const std::optional<TenantId>& tenant, ByteView key);
  // `signature`: DER ECDSA P-256/SHA-256 over the exact bytes. With a `scope` only keys of that
  // tenant count: who acts for one tenant decides nothing for others. kReleaseUnsigned; those of
  // protocol/release's parser. Idempotent.
  Result<ReleaseRecord> add_release(std::string_view actor, const std::optional<TenantId>& scope,
                                    ByteView manifest, ByteView signature);
  // Its devices are refused at their next attestation. kReleaseUnknown.
  Status revoke(std::string_view actor, std::string_view digest, std::string_view reason);

  // What a device of this tenant (or of nobody) may run: the unrevoked releases of all keys without
  // a tenant and of the tenant's own. Never null. Does not block.
  std::shared_ptr<const ReferenceSets> current(const std::optional<TenantId>& tenant) const;

  Result<std::vector<ReleaseRecord>> releases() { return registry_.releases(); }
  Result<std::vector<ReleaseKeyRecord>> keys() { return registry_.release_keys(); }

 private:
  struct Snapshot {
    std::shared_ptr<const ReferenceSets> common;
    std::unordered_map<TenantId, std::shared_ptr<const ReferenceSets>> of_tenant;
  };

  ReleaseBook(Registry& registry, const Clock& clock) : registry_(registry), clock_(clock) {}
  Status reload();

  Registry& registry_;
  const Clock& clock_;
  std::mutex changes_;  // one change and its reload at a time
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace pavise::security
