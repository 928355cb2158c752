#include "cloud/security/attestation/verifier.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "cloud/security/attestation/log_policy.h"
#include "cloud/security/attestation/state_match.h"
#include "common/crypto/crypto.h"
#include "protocol/eventlog/event_log.h"
#include "protocol/tpm/attest.h"
#include "protocol/x509/certificate_request.h"

namespace pavise::attestation {
namespace {

using app_measurement::AppEvent;
using app_measurement::kAppPcr;
using eventlog::EventLog;

constexpr std::string_view kCmdlineClaim = "cmdline";
constexpr std::size_t kEventTextShown = 64;
constexpr unsigned kRuntimePcrMin = 8;  // 0 to 7 belong to the firmware

// Everything that the evidence holds, parsed. Nothing after this looks at raw bytes, except to hash
// them.
struct Parsed {
  tpm::PublicArea ak;
  tpm::Name ak_name;
  crypto::P256PublicKey ak_key;  // parsed once: it verifies two signatures
  tpm::Attest quote;
  crypto::EcdsaRaw quote_signature;
  tpm::PublicArea tls;
  tpm::Name tls_name;
  tpm::Attest certify;
  crypto::EcdsaRaw certify_signature;
  x509::CertificateRequest request;
  EventLog log;
  std::vector<RuntimeExtend> runtime;
  std::uint32_t evidence_mask;  // PCRs whose values were sent
  eventlog::PcrValues values;
};

struct Context {
  const evidence::EvidenceFields& evidence;
  const Expectation& expectation;
  const Parsed& parsed;
  ProvenSignatures* proven;  // may be null
};

std::string number(std::uint64_t value) {
  return std::to_string(value);
}
std::string pcr_list(std::uint32_t mask) {
  std::string out;
  for (unsigned pcr = 0; pcr < 32; ++pcr)
    if ((mask >> pcr & 1U) != 0) out += (out.empty() ? "" : ",") + std::to_string(pcr);
  return out.empty() ? "none" : out;
}

// For the two signatures that a device sends again with every attestation.
bool verifies(const Context& c, const crypto::P256PublicKey& key, const Digest256& digest,
              const crypto::EcdsaRaw& signature) {
  if (c.proven != nullptr && c.proven->contains(proven_name(key, digest, signature))) return true;
  return static_cast<bool>(key.verify_digest(digest, signature));
}

void remember(const Context& c, ProvenSignatures& proven) {
  const Parsed& p = c.parsed;
  proven.add(proven_name(p.ak_key, crypto::sha256(c.evidence.certify), p.certify_signature));
  proven.add(proven_name(p.request.key(), p.request.signed_digest(), p.request.signature()));
}

// Check 1 holds for every tpm::Attest, check 2 for one with a quote in it: a statement that fails
// either never becomes one (see parse_failure).
Status check_magic(const Context&) {
  return {};
}
Status check_type(const Context& c) {
  if (c.parsed.quote.quote() == nullptr) return Error(kQuoteType, "it certifies a key");
  return {};
}

Status check_signature(const Context& c) {
  if (!c.parsed.ak_key.verify_digest(crypto::sha256(c.evidence.quote), c.parsed.quote_signature))
    return kQuoteSignature;
  return {};
}

Status check_attestation_key(const Context& c) {
  const Expectation& expected = c.expectation;
  if (c.parsed.ak_name != expected.ak_name)
    return Error(kAttestationKey, "another key than the one bound to this device");
  if (!tpm::is_attestation_key(c.parsed.ak))
    return Error(kAttestationKey, "it is not restricted to the TPM's own statements");
  // In any other hierarchy a TPM hides its firmware version and its counters behind a value that
  // its owner can change (part 1, 36.7): checks 9 and 10 would judge what the device chose.
  if (!equal(c.parsed.quote.qualified_signer,
             tpm::qualified_name_of_primary(tpm::kEndorsementHierarchy, expected.ak_name)))
    return Error(kAttestationKey, "it is no primary key of the endorsement hierarchy");
  const auto& returned = c.evidence.activation_secret;
  if (expected.activation_secret.has_value() != returned.has_value())
    return Error(kAttestationKey, returned ? "an activation that nobody asked for"
                                           : "the activation secret is missing");
  if (returned && !crypto::constant_time_equal(*returned, *expected.activation_secret))
    return Error(kAttestationKey, "the activation secret is wrong");
  return {};
}

Status check_freshness(const Context& c) {
  const Digest256 expected = evidence::quote_binding(c.expectation.nonce, c.expectation.exporter,
                                                     crypto::sha256(c.evidence.csr));
  if (!equal(c.parsed.quote.extra_data, expected)) return kNotFresh;
  return {};
}

Status check_selection(const Context& c) {
  std::uint32_t mask = 0;
  for (const tpm::PcrSelection& selection : c.parsed.quote.quote()->selections)
    mask |= selection.mask;
  if (mask != c.expectation.pcr_mask)
    return Error(kPcrSelection,
                 "quoted " + pcr_list(mask) + ", asked for " + pcr_list(c.expectation.pcr_mask));
  return {};
}

Status check_pcr_digest(const Context& c) {
  if (c.parsed.evidence_mask != c.expectation.pcr_mask)
    return Error(kPcrDigest, "values of " + pcr_list(c.parsed.evidence_mask));
  Bytes values;
  values.reserve(eventlog::kPcrCount * sizeof(Digest256));
  for (unsigned pcr = 0; pcr < eventlog::kPcrCount; ++pcr)
    if ((c.expectation.pcr_mask >> pcr & 1U) != 0) append(values, c.parsed.values[pcr]);
  if (!equal(c.parsed.quote.quote()->pcr_digest, crypto::sha256(values))) return kPcrDigest;
  return {};
}

Status check_bank(const Context& c) {
  const auto& selections = c.parsed.quote.quote()->selections;
  if (selections.size() != 1 || selections[0].hash != tpm::kAlgSha256) return kPcrBank;
  return {};
}

// Part 1, 36: resetCount rises with every TPM Reset, restartCount with every restart or resume
// between two resets, Clock with time. After power cuts Clock may start below a value that was
// reported before, and a TPM that lost its last write may even call it safe; a higher resetCount
// proves by itself that the quote is newer.
Status check_clock(const Context& c) {
  const tpm::ClockInfo& now = c.parsed.quote.clock;
  const bool safe_required = c.expectation.unsafe_clock == UnsafeClock::refuse;
  if (safe_required && !now.safe) return Error(kClock, "the clock is not safe");
  if (!c.expectation.marks) return {};
  const ClockMarks& mark = *c.expectation.marks;
  if (now.reset_count < mark.reset_count)
    return Error(kClock,
                 "resetCount " + number(now.reset_count) + " after " + number(mark.reset_count));
  const bool new_boot = now.reset_count > mark.reset_count;
  if (!new_boot && now.restart_count < mark.restart_count)
    return Error(kClock, "restartCount " + number(now.restart_count) + " after " +
                             number(mark.restart_count));
  if (new_boot) return {};
  if (now.clock_ms <= mark.clock_ms)
    return Error(kClock, "clock " + number(now.clock_ms) + " ms after " + number(mark.clock_ms));
  return {};
}

Status check_firmware(const Context& c) {
  if (std::ranges::find(c.expectation.firmware_denied, c.parsed.quote.firmware_version) !=
      c.expectation.firmware_denied.end())
    return Error(kFirmwareDenied, number(c.parsed.quote.firmware_version));
  return {};
}

Status check_replay(const Context& c) {
  const std::uint32_t mask = c.expectation.pcr_mask;
  eventlog::PcrValues replayed = c.parsed.log.replay(mask);
  for (const RuntimeExtend& extend : c.parsed.runtime)
    eventlog::extend(replayed[extend.pcr], extend.digest);
  std::uint32_t wrong = 0;
  for (unsigned pcr = 0; pcr < eventlog::kPcrCount; ++pcr)
    if ((mask >> pcr & 1U) != 0 && replayed[pcr] != c.parsed.values[pcr]) wrong |= 1U << pcr;
  if (wrong != 0) return Error(kLogReplay, "PCR " + pcr_list(wrong));
  return {};
}

// PCR 13 has apps, each once, and nothing else has any.
Result<std::vector<AppEvent>> apps_of(std::span<const RuntimeExtend> runtime) {
  app_measurement::AppEventList list;
  for (const RuntimeExtend& extend : runtime) {
    if (extend.pcr == kAppPcr) {
      if (const Status added = list.add(extend.text); !added)
        return Error(kLogPolicy, "PCR 13: " + std::string(added.error().info().what) + ", \"" +
                                     std::string(extend.text.substr(0, kEventTextShown)) + "\"");
    } else if (extend.text.starts_with(app_measurement::kAppEventPrefix)) {
      return Error(kLogPolicy, "the measurement of an app in PCR " + number(extend.pcr));
    }
  }
  return std::move(list).take();
}

Status check_policy(const Context& c) {
  for (const RuntimeExtend& extend : c.parsed.runtime)
    if (extend.pcr < kRuntimePcrMin)
      return Error(kLogPolicy, "a runtime event in a PCR of the firmware");
  if (const auto apps = apps_of(c.parsed.runtime); !apps) return apps.error();
  return check_log_policy(c.parsed.log, c.expectation.pcr_mask, c.expectation.secure_boot_required);
}

Status check_tls_key(const Context& c) {
  const Parsed& p = c.parsed;
  const tpm::CertifyInfo* certify = p.certify.certify();
  if (certify == nullptr) return Error(kTlsKey, "the statement about it is no TPM2_Certify");
  if (!verifies(c, p.ak_key, crypto::sha256(c.evidence.certify), p.certify_signature))
    return Error(kTlsKey, "the statement is not signed by the attestation key");
  if (!p.certify.extra_data.empty()) return Error(kTlsKey, "the statement has qualifying data");
  if (!equal(certify->name, p.tls_name)) return Error(kTlsKey, "the statement is on another key");
  if (!tpm::is_resident_signing_key(p.tls))
    return Error(kTlsKey, "its attributes let it leave the TPM, or it is no plain signing key");
  return {};
}

Status check_request(const Context& c) {
  const x509::CertificateRequest& request = c.parsed.request;
  const auto point = request.key().point();
  const auto padded_equal = [](ByteView coordinate, ByteView fixed) {
    const std::size_t padding = fixed.size() - coordinate.size();
    return std::ranges::all_of(fixed.first(padding),
                               [](std::byte b) { return b == std::byte{0}; }) &&
           equal(coordinate, fixed.subspan(padding));
  };
  if (!padded_equal(c.parsed.tls.x, ByteView(point).subspan(1, 32)) ||
      !padded_equal(c.parsed.tls.y, ByteView(point).subspan(33, 32)))
    return Error(kCertificateRequest, "it asks for another key");
  if (request.common_name() != c.expectation.device.text())
    return Error(kCertificateRequest, "its common name is another device");
  if (!verifies(c, request.key(), request.signed_digest(), request.signature()))
    return Error(kCertificateRequest, "it is not signed by its own key");
  return {};
}

struct Step {
  const ErrorInfo& error;
  std::string_view title;
  std::string_view passed;
  Status (*run)(const Context&);
};
// The last two are judged over match_state().
const std::array<Step, kChecks> kSteps = {{
    {kQuoteMagic, "magic", "the quote was made inside a TPM", check_magic},
    {kQuoteType, "type", "the statement is a quote", check_type},
    {kQuoteSignature, "signature", "signed by the attestation key", check_signature},
    {kAttestationKey, "attestation key", "the restricted TPM key bound to this device",
     check_attestation_key},
    {kNotFresh, "freshness", "answers this challenge on this connection", check_freshness},
    {kPcrSelection, "PCR selection", "covers exactly the PCRs asked for", check_selection},
    {kPcrDigest, "PCR values", "the values sent are the quoted ones", check_pcr_digest},
    {kPcrBank, "bank", "SHA-256", check_bank},
    {kClock, "clock", "clock and boot counters moved forward", check_clock},
    {kFirmwareDenied, "TPM firmware", "not on the deny-list", check_firmware},
    {kLogReplay, "event log", "leads to the quoted PCRs", check_replay},
    {kLogPolicy, "boot", "every event has its place, Secure Boot as required", check_policy},
    {kTlsKey, "TLS key", "certified as a key that cannot leave this TPM", check_tls_key},
    {kCertificateRequest, "certificate request", "for this device and its TLS key", check_request},
    {kStateNotReleased, "release", "the device runs a released version", nullptr},
    {kPlatformUnknown, "platform", "as good as required", nullptr},
}};
constexpr unsigned kClockStep = 8;  // index
constexpr unsigned kPolicyStep = 11;
constexpr unsigned kReleaseStep = 14;
constexpr unsigned kPlatformStep = 15;

void refuse(Verdict& verdict, const ErrorInfo& info, const std::string& detail) {
  if (!verdict.code.empty()) return;  // the first reason counts
  verdict.code = info.code;
  verdict.reason = info.what;
  if (!detail.empty()) verdict.reason += ": " + detail;
  verdict.next_step = info.next_step;
  verdict.retry = info.retry;
}

void pass(Verdict& verdict, unsigned step) {
  verdict.checks[step].state = CheckState::passed;
  verdict.checks[step].words = kSteps[step].passed;
}
void fail(Verdict& verdict, unsigned step, const std::string& detail) {
  const ErrorInfo& info = kSteps[step].error;
  verdict.checks[step].state = CheckState::failed;
  verdict.checks[step].words = std::string(info.what) + (detail.empty() ? "" : ": " + detail);
  refuse(verdict, info, detail);
}

// A structure that cannot be read. Most say nothing about any check; those that a check is about
// fail that one.
Error parse_failure(std::string_view part, const Error& cause, const ErrorInfo* about = nullptr) {
  return {about != nullptr ? *about : kMalformed,
          std::string(part) + ": " + std::string(cause.info().what) +
              (cause.detail().empty() ? "" : ", " + cause.detail()) + " [" +
              std::string(cause.code()) + "]"};
}

Result<tpm::Attest> parse_quote(ByteView bytes) {
  auto quote = tpm::Attest::parse(bytes);
  if (quote) return quote;
  const Error& cause = quote.error();
  if (cause.is(tpm::kWrongMagic)) return Error(kQuoteMagic);
  if (cause.is(tpm::kWrongAttestType)) return Error(kQuoteType);
  return parse_failure("quote", cause);
}

Result<tpm::Attest> parse_certify(ByteView bytes) {
  auto certify = tpm::Attest::parse(bytes);
  if (certify) return certify;
  const Error& cause = certify.error();
  const bool about = cause.is(tpm::kWrongMagic) || cause.is(tpm::kWrongAttestType);
  return parse_failure("statement on the TLS key", cause, about ? &kTlsKey : nullptr);
}

template <class T>
Result<T> parsed_or(Result<T> result, std::string_view part, const ErrorInfo* about = nullptr) {
  if (result) return result;
  return parse_failure(part, result.error(), about);
}

Result<Parsed> parse(const evidence::EvidenceFields& evidence) {
  PAVISE_TRY_ASSIGN(tpm::Attest quote, parse_quote(evidence.quote));
  PAVISE_TRY_ASSIGN(crypto::EcdsaRaw quote_signature,
                    parsed_or(tpm::parse_signature(evidence.quote_signature), "quote's signature",
                              &kQuoteSignature));
  PAVISE_TRY_ASSIGN(tpm::PublicArea ak, parsed_or(tpm::PublicArea::parse(evidence.ak_public),
                                                  "attestation key", &kAttestationKey));
  PAVISE_TRY_ASSIGN(crypto::P256PublicKey ak_key,
                    parsed_or(ak.p256_key(), "attestation key", &kAttestationKey));
  PAVISE_TRY_ASSIGN(tpm::PublicArea tls,
                    parsed_or(tpm::PublicArea::parse(evidence.tls_public), "TLS key", &kTlsKey));
  PAVISE_TRY_ASSIGN(tpm::Attest certify, parse_certify(evidence.certify));
  PAVISE_TRY_ASSIGN(crypto::EcdsaRaw certify_signature,
                    parsed_or(tpm::parse_signature(evidence.certify_signature),
                              "signature on the TLS key", &kTlsKey));
  PAVISE_TRY_ASSIGN(
      x509::CertificateRequest request,
      parsed_or(x509::CertificateRequest::parse(evidence.csr), "certificate request"));
  PAVISE_TRY_ASSIGN(EventLog log, parsed_or(EventLog::parse(evidence.event_log), "event log"));
  Parsed out{.ak = std::move(ak),
             .ak_name = tpm::name_of(evidence.ak_public),
             .ak_key = std::move(ak_key),
             .quote = std::move(quote),
             .quote_signature = quote_signature,
             .tls = std::move(tls),
             .tls_name = tpm::name_of(evidence.tls_public),
             .certify = std::move(certify),
             .certify_signature = certify_signature,
             .request = std::move(request),
             .log = std::move(log),
             .runtime = {},
             .evidence_mask = 0,
             .values = {}};
  for (const auto& [pcr, digest] : evidence.pcrs) {
    if (pcr >= eventlog::kPcrCount || (out.evidence_mask >> pcr) != 0)
      return Error(kMalformed, "PCR values: not in ascending order");
    out.evidence_mask |= 1U << pcr;
    out.values[pcr] = digest;
  }
  for (const auto& event : evidence.runtime_events) {
    if (event.pcr >= eventlog::kPcrCount) return Error(kMalformed, "runtime event: PCR number");
    out.runtime.push_back({event.pcr, event.text, crypto::sha256(as_bytes(event.text))});
  }
  return out;
}

std::string_view cmdline_claim(const evidence::EvidenceFields& evidence) {
  for (const auto& [name, value] : evidence.claims)
    if (name == kCmdlineClaim) return value;
  return {};
}

ReleaseMatch describe(const release::ReferenceSet& set) {
  return {set.name, set.version, set.security_epoch, set.manifest_digest};
}

// Checks 15 and 16, and the measurements.
void judge_state(const Context& c, std::span<const release::ReferenceSet> releases,
                 Verdict& verdict) {
  StateMatch match = match_state({.values = c.parsed.values,
                                  .mask = c.expectation.pcr_mask,
                                  .log = c.parsed.log,
                                  .runtime = c.parsed.runtime,
                                  .cmdline_claim = cmdline_claim(c.evidence)},
                                 releases);
  verdict.measurements = std::move(match.measurements);
  verdict.compared_with = describe(*match.nearest);
  if (match.release == nullptr) {
    fail(verdict, kReleaseStep, match.reason);
    return;
  }
  verdict.release = describe(*match.release);
  if (const auto apps = apps_of(c.parsed.runtime);
      apps && (c.expectation.pcr_mask >> kAppPcr & 1U) != 0)
    verdict.apps = *apps;
  pass(verdict, kReleaseStep);
  verdict.checks[kReleaseStep].words = match.release->name + " " + match.release->version;
  if (match.platform != nullptr) {
    verdict.platform = match.platform->name;
    verdict.assurance = Assurance::platform;
  }
  if (c.expectation.assurance_min == Assurance::platform &&
      verdict.assurance != Assurance::platform) {
    fail(verdict, kPlatformStep, {});
    return;
  }
  pass(verdict, kPlatformStep);
  verdict.checks[kPlatformStep].words =
      verdict.platform.empty() ? "firmware not judged" : "firmware of " + verdict.platform;
}

// Which check an error of parse() fails, or kChecks.
unsigned step_of(const Error& error) {
  unsigned step = 0;
  while (step < kChecks && !error.is(kSteps[step].error)) ++step;
  return step;
}

Verdict blank_verdict() {
  Verdict verdict;
  verdict.checks.reserve(kChecks);
  for (unsigned i = 0; i < kChecks; ++i)
    verdict.checks.push_back({.number = i + 1,
                              .code = kSteps[i].error.code,
                              .title = kSteps[i].title,
                              .state = CheckState::not_reached,
                              .words = {}});
  return verdict;
}

// Checks 1 to 14. False if the rest would say nothing.
bool run_steps(const Context& c, Verdict& verdict) {
  for (unsigned step = 0; step < kReleaseStep; ++step) {
    const Status status = kSteps[step].run(c);
    if (status) {
      pass(verdict, step);
    } else {
      fail(verdict, step, status.error().detail());
      // A refused boot is proven by now; go on, to say what differs.
      if (step != kPolicyStep) return false;
    }
    if (step == kClockStep) {
      const tpm::ClockInfo& clock = c.parsed.quote.clock;
      verdict.clock = ClockMarks{clock.clock_ms, clock.reset_count, clock.restart_count};
      verdict.firmware_version = c.parsed.quote.firmware_version;
    }
  }
  return true;
}

}  // namespace

const CheckInfo& check_info(unsigned number) {
  PAVISE_CHECK(number >= 1 && number <= kChecks);
  static const auto rows = [] {
    std::array<CheckInfo, kChecks> out;
    for (unsigned i = 0; i < kChecks; ++i)
      out[i] = {kSteps[i].error.code, kSteps[i].title, kSteps[i].passed};
    return out;
  }();
  return rows[number - 1];
}

Verdict verify(const evidence::EvidenceFields& evidence, const Expectation& expectation,
               std::span<const release::ReferenceSet> releases, ProvenSignatures* proven) {
  Verdict verdict = blank_verdict();
  if (expectation.pcr_mask == 0) {
    refuse(verdict, kNothingAsked, {});
    return verdict;
  }
  if (releases.empty()) {
    refuse(verdict, kNoRelease, {});
    return verdict;
  }
  const Result<Parsed> parsed = parse(evidence);
  if (!parsed) {
    const unsigned step = step_of(parsed.error());
    if (step < kChecks)
      fail(verdict, step, parsed.error().detail());
    else
      refuse(verdict, parsed.error().info(), parsed.error().detail());
    return verdict;
  }
  const Context context{evidence, expectation, *parsed, proven};
  if (!run_steps(context, verdict)) return verdict;
  judge_state(context, releases, verdict);
  verdict.accepted =
      verdict.code.empty() && std::ranges::all_of(verdict.checks, [](const CheckResult& check) {
        return check.state == CheckState::passed;
      });
  if (!verdict.accepted) return verdict;
  verdict.tls_key = parsed->request.key();
  if (proven != nullptr) remember(context, *proven);
  return verdict;
}

}  // namespace pavise::attestation
