// A development grant: one app may be debugged on one device, until it expires. Signed by the
// owner of the apps. Format: docs/formats/dev-grant.md.
//
//   PAVISE_TRY_ASSIGN(const Grant grant, Grant::parse(bytes));
//   PAVISE_TRY_ASSIGN(const Terms terms, grant.accept(owner_keys, this_device, clock.now_s()));
#pragma once

#include <functional>
#include <span>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"
#include "protocol/manifest/component_id.h"

namespace pavise::dev_grant {

// Errors: PV-DGR-nnn.
inline constexpr ErrorInfo kNotGrant{"PV-DGR-001", Retry::never, "this is no development grant",
                                     "Make one: pavise app grant create."};
inline constexpr ErrorInfo kGrantNotSigned{"PV-DGR-002", Retry::never,
                                           "no owner whom this device knows signed the grant",
                                           "Sign it with the key that signs the device's apps."};
inline constexpr ErrorInfo kOtherDevice{"PV-DGR-003", Retry::never,
                                        "the grant is for another device",
                                        "Make one that names this device."};
inline constexpr ErrorInfo kNotYet{
    "PV-DGR-004", Retry::later, "the grant begins later than it is by the device's clock",
    "Set the device's clock, or the one of the machine that makes grants."};
inline constexpr ErrorInfo kExpired{"PV-DGR-005", Retry::never, "the grant has expired",
                                    "Make a new one: pavise app grant create."};
inline constexpr ErrorInfo kBadTerms{"PV-DGR-006", Retry::never,
                                     "a grant cannot be made for these times",
                                     "Let it hold for at least a second and at most 30 days."};

inline constexpr std::size_t kGrantBytesMax = 256;
inline constexpr UnixSeconds kGrantSecondsMax = UnixSeconds{30} * 86'400;
inline constexpr UnixSeconds kGrantTimeMax = 253'402'300'799;  // the end of the year 9999

struct Terms {
  DeviceId device;
  manifest::ComponentId component;
  // Holds from the first second to before the second one. The first is there for devices whose
  // clock is not set: it shows years that are gone, and is refused.
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;

  bool operator==(const Terms&) const = default;
};

// Immutable. Pure; thread-safe.
class Grant {
 public:
  // By whoever holds the key, which may be in a token. kBadTerms; errors of `sign_digest`.
  using SignDigest = std::function<Result<crypto::EcdsaRaw>(const Digest256& digest)>;
  static Result<Grant> sign(const Terms& terms, const crypto::P256PublicKey& key,
                            const SignDigest& sign_digest);
  static Result<Grant> sign(const Terms& terms, const crypto::P256PrivateKey& key);
  // One spelling for each grant. kNotGrant, with the rule in the detail.
  static Result<Grant> parse(ByteView bytes);
  Bytes encode() const;

  // What it grants here and now: signed by one of `keys`, for `device`, at `now_s`, in this order.
  // kGrantNotSigned, kOtherDevice, kNotYet, kExpired.
  Result<Terms> accept(std::span<const crypto::P256PublicKey> keys, const DeviceId& device,
                       UnixSeconds now_s) const;
  // To be shown to a person: nobody has looked at the signature.
  const Terms& unverified_terms() const { return terms_; }
  const Digest256& owner_key_id() const { return key_id_; }

 private:
  Grant(Terms terms, const Digest256& key_id, const crypto::EcdsaRaw& signature)
      : terms_(std::move(terms)), key_id_(key_id), signature_(signature) {}

  Terms terms_;
  Digest256 key_id_;
  crypto::EcdsaRaw signature_;
};

}  // namespace pavise::dev_grant
