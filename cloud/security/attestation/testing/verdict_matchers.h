// Matchers for verdicts.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>

#include "cloud/security/attestation/verdict.h"

namespace pavise::attestation {

// Refused, with all that a refusal must say and nothing that only an acceptance may.
MATCHER(Refused, "") {
  *result_listener << arg.code << " " << arg.reason;
  return !arg.accepted && !arg.code.empty() && !arg.reason.empty() && !arg.next_step.empty() &&
         !arg.tls_key.has_value();
}

// Refused for this reason; checks after the failed one were not reached, unless the boot policy
// failed, after which the state is still compared.
MATCHER_P(RefusedWith, info, "") {
  *result_listener << arg.code << " " << arg.reason;
  const bool first_is_it =
      std::ranges::none_of(
          arg.checks, [](const CheckResult& check) { return check.state == CheckState::failed; }) ||
      std::ranges::find(arg.checks, CheckState::failed, &CheckResult::state)->code == info.code;
  return !arg.accepted && arg.code == info.code && arg.retry == info.retry && first_is_it &&
         !arg.reason.empty() && !arg.next_step.empty() && !arg.tls_key.has_value();
}

}  // namespace pavise::attestation
