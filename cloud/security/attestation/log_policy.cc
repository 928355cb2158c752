#include "cloud/security/attestation/log_policy.h"

#include <algorithm>
#include <array>
#include <string>

#include "cloud/security/attestation/errors.h"
#include "common/crypto/crypto.h"

namespace pavise::attestation {
namespace {

using eventlog::Event;
using eventlog::EventLog;

constexpr unsigned kFirmwarePcrs = 8;  // 0 to 7 end with a separator
constexpr unsigned kBootManagerPcr = 4;
constexpr unsigned kSecureBootPcr = 7;

Error finding(const Event& event, std::string_view what) {
  return {kLogPolicy, "PCR " + std::to_string(event.pcr) + ": " + std::string(what)};
}

// The three values that firmware may extend at the end of its part (PC Client profile, 3.3.2):
// zeros or ones for a good end, 1 for an error.
struct SeparatorDigests {
  Digest256 zeros = crypto::sha256(Bytes(4));
  Digest256 ones = crypto::sha256(Bytes(4, std::byte{0xff}));
  Digest256 error = crypto::sha256(Bytes{std::byte{1}, std::byte{0}, std::byte{0}, std::byte{0}});

  bool good(const Digest256& digest) const { return digest == zeros || digest == ones; }
  bool any(const Digest256& digest) const { return good(digest) || digest == error; }
};
const SeparatorDigests& separators() {
  static const SeparatorDigests digests;
  return digests;
}

// Types whose data is what was measured: other data means that somebody relabelled the event.
bool data_must_be_measured(std::uint32_t type) {
  return type == eventlog::kEvSeparator || type == eventlog::kEvAction ||
         type == eventlog::kEvEfiAction || type == eventlog::kEvEfiVariableDriverConfig;
}

bool allowed_after_separator(const Event& event) {
  switch (event.pcr) {
    case kBootManagerPcr:
      return event.type == eventlog::kEvEfiAction ||
             event.type == eventlog::kEvEfiBootServicesApplication;
    case kSecureBootPcr:
      return event.type == eventlog::kEvEfiVariableAuthority;
    case 1:
    case 5:  // boot configuration and GPT go on until ExitBootServices
      return event.type == eventlog::kEvEfiAction || event.type == eventlog::kEvEfiVariableBoot ||
             event.type == eventlog::kEvEfiVariableBoot2 || event.type == eventlog::kEvEfiGptEvent;
    default:
      return false;
  }
}

// The operating system's loader and stub use EV_IPL and, since systemd 254, EV_EVENT_TAG.
bool allowed_type(const Event& event) {
  if (event.pcr >= kFirmwarePcrs)
    return event.type == eventlog::kEvIpl || event.type == eventlog::kEvEventTag;
  return !eventlog::type_name(event.type).empty();
}

class Walk {
 public:
  explicit Walk(const EventLog& log) : log_(log) {}

  Status step(const Event& event) {
    if (!allowed_type(event)) return finding(event, "an event of a type that has no place there");
    if (data_must_be_measured(event.type) && !log_.data_is_measured(event))
      return finding(event, "an event whose data is not what was measured");
    if (event.pcr >= kFirmwarePcrs) return {};
    if (event.type == eventlog::kEvSeparator) return separator(event);
    if (separators().any(event.digest)) return finding(event, "a separator under another label");
    if (separated_[event.pcr]) {
      if (!allowed_after_separator(event)) return finding(event, "an event after the separator");
      return {};
    }
    if (event.pcr == kSecureBootPcr && event.type == eventlog::kEvEfiVariableDriverConfig)
      return variable(event);
    return {};
  }

  Status finish(std::uint32_t mask, bool secure_boot_required) const {
    for (unsigned pcr = 0; pcr < kFirmwarePcrs; ++pcr)
      if ((mask >> pcr & 1U) != 0 && !separated_[pcr])
        return Error(kLogPolicy, "PCR " + std::to_string(pcr) + ": no separator");
    if (!secure_boot_required) return {};
    if ((mask >> kSecureBootPcr & 1U) == 0)
      return Error(kLogPolicy, "PCR 7 is not quoted, so Secure Boot is unknown");
    if (!secure_boot_seen_) return Error(kLogPolicy, "the Secure Boot state was not measured");
    if (!secure_boot_on_) return Error(kLogPolicy, "Secure Boot is off");
    return {};
  }

 private:
  Status separator(const Event& event) {
    if (separated_[event.pcr]) return finding(event, "a second separator");
    if (!separators().good(event.digest)) return finding(event, "the firmware reported an error");
    separated_[event.pcr] = true;
    return {};
  }

  Status variable(const Event& event) {
    const auto variable = eventlog::parse_uefi_variable(log_.data(event));
    if (!variable) return finding(event, "a malformed variable");
    if (!eventlog::is_secure_boot_variable(*variable)) return {};
    if (secure_boot_seen_) return finding(event, "the Secure Boot state twice");
    secure_boot_seen_ = true;
    secure_boot_on_ = variable->value.size() == 1 && variable->value[0] == std::byte{1};
    return {};
  }

  const EventLog& log_;
  std::array<bool, kFirmwarePcrs> separated_{};
  bool secure_boot_seen_ = false;
  bool secure_boot_on_ = false;
};

}  // namespace

Status check_log_policy(const EventLog& log, std::uint32_t mask, bool secure_boot_required) {
  Walk walk(log);
  for (const Event& event : log.events())
    if ((mask >> event.pcr & 1U) != 0) PAVISE_TRY(walk.step(event));
  return walk.finish(mask, secure_boot_required);
}

}  // namespace pavise::attestation
