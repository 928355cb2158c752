// The whole security service in one program, with software devices: registry on a real file, signer
// without its process, a clock that stands still. For tests and benchmarks.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "cloud/security/attestation/testing/soft_attester.h"
#include "cloud/security/attestation_service/attestation_service.h"
#include "cloud/security/registry/sqlite_registry.h"
#include "cloud/security/signer/core/signer_core.h"
#include "cloud/security/tenancy/tenancy.h"
#include "cloud/security/testing/soft_vendor.h"
#include "protocol/evidence/evidence.h"
#include "protocol/evidence/voucher.h"

namespace pavise::security::testing {

// Passes on to the signer; `before` and `after` may end the process or return an error.
struct SignerHooks {
  std::function<Status()> before = [] { return Status(); };
  std::function<Status()> after = [] { return Status(); };
};

// A device with an EK in software. EKs are kept for the whole program: making one is slow.
struct SoftDevice {
  explicit SoftDevice(std::size_t number);

  const SoftEk* ek;
  attestation::testing::SoftAttester attester;
  std::uint8_t vouchers_made = 0;

  DeviceId id() const { return attester.tpm.device(); }
  Bytes ak_public() const { return attester.tpm.ak.encode(); }
  // A fresh voucher by this device's AK.
  evidence::Voucher voucher();
  // Evidence for a challenge of the service. Lets the TPM's clock go on.
  attestation::testing::SoftEvidence attest(const evidence::Challenge& challenge,
                                            const TlsExporter& exporter);
};

class World {
 public:
  World();
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Everything below is rebuilt from the files, as after kill -9 of the server and the signer.
  void restart(std::uint32_t registry_pages_max = 0);
  void shut_down();  // closes all files; restart() follows

  Registry& registry() { return *registry_; }
  signer::Signer& signer() { return *signer_; }
  LiveAuthority& authority() { return *authority_; }
  ReleaseBook& releases() { return *releases_; }
  Tenancy& tenancy() { return *tenancy_; }
  Issuer& issuer() { return *issuer_; }
  AttestationService& service() { return *service_; }

  void publish(const attestation::testing::SoftImage& image);
  // Registered; activated; and claimed by `tenant`.
  void enroll(SoftDevice& device, const TenantId& tenant);
  void register_device(const SoftDevice& device);
  void activate(const SoftDevice& device);

  evidence::Challenge challenge(const SoftDevice& device);
  EvidenceReply send(const evidence::Challenge& challenge,
                     const attestation::testing::SoftEvidence& evidence);
  // Challenge, evidence, answer.
  EvidenceReply attest(SoftDevice& device);

  ManualClock clock{1'800'000'000'000};
  SoftVendor vendor{"Chip Inc. Root", 1'800'000'000};
  crypto::P256PrivateKey release_key = crypto::P256PrivateKey::generate().value();
  TlsExporter exporter{};
  SignerHooks hooks;
  AttestationServiceOptions options{.hub_host = "hub.example"};
  std::string folder;

 private:
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<signer::Signer> core_;
  std::unique_ptr<signer::Signer> signer_;
  std::unique_ptr<LiveAuthority> authority_;
  std::unique_ptr<ReleaseBook> releases_;
  std::unique_ptr<Issuer> issuer_;
  std::unique_ptr<Tenancy> tenancy_;
  std::unique_ptr<AttestationService> service_;
};

// release.json with these reference values.
Bytes release_json(const release::ReferenceSet& set);

}  // namespace pavise::security::testing
