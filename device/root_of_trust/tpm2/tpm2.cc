#include "device/root_of_trust/tpm2/tpm2.h"

#include <optional>

#include "device/root_of_trust/tpm2/operations.h"

namespace pavise::root_of_trust {
namespace {

class Tpm2 final : public RootOfTrust {
 public:
  explicit Tpm2(std::unique_ptr<tpm2::Context> context) : context_(std::move(context)) {}

  Status provision() override {
    PAVISE_TRY(tpm2::require_sha256_bank(*context_));
    PAVISE_TRY_ASSIGN(const Identity who, identity());
    {
      PAVISE_TRY_ASSIGN(const auto ek, tpm2::create_ek(*context_, who));
    }
    keys_.reset();
    PAVISE_TRY(tpm2::provision_keys(*context_));
    return tpm2::provision_counter(*context_);
  }
  Result<Identity> identity() override {
    if (!identity_) {
      PAVISE_TRY_ASSIGN(identity_, tpm2::read_identity(*context_));
    }
    return *identity_;
  }
  Result<DeviceKeys> keys() override {
    if (!keys_) {
      PAVISE_TRY_ASSIGN(keys_, tpm2::read_keys(*context_));
    }
    return *keys_;
  }
  Result<Quote> quote(PcrMask pcrs, ByteView qualifying) override {
    if (qualifying.size() > kQualifyingBytesMax) return kBadArgument;
    return tpm2::quote(*context_, pcrs, qualifying);
  }
  Result<PcrValues> read_pcrs(PcrMask pcrs) override { return tpm2::read_pcrs(*context_, pcrs); }
  Status extend(unsigned pcr, const Digest256& digest) override {
    if (pcr >= kPcrCount) return kBadArgument;
    return tpm2::extend(*context_, pcr, digest);
  }
  Result<SecretBytes> activate(ByteView id_object, ByteView encrypted_secret) override {
    if (id_object.size() > kCredentialBytesMax || encrypted_secret.size() > kCredentialBytesMax)
      return kBadArgument;
    PAVISE_TRY_ASSIGN(const Identity who, identity());
    return tpm2::activate(*context_, who, id_object, encrypted_secret);
  }
  Result<crypto::EcdsaRaw> sign_tls(const Digest256& digest) override {
    return tpm2::sign_tls(*context_, digest);
  }
  Result<Bytes> seal(ByteView secret, const crypto::P256PublicKey& policy_key) override {
    if (secret.empty() || secret.size() > kSealedSecretBytesMax) return kBadArgument;
    return tpm2::seal(*context_, secret, policy_key);
  }
  Result<SecretBytes> unseal(ByteView blob, const pcr_policy::SignedPcrPolicy& policy) override {
    return tpm2::unseal(*context_, blob, policy);
  }
  Result<Counter> read_counter() override { return tpm2::read_counter(*context_); }
  Result<Counter> increment_counter() override {
    PAVISE_TRY(tpm2::increment_counter(*context_));
    return tpm2::read_counter(*context_);
  }
  std::uint64_t commands_sent() const override { return context_->commands_sent(); }

 private:
  std::unique_ptr<tpm2::Context> context_;
  // Neither changes while we own the TPM.
  std::optional<Identity> identity_;
  std::optional<DeviceKeys> keys_;
};

}  // namespace

Result<TpmAddress> TpmAddress::parse(std::string_view text) {
  const auto path_after = [&](std::string_view scheme) -> std::optional<std::string_view> {
    if (!text.starts_with(scheme)) return std::nullopt;
    const std::string_view path = text.substr(scheme.size());
    // A comma would end the path in the TCTI's own configuration syntax.
    if (path.size() < 2 || path.size() > kPathBytesMax || path.front() != '/' ||
        path.find(',') != std::string_view::npos || path.find('\0') != std::string_view::npos)
      return std::nullopt;
    return path;
  };
  if (const auto path = path_after("device:")) return TpmAddress(Kind::device, std::string(*path));
  if (const auto path = path_after("swtpm:")) return TpmAddress(Kind::swtpm, std::string(*path));
  return Error(kBadArgument, "a TPM is named device:/PATH or swtpm:/PATH");
}

Result<std::unique_ptr<RootOfTrust>> open_tpm2(const TpmAddress& address) {
  PAVISE_TRY_ASSIGN(auto context, tpm2::Context::open(address));
  return std::unique_ptr<RootOfTrust>(std::make_unique<Tpm2>(std::move(context)));
}

}  // namespace pavise::root_of_trust
