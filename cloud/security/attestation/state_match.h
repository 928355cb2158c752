// Which release a quoted state is, and, if it is none, what differs, in words.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cloud/security/attestation/verdict.h"
#include "protocol/eventlog/event_log.h"
#include "protocol/release/reference_set.h"

namespace pavise::attestation {

// An extend that the running system reports; its digest is SHA-256(text).
struct RuntimeExtend {
  std::uint8_t pcr = 0;
  std::string_view text;
  Digest256 digest{};
};

// What has been proven about the device: the quoted values, and the extends that lead to them.
// Views stay the caller's.
struct ProvenState {
  const eventlog::PcrValues& values;  // of the PCRs in mask
  std::uint32_t mask;
  const eventlog::EventLog& log;
  std::span<const RuntimeExtend> runtime;
  // What the device says its kernel command line is; believed only if the log proves it.
  std::string_view cmdline_claim;
};

struct StateMatch {
  const release::ReferenceSet* release = nullptr;  // the matching one
  const release::ReferenceSet* nearest = nullptr;  // compared with; == release if it matches
  const release::PlatformProfile* platform = nullptr;
  std::vector<Measurement> measurements;  // by PCR, then in the order of the extends
  std::string reason;                     // if there is no match: names what differs
};

// Firmware PCRs that a release does not have to fix: a platform profile may.
inline constexpr std::uint32_t kPlatformPcrs =
    1U << 0U | 1U << 1U | 1U << 2U | 1U << 3U | 1U << 5U | 1U << 6U;

// A release matches if every PCR it fixes was quoted with that value, and every other quoted PCR is
// a firmware PCR, or PCR 13 and holds the apps of `runtime` alone, or was never extended.
// `releases` must not be empty. Does not block.
StateMatch match_state(const ProvenState& proven, std::span<const release::ReferenceSet> releases);

// True if the log shows that systemd-stub measured exactly this .cmdline section into PCR 11.
bool cmdline_is_measured(const eventlog::EventLog& log, std::string_view cmdline);
// The value of `key=` on a kernel command line, or empty.
std::string_view cmdline_value(std::string_view cmdline, std::string_view key);

}  // namespace pavise::attestation
