// Flow 4, the service's side: nonce → evidence → verdict → certificate. Messages:
// api/evidence.cddl.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "cloud/security/attestation/proven_signatures.h"
#include "cloud/security/authority/live_authority.h"
#include "cloud/security/issuing/issuer.h"
#include "cloud/security/pending/one_shot_store.h"
#include "cloud/security/registry/registry.h"
#include "cloud/security/releases/release_book.h"

namespace pavise::attestation {
struct Verdict;
}
namespace pavise::evidence {
struct Challenge;
class Evidence;
}  // namespace pavise::evidence

namespace pavise::security {

// Errors: PV-ATS-nnn. Those of the verifier are PV-ATT-nnn.
inline constexpr ErrorInfo kAttestUnknownDevice{"PV-ATS-001", Retry::needs_operator,
                                                "this device is not registered",
                                                "Register its EK certificate (factory step)."};
inline constexpr ErrorInfo kAttestKeyNotBound{
    "PV-ATS-002", Retry::never, "this attestation key is not the one bound to the device's TPM",
    "Attest with the key that was made in the factory; an identity is never taken over."};
inline constexpr ErrorInfo kAttestBusy{
    "PV-ATS-003", Retry::later, "too many attestations are under way", "Try again in a minute."};
inline constexpr ErrorInfo kNoChallenge{
    "PV-ATS-004", Retry::later, "this evidence answers no challenge of this connection",
    "Ask for a new challenge and answer it once, on the same connection, within two minutes."};
inline constexpr ErrorInfo kActivationWrong{
    "PV-ATS-005", Retry::never, "the activation was not answered correctly",
    "Attest again; the AK must live in the TPM of the registered EK."};
inline constexpr ErrorInfo kAttestUnclaimed{"PV-ATS-006", Retry::needs_operator,
                                            "the evidence is good, but the device has no owner",
                                            "Claim it: pavise device claim VOUCHER."};
inline constexpr ErrorInfo kAttestDisabled{"PV-ATS-007", Retry::needs_operator,
                                           "the device is disabled by its owner",
                                           "Enable it: pavise device enable ID."};
inline constexpr ErrorInfo kAttestOverlap{
    "PV-ATS-008", Retry::later, "the device's record changed while its evidence was checked",
    "Attest again; if it repeats, two devices use one identity."};
inline constexpr ErrorInfo kAttestInternal{"PV-ATS-009", Retry::later,
                                           "the service could not finish the attestation",
                                           "Try again in a minute; the operator sees the cause."};

inline constexpr std::int64_t kAttestSessionLifetimeMs = 120'000;
inline constexpr std::size_t kAttestSessionsMax = 100'000;

// 32 bytes from the device's TLS 1.3 connection: RFC 8446 section 7.5, label
// "EXPORTER-pavise-attestation-v1", no context.
using TlsExporter = std::array<std::byte, 32>;

struct AttestationServiceOptions {
  std::string hub_host{};  // told to accepted devices
  std::uint16_t hub_port = 8883;
  std::size_t sessions_max = kAttestSessionsMax;
  std::vector<std::uint64_t> firmware_denied{};  // TPM firmware versions that are never accepted
  bool platform_profile_required = false;        // PCR 0 and 2 must match a release's profile
};

struct EvidenceReply {
  bool accepted = false;
  Bytes body{};          // CBOR evidence-response, to be sent as it is
  std::string code{};    // of the refusal, for the server's log
  std::string device{};  // its id, empty when the request named none
  std::string cause{};   // of an internal failure, for the server's log: a full disk cannot keep it
};

// Thread-safe. Both calls block: on disk, on the signer, and for the cryptography.
class AttestationService {
 public:
  // All references outlive the service.
  AttestationService(Registry& registry, Issuer& issuer, ReleaseBook& releases,
                     LiveAuthority& authority, const Clock& clock,
                     AttestationServiceOptions options)
      : registry_(registry),
        issuer_(issuer),
        releases_(releases),
        authority_(authority),
        clock_(clock),
        options_(std::move(options)),
        questions_(clock, kAttestSessionLifetimeMs, options_.sessions_max) {}

  // POST /device/v1/challenge: CBOR challenge-request → CBOR challenge. A later challenge of the
  // same device replaces the earlier one. Errors: those of the codec, kAttestUnknownDevice,
  // kAttestKeyNotBound, kAttestBusy, those of Registry; send them with encode_refusal().
  Result<Bytes> challenge(ByteView request, const TlsExporter& exporter);

  // POST /device/v1/bind: binds the AK of a challenge that asked for activation, in the factory.
  // The session ends with the first answer. Returns CBOR {1: true}. Errors: those of the codec,
  // kNoChallenge, kActivationWrong, kAttestKeyNotBound, those of Registry; encode_refusal().
  Result<Bytes> bind(ByteView request, const TlsExporter& exporter);

  // POST /device/v1/evidence: every outcome is stored with its reason before it is returned, and a
  // failure to store is a refusal. The session ends with the first answer, good or bad.
  EvidenceReply evidence(ByteView request, const TlsExporter& exporter);

  // CBOR `refused` for errors of challenge().
  static Bytes encode_refusal(const Error& error);

  std::size_t sessions() const { return questions_.size(); }  // for /metrics

 private:
  // What one device was asked on one connection.
  struct Question {
    DeviceId device;
    Digest256 nonce{};
    TlsExporter exporter{};
    Bytes ak_public{};
    std::optional<SecretBytes> activation_secret{};
  };

  static constexpr std::int64_t kNoteIntervalMs = 60'000;
  static constexpr std::size_t kNotedMax = 10'000;

  static Result<SecretBytes> activation_secret();
  static Status ask_for_activation(const DeviceRecord& device, Question& question,
                                   evidence::Challenge& challenge);
  void note_foreign_key(const DeviceId& id);
  EvidenceReply judge(const evidence::Evidence& evidence, const Digest256& evidence_digest,
                      const Question& question, const DeviceRecord& device);
  EvidenceReply accept(const Question& question, const DeviceRecord& device,
                       const attestation::Verdict& verdict);
  EvidenceReply accept_unclaimed(const Question& question, const DeviceRecord& device,
                                 const attestation::Verdict& verdict);
  VerdictRecord record_of(const DeviceId& id, const attestation::Verdict& verdict) const;
  EvidenceReply refuse(const DeviceId& id, const Question& question,
                       const attestation::Verdict& verdict);
  EvidenceReply refuse(const DeviceId& id, const Error& error,
                       const attestation::Verdict* verdict = nullptr);

  Registry& registry_;
  Issuer& issuer_;
  ReleaseBook& releases_;
  LiveAuthority& authority_;
  const Clock& clock_;
  const AttestationServiceOptions options_;
  OneShotStore<Question> questions_;
  attestation::ProvenSignatures proven_;
  std::mutex noted_mutex_;
  std::unordered_map<DeviceId, std::int64_t> noted_;  // foreign keys: when last written down
};

}  // namespace pavise::security
