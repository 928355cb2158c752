// What the verifier concludes: plain data that a person or a program can read whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"
#include "protocol/app_measurement/app_event.h"

namespace pavise::attestation {

enum class CheckState {
  passed,
  failed,
  not_reached,  // an earlier check failed, so this one would say nothing
};
struct CheckResult {
  unsigned number = 0;    // 1 to kChecks
  std::string_view code;  // refusal code if it fails
  std::string_view title;
  CheckState state = CheckState::not_reached;
  std::string words;
};

enum class MeasurementState {
  matches,
  differs,  // another value where the release has one, or an expected one is missing
  unknown,  // the release says nothing about it
};
// One extend of a PCR that the release predicts event by event, or one whole PCR.
struct Measurement {
  std::uint8_t pcr = 0;
  std::optional<Digest256> digest;    // none: expected, but not measured
  std::optional<Digest256> expected;  // none: measured, but not expected
  std::string component;              // the release's words, such as "kernel"
  std::string name;
  MeasurementState state = MeasurementState::unknown;
  std::string words;
};

enum class Assurance {
  release,   // the operating system is a released one; the firmware is not judged
  platform,  // the firmware (PCR 0 and 2) is a known one, too
};

struct ReleaseMatch {
  std::string name;
  std::string version;
  std::uint32_t security_epoch = 0;
  Digest256 manifest_digest{};
};

// The clock of the last authentic quote of one attestation key. The registry keeps it per key, and
// drops it when another key is bound. The key must be in the endorsement hierarchy: for others a
// TPM hides the counters and its firmware version (part 1, 36.7).
struct ClockMarks {
  std::uint64_t clock_ms = 0;
  std::uint32_t reset_count = 0;
  std::uint32_t restart_count = 0;
  bool operator==(const ClockMarks&) const = default;
};

struct Verdict {
  bool accepted = false;

  // When refused.
  std::string code;
  std::string reason;  // in words, names the component that differs; safe to send to the device
  std::string next_step;
  Retry retry = Retry::never;

  std::vector<CheckResult> checks;  // all of them, by number
  std::vector<Measurement> measurements;
  std::optional<ReleaseMatch> release;  // the one that the device runs
  // Of a refused state: the release that the measurements were compared with.
  std::optional<ReleaseMatch> compared_with;
  std::string platform;  // matched platform profile, or empty
  Assurance assurance = Assurance::release;

  // What the device may run besides the release, in the order in which it was measured since the
  // device started; only of one that runs a released version, whose monitor is to be believed.
  std::vector<app_measurement::AppEvent> apps;

  // Set as soon as the quote itself is authentic and fresh (checks 1 to 9), even if the state is
  // then refused: the registry must replace its marks by these (not take the maximum: after a power
  // cut the clock may be lower in a boot with a higher resetCount).
  std::optional<ClockMarks> clock;
  std::uint64_t firmware_version = 0;  // of the TPM, from the same quote

  // SHA-256 of the evidence as it was received; set by who received it.
  std::optional<Digest256> evidence_digest;

  // Set only if accepted: the key to certify.
  std::optional<crypto::P256PublicKey> tls_key;
};

std::string_view to_string(CheckState state);
std::string_view to_string(MeasurementState state);
std::string_view to_string(Assurance assurance);

}  // namespace pavise::attestation
