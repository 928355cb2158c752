// The signer's policy and certificate building, without process or socket around it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "cloud/security/signer/api/signer.h"
#include "cloud/security/signer/keys/key_store.h"
#include "common/base/clock.h"
#include "protocol/x509/certificate_template.h"

namespace pavise::security::signer {

// A leaf may begin this long before, and this short after, the signer's own time.
inline constexpr UnixSeconds kNotBeforePastMaxS = 3600;
inline constexpr UnixSeconds kNotBeforeFutureMaxS = 600;

struct SignerCoreOptions {
  // Leaves per second over a longer time, and at once. A taken-over server cannot mint identities
  // for a whole fleet unnoticed.
  std::size_t leaves_per_second_max = 10'000;
  std::size_t leaves_burst_max = 20'000;
};

// Gets one line per signature, without line end: "leaf tenant=... device=... serial=...".
using AuditLine = std::function<void(std::string_view)>;

// Thread-safe; blocks on the key store.
class SignerCore final : public Signer {
 public:
  // Completes every authority whose making was interrupted and checks that all files fit together.
  // `clock` outlives the core. Errors: kKeyStoreFailed, kAuthorityDamaged.
  static Result<std::unique_ptr<SignerCore>> open(std::unique_ptr<KeyStore> keys,
                                                  const Clock& clock, AuditLine audit,
                                                  SignerCoreOptions options = {});

  Result<AuthorityCertificates> create_tenant_ca(const TenantId& tenant) override;
  Result<Bytes> sign_leaf(const LeafRequest& request) override;
  std::vector<Result<Bytes>> sign_leaves(const std::vector<LeafRequest>& requests) override;
  Result<ServerCertificate> make_server_certificate(const ServerRequest& request) override;
  Result<std::vector<TenantAuthority>> list() override;

 private:
  // An authority that is complete and was checked.
  struct Authority {
    AuthorityCertificates certificates;
    x509::Issuer issuer;  // what its leaves name
    UnixSeconds not_before = 0;
    UnixSeconds not_after = 0;
  };
  struct CaPlan {
    KeyId key;
    KeyId signer_key;
    std::string organization;
    std::string common_name;
    int path_length;
    UnixSeconds validity_s;
  };

  SignerCore(std::unique_ptr<KeyStore> keys, const Clock& clock, AuditLine audit,
             SignerCoreOptions options);
  // All with mutex_ held.
  Result<const Authority*> tenant_authority(const TenantId& tenant);
  Result<Authority> complete_tenant(const TenantId& tenant);
  Result<Bytes> ensure_ca(const CaPlan& plan);
  Result<Bytes> build_ca(const CaPlan& plan, const crypto::P256PublicKey& key);
  Result<Bytes> service_root();
  Result<Bytes> sign(const KeyId& key, Bytes to_be_signed);
  Result<Bytes> sign_one(const LeafRequest& request);
  Status check_leaf(const LeafRequest& request, const Authority& authority) const;
  bool take_token();

  std::unique_ptr<KeyStore> keys_;
  const Clock& clock_;
  const AuditLine audit_;
  const SignerCoreOptions options_;
  std::mutex mutex_;
  std::map<TenantId, Authority> authorities_;
  double tokens_;
  std::int64_t tokens_at_ms_;
};

}  // namespace pavise::security::signer
