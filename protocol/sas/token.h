// Shared access signature tokens (reference: iothub-dps-wire 0.1, A2, F1).
//
// A token goes through three checks in any order; all three must pass:
//   token->check_signature(...)   made by a holder of the key
//   token->check_audience(...)    for this resource
//   token->check_time(...)        not expired
// Pure values; nothing blocks.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "protocol/sas/errors.h"

namespace pavise::sas {

inline constexpr std::size_t kTokenSizeMax = 4096;
inline constexpr std::size_t kExpiryDigitsMax = 18;  // fits UnixSeconds
inline constexpr std::size_t kAudienceSegmentsMax = 16;

// IoT Hub and DPS use the decoded key, Event Hubs clients the bytes of its base64 text.
enum class KeyForm { decoded, text };
// Event Hubs clients send the whole audience in lower case.
enum class AudienceCase { exact, folded };

class Token {
 public:
  // "SharedAccessSignature " and then sr, sig, se and at most one skn, in any order, joined by '&'.
  // kBadToken with a detail, kRepeatedField.
  static Result<Token> parse(std::string_view text);

  // Over the text of `sr` as it came, a line feed and the text of `se`. Both keys are always tried,
  // in constant time; an empty key (none set) never matches. kWrongSignature.
  Status check_signature(ByteView primary, ByteView secondary, KeyForm form) const;

  // The decoded `sr` must be `segments` or a whole leading part of it: "h/devices/a" does not cover
  // "h/devices/ab". The first segment (a host, a DPS id scope) is compared without case. A leading
  // "sb://", "amqps://" or "https://" is passed over. Nothing is normalised: "..", empty segments
  // and a trailing '/' match nothing. kWrongAudience.
  Status check_audience(std::span<const std::string_view> segments,
                        AudienceCase compare = AudienceCase::exact) const;

  // kExpired from the second `se` on. Any later expiry is accepted.
  Status check_time(UnixSeconds now) const;

  UnixSeconds expiry() const { return expiry_; }
  // Name of the policy whose key signed; nullopt: the identity's own key.
  const std::optional<std::string>& policy() const { return policy_; }
  const std::string& audience() const { return audience_; }  // decoded once

 private:
  Token() = default;
  Status take(std::string_view name, std::string_view value);

  std::string raw_audience_;
  std::string audience_;
  std::string expiry_text_;
  UnixSeconds expiry_ = 0;
  Digest256 signature_{};
  bool has_signature_ = false;
  bool has_policy_field_ = false;
  std::optional<std::string> policy_;
};

// A token as the clients make it. `audience` is not yet encoded: "hub.example/devices/dev".
std::string make_token(std::string_view audience, ByteView key, UnixSeconds expiry,
                       std::string_view policy = {}, KeyForm form = KeyForm::decoded);

}  // namespace pavise::sas
