// What the security service does, counted from outside: its own rooms know nothing of metrics.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "cloud/security/signer/api/signer.h"
#include "common/metrics/metrics.h"

namespace pavise::server {

// Thread-safe; a lock is nothing beside the cryptography that is counted.
class SecurityCounters {
 public:
  static constexpr std::size_t kCodesMax = 256;  // beyond it they are counted as "other"
  static constexpr std::string_view kAccepted = "accepted";

  struct Counts {
    std::map<std::string, std::uint64_t, std::less<>> verdicts;  // by refusal code, or kAccepted
    metrics::HistogramCounts evidence_us;                        // judging one, with its issuing
    std::uint64_t certificates = 0;                              // device certificates issued
    std::uint64_t signer_failures = 0;
    metrics::HistogramCounts signer_us;  // by call, of one or several certificates
  };

  // `code` is empty for an accepting verdict.
  void note_verdict(std::string_view code, std::uint64_t us);
  void note_signed(std::uint64_t certificates, std::uint64_t failures, std::uint64_t us);
  Counts counts() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t, std::less<>> verdicts_;
  metrics::LatencyHistogram evidence_us_;
  std::uint64_t certificates_ = 0;
  std::uint64_t signer_failures_ = 0;
  metrics::LatencyHistogram signer_us_;
};

// A Signer that counts what another one signs. Both arguments outlive it.
class CountingSigner final : public security::signer::Signer {
 public:
  CountingSigner(security::signer::Signer& signer, SecurityCounters& counters)
      : signer_(signer), counters_(counters) {}

  Result<security::signer::AuthorityCertificates> create_tenant_ca(
      const TenantId& tenant) override {
    return signer_.create_tenant_ca(tenant);
  }
  Result<Bytes> sign_leaf(const security::signer::LeafRequest& request) override;
  std::vector<Result<Bytes>> sign_leaves(
      const std::vector<security::signer::LeafRequest>& requests) override;
  Result<security::signer::ServerCertificate> make_server_certificate(
      const security::signer::ServerRequest& request) override {
    return signer_.make_server_certificate(request);
  }
  Result<std::vector<security::signer::TenantAuthority>> list() override { return signer_.list(); }

 private:
  security::signer::Signer& signer_;
  SecurityCounters& counters_;
};

}  // namespace pavise::server
