// A root of trust in memory.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "device/root_of_trust/fake/maker.h"
#include "device/root_of_trust/root_of_trust.h"
#include "protocol/tpm/attest.h"

namespace pavise::root_of_trust {

class FakeRootOfTrust final : public RootOfTrust {
 public:
  // `maker` certifies its EK; a test's verifier trusts maker->root_certificate().
  static Result<std::unique_ptr<FakeRootOfTrust>> create(std::shared_ptr<const FakeMaker> maker);

  Status provision() override;
  Result<Identity> identity() override;
  Result<DeviceKeys> keys() override;
  Result<Quote> quote(PcrMask pcrs, ByteView qualifying) override;
  Result<PcrValues> read_pcrs(PcrMask pcrs) override;
  Status extend(unsigned pcr, const Digest256& digest) override;
  Result<SecretBytes> activate(ByteView id_object, ByteView encrypted_secret) override;
  Result<crypto::EcdsaRaw> sign_tls(const Digest256& digest) override;
  Result<Bytes> seal(ByteView secret, const crypto::P256PublicKey& policy_key) override;
  Result<SecretBytes> unseal(ByteView blob, const pcr_policy::SignedPcrPolicy& policy) override;
  Result<Counter> read_counter() override;
  Result<Counter> increment_counter() override;
  std::uint64_t commands_sent() const override { return commands_; }

  // ---- what a test may do to it ---------------------------------------------------------------
  const FakeMaker& maker() const { return *maker_; }
  // PCRs back to zero, reset count one up. NV and keys stay.
  void power_cycle();
  // The call after the next `skip` ones fails with `info`, once. Replaces an earlier fault.
  void fail_call(const ErrorInfo& info, unsigned skip = 0) { fault_ = Fault{&info, skip}; }
  // All calls fail with `info` until mend().
  void fail_always(const ErrorInfo& info) { broken_ = &info; }
  void mend() {
    fault_.reset();
    broken_ = nullptr;
  }
  // The AK signs whatever the test wants the TPM to have said: forged magic, other clock.
  Result<crypto::EcdsaRaw> sign_with_ak(ByteView attest) const;

 private:
  struct Fault {
    const ErrorInfo* info;
    unsigned skip;
  };
  struct Keys {
    crypto::P256PrivateKey ak;
    crypto::P256PrivateKey tls;
  };
  FakeRootOfTrust(std::shared_ptr<const FakeMaker> maker, std::unique_ptr<FakeEk> ek,
                  Bytes certificate, SecretBytes storage_seed, Keys keys);

  // Every public operation begins here.
  Status enter();
  Status require_provisioned() const;
  tpm::Attest start_attest(ByteView qualifying);
  Bytes ak_public() const;
  bool entry_fits(const pcr_policy::Entry& entry) const;
  PcrValues values_of(PcrMask pcrs) const;

  std::shared_ptr<const FakeMaker> maker_;
  std::unique_ptr<FakeEk> ek_;
  Bytes certificate_;
  SecretBytes storage_seed_;
  Keys keys_;
  bool provisioned_ = false;
  std::array<Digest256, kPcrCount> pcrs_{};
  std::optional<Counter> counter_;
  std::optional<DeviceKeys> device_keys_;
  tpm::ClockInfo clock_;
  std::uint64_t commands_ = 0;
  std::optional<Fault> fault_;
  const ErrorInfo* broken_ = nullptr;
};

}  // namespace pavise::root_of_trust
