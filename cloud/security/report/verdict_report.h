// A verdict as the registry keeps it and as `pavise device evidence` explains it.
#pragma once

#include <string>

#include "cloud/security/attestation/verdict.h"
#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::security {

// The stored form: deterministic CBOR of the shape below. Texts are byte strings, because words may
// quote bytes of the device. [] stands for "none"; a digest of no bytes does, too.
//   report = [1, evidence_sha256, [* check], [* measurement], release, compared_with, platform,
//             assurance, firmware_version, [] / [clock_ms, reset_count, restart_count],
//             next_step, retry]
//   check = [form, ? words]    ; its number is its place
//   measurement = [form, pcr, ? digest, ? expected, component, name, ? words]
// and, if the device may run apps, with 3 in place of the first 1 and at the end
//   apps = [1*60 [component_id, [major, minor, patch], policy_digest, content_digest]]
//   release, compared_with = [] / [name, version, security_epoch, manifest_digest]
// The bits of a form are beside the code. `accepted`, `code` and `reason` are columns of the
// verdict and not repeated here; `tls_key` is in the certificate.
Bytes encode_report(const attestation::Verdict& verdict);

// What encode_report() kept. Errors: those of protocol/cbor.
Result<attestation::Verdict> decode_report(ByteView stored);

// The API's form, for what encode_report() made, for the JSON that a registry of version 1 holds
// (passed on as it is) and for nothing at all ("{}"):
// {"evidence_sha256",
//  "checks":[{"number","code","title","state","words"}],
//  "measurements":[{"pcr","digest","expected","component","name","state","words"}],
//  "release","compared_with":{"name","version","security_epoch","manifest_digest"} or null,
//  "platform","assurance","firmware_version",
//  "clock":{"clock_ms","reset_count","restart_count"} or null,
//  "next_step","retry",
//  "apps":[{"component_id","version","policy_digest","content_digest"}]}; digests in lower-case hex
//  or null.
// Errors: those of protocol/cbor.
Result<std::string> report_json(ByteView stored);

}  // namespace pavise::security
