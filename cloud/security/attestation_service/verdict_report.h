// A verdict as the JSON that the registry keeps and `pavise device evidence` explains.
#pragma once

#include <string>

#include "cloud/security/attestation/verdict.h"

namespace pavise::security {

// {"checks":[{"number","code","title","state","words"}],
//  "measurements":[{"pcr","digest","expected","component","name","state","words"}],
//  "release","compared_with":{"name","version","security_epoch","manifest_digest"} or null,
//  "platform","assurance","firmware_version",
//  "clock":{"clock_ms","reset_count","restart_count"} or null,
//  "next_step","retry"}; digests in lower-case hex or null.
std::string report_of(const attestation::Verdict& verdict);

}  // namespace pavise::security
