// The device's root of trust: keys that cannot leave it, measurements that cannot be undone.
//
// Implementations are not thread-safe: one thread owns one. Every call blocks, on a real TPM up to
// seconds, on swtpm below 50 ms. Nothing that a call opens inside the TPM outlives the call.
// References are to the TPM 2.0 library specification, revision 1.59.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"
#include "protocol/pcr_policy/pcr_policy.h"

namespace pavise::root_of_trust {

// Errors: PV-ROT-nnn. Any call may fail with -001, -002, -004 to -007.
inline constexpr ErrorInfo kUnreachable{"PV-ROT-001", Retry::later, "the TPM does not answer",
                                        "Check that the TPM (or swtpm) is there and not in use."};
inline constexpr ErrorInfo kCommandFailed{"PV-ROT-002", Retry::never, "the TPM refused a command",
                                          "See the response code in the detail."};
inline constexpr ErrorInfo kNotProvisioned{"PV-ROT-003", Retry::needs_operator,
                                           "the TPM holds no key or counter of ours",
                                           "Provision the device: pavise-factory."};
inline constexpr ErrorInfo kLockedOut{"PV-ROT-004", Retry::later,
                                      "the TPM is in dictionary-attack lockout",
                                      "Wait for the lockout time to pass, then try again."};
inline constexpr ErrorInfo kFailureMode{"PV-ROT-005", Retry::needs_operator,
                                        "the TPM is in failure mode",
                                        "Power-cycle the device; replace it if this comes again."};
inline constexpr ErrorInfo kBusy{"PV-ROT-006", Retry::later, "the TPM is busy or testing itself",
                                 "Try again in a second."};
inline constexpr ErrorInfo kOutOfSlots{"PV-ROT-007", Retry::later,
                                       "the TPM has no free slot for a key or session",
                                       "Stop other users of the TPM and try again."};
inline constexpr ErrorInfo kNoEkCertificate{
    "PV-ROT-008", Retry::needs_operator, "the TPM holds no usable EK certificate",
    "Use a TPM whose maker wrote one (NV 0x01c00002, 0x01c0000a, 0x01c00016)."};
inline constexpr ErrorInfo kEkMismatch{
    "PV-ROT-009", Retry::needs_operator, "the TPM's EK is not the one in its certificate",
    "Do not trust this TPM; compare it with its maker's record."};
inline constexpr ErrorInfo kPcrsUnstable{"PV-ROT-010", Retry::later,
                                         "PCR values changed while they were being quoted",
                                         "Try again when nothing else extends PCRs."};
inline constexpr ErrorInfo kCredentialRefused{"PV-ROT-011", Retry::never,
                                              "a credential was not made for this TPM and this AK",
                                              "Ask the service for a new challenge."};
inline constexpr ErrorInfo kStateNotAllowed{
    "PV-ROT-012", Retry::needs_operator, "the measured state is not one that may unseal",
    "Boot a release signed for this device; data of an unknown state stays closed."};
inline constexpr ErrorInfo kBadSealedBlob{"PV-ROT-013", Retry::needs_operator,
                                          "a sealed blob is damaged or of another TPM",
                                          "Restore the data partition on the device it came from."};
inline constexpr ErrorInfo kBadArgument{"PV-ROT-014", Retry::never,
                                        "an argument is outside its limits",
                                        "See the limits in root_of_trust.h."};
inline constexpr ErrorInfo kForeignObject{
    "PV-ROT-015", Retry::needs_operator, "a handle of ours holds somebody else's object",
    "Clear the TPM (tpm2_clear) if nothing else on this machine uses it."};
inline constexpr ErrorInfo kHierarchyLocked{"PV-ROT-016", Retry::needs_operator,
                                            "the TPM's owner or endorsement password is set",
                                            "Clear the TPM, or set the passwords back to empty."};
inline constexpr ErrorInfo kNoSha256Bank{"PV-ROT-017", Retry::needs_operator,
                                         "the TPM's SHA-256 PCR bank is not active",
                                         "Activate the SHA-256 bank in the firmware setup."};

inline constexpr std::size_t kQualifyingBytesMax = 64;
inline constexpr std::size_t kSealedSecretBytesMax = 128;
inline constexpr std::size_t kSealedBlobBytesMax = 512;
inline constexpr std::size_t kCredentialBytesMax = 512;  // each part
inline constexpr unsigned kPcrCount = pcr_policy::kPcrCount;

using pcr_policy::PcrMask;
using pcr_policy::PcrValues;  // std::map<unsigned, Digest256>, SHA-256 bank

struct Identity {
  DeviceId device;
  Bytes ek_certificate;  // X.509 DER, without padding
  Bytes ek_public;       // TPMT_PUBLIC, template L-1
};

struct DeviceKeys {
  Bytes ak_public;              // TPMT_PUBLIC
  Bytes ak_name;                // 34 bytes
  Bytes tls_public;             // TPMT_PUBLIC
  Bytes tls_certify_attest;     // TPMS_ATTEST of TPM2_Certify by the AK, empty qualifying data
  Bytes tls_certify_signature;  // TPMT_SIGNATURE
};

struct Quote {
  Bytes attest;     // TPMS_ATTEST
  Bytes signature;  // TPMT_SIGNATURE
  PcrValues pcrs;   // exactly the selected ones; their composite is the one quoted
};

// The counter never goes back, not even by deleting and making it again. Its first value is chosen
// by the TPM, so what counts is its distance from the base.
struct Counter {
  std::uint64_t base;
  std::uint64_t value;
  std::uint64_t steps() const { return value - base; }
};

class RootOfTrust {
 public:
  virtual ~RootOfTrust() = default;

