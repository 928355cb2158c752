// The verifier (RFC 9334): evidence of a device against what the service expects of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "cloud/security/attestation/errors.h"
#include "cloud/security/attestation/proven_signatures.h"
#include "cloud/security/attestation/verdict.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "protocol/evidence/evidence.h"
#include "protocol/release/reference_set.h"
#include "protocol/tpm/public_area.h"

namespace pavise::attestation {

// Twelve checks of the quote, then TLS key, certificate request, released state, platform.
inline constexpr unsigned kChecks = 16;

// What is the same in every verdict about one check.
struct CheckInfo {
  std::string_view code;  // refusal code if it fails
  std::string_view title;
  std::string_view passed;  // words when it holds and has nothing of its own to say
};
const CheckInfo& check_info(unsigned number);  // 1 to kChecks

// After a power cut a TPM may resume its clock in the past and says so with `safe` = NO, until it
// next writes the clock down. In a boot that was never seen before (resetCount above the mark) the
// clock is not compared with the mark, safe or not: docs/adr/0014. Within one boot it never goes
// back. This says only what an unsafe clock is worth.
enum class UnsafeClock {
  accept_in_new_boot,
  refuse,
};

// What this service asked of this device. Everything in it comes from the registry and the session;
// nothing from the evidence.
struct Expectation {
  Digest256 nonce{};
  Digest256 exporter{};        // of the TLS connection that carried the evidence
  std::uint32_t pcr_mask = 0;  // bit n is PCR n; not 0
  DeviceId device;             // common name of the certificate request
  tpm::Name ak_name{};         // of the AK bound to the device, or of the one being bound now
  // Set while the AK is being bound: what MakeCredential hid. Without it, evidence that holds an
  // activation secret is refused.
  std::optional<Digest256> activation_secret;
  std::optional<ClockMarks> marks;  // none: this AK has never attested
  UnsafeClock unsafe_clock = UnsafeClock::accept_in_new_boot;
  std::span<const std::uint64_t> firmware_denied;  // TPM firmware versions
  bool secure_boot_required = true;
  Assurance assurance_min = Assurance::release;
};

// Judges. Never throws, never waits, allocates in proportion to the evidence; thread-safe. Fails
// closed: the Verdict accepts only if every check passed. `evidence` is what protocol/evidence
// parsed (Evidence::fields()); its inner structures are parsed here, and one that cannot be read
// ends it at once. With `proven`, the signatures on the TLS key's certification and on the request
// are not computed again when they are in it, and come into it when the evidence is accepted.
Verdict verify(const evidence::EvidenceFields& evidence, const Expectation& expectation,
               std::span<const release::ReferenceSet> releases, ProvenSignatures* proven = nullptr);

}  // namespace pavise::attestation
