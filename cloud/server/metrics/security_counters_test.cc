#include "cloud/server/metrics/security_counters.h"

#include <gtest/gtest.h>

namespace pavise::server {
namespace {

using namespace security::signer;

class HalfSigner final : public Signer {
 public:
  Result<AuthorityCertificates> create_tenant_ca(const TenantId&) override {
    return AuthorityCertificates{};
  }
  Result<Bytes> sign_leaf(const LeafRequest&) override { return kSignerOverloaded; }
  std::vector<Result<Bytes>> sign_leaves(const std::vector<LeafRequest>&) override {
    return {Bytes{}, Error(kSignerPolicy), Bytes{}};
  }
  Result<ServerCertificate> make_server_certificate(const ServerRequest&) override {
    return kSignerPolicy;
  }
  Result<std::vector<TenantAuthority>> list() override { return std::vector<TenantAuthority>(); }
};

TEST(SecurityCounters, CountVerdictsByTheirCode) {
  SecurityCounters counters;
  counters.note_verdict("", 300);
  counters.note_verdict("PV-ATT-007", 200);
  counters.note_verdict("PV-ATT-007", 200);
  const auto counts = counters.counts();
  EXPECT_EQ(counts.verdicts.at("accepted"), 1U);
  EXPECT_EQ(counts.verdicts.at("PV-ATT-007"), 2U);
  EXPECT_EQ(counts.evidence_us.sum, 700U);
}

TEST(SecurityCounters, KeepABoundedNumberOfCodes) {
  SecurityCounters counters;
  for (std::size_t i = 0; i <= SecurityCounters::kCodesMax; ++i)
    counters.note_verdict("code-" + std::to_string(i), 1);
  counters.note_verdict("one more", 1);
  const auto counts = counters.counts();
  EXPECT_EQ(counts.verdicts.size(), SecurityCounters::kCodesMax + 1);
  EXPECT_EQ(counts.verdicts.at("other"), 2U);
}

TEST(CountingSigner, CountsEachCertificateAndEachCall) {
  HalfSigner signer;
  SecurityCounters counters;
  CountingSigner counting(signer, counters);
  EXPECT_FALSE(
      counting.sign_leaf({*TenantId::parse("acme"), *DeviceId::parse(std::string(64, 'a'))}));
  EXPECT_EQ(counting.sign_leaves({}).size(), 3U);
  const auto counts = counters.counts();
  EXPECT_EQ(counts.certificates, 2U);
  EXPECT_EQ(counts.signer_failures, 2U);
  std::uint64_t calls = 0;
  for (const std::uint64_t count : counts.signer_us.counts) calls += count;
  EXPECT_EQ(calls, 2U);
}

}  // namespace
}  // namespace pavise::server