  // Makes what is missing of AK, TLS key and counter, and checks all of it, including that the EK
  // is the one in its certificate. Idempotent. Errors: kNoEkCertificate, kEkMismatch,
  // kForeignObject, kHierarchyLocked, kNoSha256Bank.
  virtual Status provision() = 0;

  // From the EK certificate; makes no key. kNoEkCertificate.
  virtual Result<Identity> identity() = 0;
  // kNotProvisioned, kForeignObject. The certification is made at the first call and kept.
  virtual Result<DeviceKeys> keys() = 0;

  // TPM2_Quote by the AK (part 3, 18.4) with the values that it covers. `qualifying` is at most
  // kQualifyingBytesMax. kNotProvisioned, kPcrsUnstable, kBadArgument.
  virtual Result<Quote> quote(PcrMask pcrs, ByteView qualifying) = 0;
  virtual Result<PcrValues> read_pcrs(PcrMask pcrs) = 0;
  // Extends the SHA-256 bank. kBadArgument if pcr >= kPcrCount.
  virtual Status extend(unsigned pcr, const Digest256& digest) = 0;

  // TPM2_ActivateCredential (part 3, 12.5). Both are contents of their TPM2B, without the outer
  // size. The EK that is used was compared with the certificate. kCredentialRefused, kEkMismatch,
  // kNotProvisioned, kBadArgument.
  virtual Result<SecretBytes> activate(ByteView id_object, ByteView encrypted_secret) = 0;

  // ECDSA with the TLS key. kNotProvisioned.
  virtual Result<crypto::EcdsaRaw> sign_tls(const Digest256& digest) = 0;

  // Seals 1 to kSealedSecretBytesMax bytes so that only this TPM, in a state that `policy_key`
  // signed, gives them back. kBadArgument.
  virtual Result<Bytes> seal(ByteView secret, const crypto::P256PublicKey& policy_key) = 0;
  // kStateNotAllowed if no entry of the policy fits the present PCRs; kBadSealedBlob also if it was
  // sealed under another policy key.
  virtual Result<SecretBytes> unseal(ByteView blob, const pcr_policy::SignedPcrPolicy& policy) = 0;

  // kNotProvisioned.
  virtual Result<Counter> read_counter() = 0;
  virtual Result<Counter> increment_counter() = 0;

  // TPM commands since this object was made: for telemetry.
  virtual std::uint64_t commands_sent() const = 0;
};

}  // namespace pavise::root_of_trust
