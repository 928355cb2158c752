// The stored form.
#include "cloud/security/report/verdict_report.h"

#include <array>

#include "cloud/security/attestation/verifier.h"
#include "protocol/cbor/cbor.h"

namespace pavise::security {
namespace {

using app_measurement::AppEvent;
using attestation::CheckResult;
using attestation::CheckState;
using attestation::Measurement;
using attestation::MeasurementState;
using attestation::ReleaseMatch;
using attestation::Verdict;

constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kReportFields = 12;
constexpr std::uint64_t kFormatWithApps = 3;  // 2 had no contents
constexpr std::size_t kAppFields = 4;
constexpr std::size_t kVersionParts = 3;
constexpr std::size_t kReportBytesTypical = 2048;
constexpr auto kRetryMax = static_cast<std::uint64_t>(Retry::needs_operator);

// Form of a check: bits 0 and 1 its state, bits 2 and 3 its words.
constexpr std::uint64_t kStateMask = 3;
constexpr unsigned kCheckWordsShift = 2;
// Form of a measurement: bits 0 and 1 its state, then:
constexpr std::uint64_t kHasDigest = 1U << 2U;
constexpr std::uint64_t kExpectedIsDigest = 1U << 3U;
constexpr std::uint64_t kHasExpected = 1U << 4U;  // another than the digest
constexpr unsigned kMeasurementWordsShift = 5;
constexpr std::uint64_t kMeasurementFormMax = (1U << 7U) - 1;

// Words that are not spelt out. These tables may only grow at their end: reports name places.
enum CheckWords : std::uint8_t { kOwnWords, kNoWords, kPassedWords, kCheckWordsEnd };
constexpr std::array<std::string_view, 4> kKnownWords = {
    "", "as released", "nothing measured, as released",
    "firmware that is in no platform profile of the release"};  // the first: spelt out

std::uint64_t check_words(const CheckResult& check, unsigned number) {
  if (check.words.empty()) return kNoWords;
  return check.words == attestation::check_info(number).passed ? kPassedWords : kOwnWords;
}

void write_checks(cbor::Writer& out, const Verdict& verdict) {
  PAVISE_CHECK(verdict.checks.size() <= attestation::kChecks);
  out.array(verdict.checks.size());
  unsigned number = 0;
  for (const CheckResult& check : verdict.checks) {
    PAVISE_CHECK(check.number == ++number);
    const std::uint64_t words = check_words(check, number);
    out.array(words == kOwnWords ? 2 : 1);
    out.uint(static_cast<std::uint64_t>(check.state) | words << kCheckWordsShift);
    if (words == kOwnWords) out.bytes(as_bytes(check.words));
  }
}

void write_measurement(cbor::Writer& out, const Measurement& one) {
  std::uint64_t words = kKnownWords.size() - 1;
  while (words > 0 && one.words != kKnownWords[words]) --words;
  const bool same = one.digest && one.expected == one.digest;
  std::uint64_t form = static_cast<std::uint64_t>(one.state) | words << kMeasurementWordsShift;
  if (one.digest) form |= kHasDigest;
  if (same) form |= kExpectedIsDigest;
  if (one.expected && !same) form |= kHasExpected;
  out.array(4U + (one.digest ? 1U : 0U) + ((form & kHasExpected) != 0 ? 1U : 0U) +
            (words == 0 ? 1U : 0U));
  out.uint(form).uint(one.pcr);
  if (one.digest) out.bytes(*one.digest);
  if (one.expected && !same) out.bytes(*one.expected);
  out.bytes(as_bytes(one.component)).bytes(as_bytes(one.name));
  if (words == 0) out.bytes(as_bytes(one.words));
}

void write_release(cbor::Writer& out, const std::optional<ReleaseMatch>& match) {
  if (!match) {
    out.array(0);
    return;
  }
  out.array(4)
      .bytes(as_bytes(match->name))
      .bytes(as_bytes(match->version))
      .uint(match->security_epoch)
      .bytes(match->manifest_digest);
}

void write_apps(cbor::Writer& out, const Verdict& verdict) {
  out.array(verdict.apps.size());
  for (const AppEvent& app : verdict.apps) {
    out.array(kAppFields).bytes(app.component.bytes());
    out.array(kVersionParts)
        .uint(app.version.major)
        .uint(app.version.minor)
        .uint(app.version.patch);
    out.bytes(app.policy_digest).bytes(app.content_digest);
  }
}

// ---- reading

std::string words_of(cbor::Reader& in) {
  return std::string(as_text(in.bytes(0, SIZE_MAX)));
}

template <class State>
State read_state(cbor::Reader& in, std::uint64_t form, State last) {
  const std::uint64_t state = form & kStateMask;
  const bool known = state <= static_cast<std::uint64_t>(last);
  in.require(known);
  return known ? static_cast<State>(state) : last;
}

void read_checks(cbor::Reader& in, Verdict& verdict) {
  const std::size_t count = in.array(0, attestation::kChecks);
  for (unsigned number = 1; number <= count && in.ok(); ++number) {
    const attestation::CheckInfo& info = attestation::check_info(number);
    const std::size_t fields = in.array(1, 2);
    const std::uint64_t form = in.uint();
    const std::uint64_t words = form >> kCheckWordsShift;
    in.require(words < kCheckWordsEnd && fields == (words == kOwnWords ? 2U : 1U));
    CheckResult check{.number = number,
                      .code = info.code,
                      .title = info.title,
                      .state = read_state(in, form, CheckState::not_reached),
                      .words = {}};
    if (words == kOwnWords) check.words = words_of(in);
    if (words == kPassedWords) check.words = info.passed;
    verdict.checks.push_back(std::move(check));
  }
}

Measurement read_measurement(cbor::Reader& in) {
  const std::size_t fields = in.array(4, 7);
  const std::uint64_t form = in.uint(kMeasurementFormMax);
  const std::uint64_t words = form >> kMeasurementWordsShift;
  const bool has_digest = (form & kHasDigest) != 0;
  const bool same = (form & kExpectedIsDigest) != 0;
  const bool has_expected = (form & kHasExpected) != 0;
  Measurement out;
  out.state = read_state(in, form, MeasurementState::unknown);
  in.require(words < kKnownWords.size() && (!same || (has_digest && !has_expected)) &&
             fields ==
                 4U + (has_digest ? 1U : 0U) + (has_expected ? 1U : 0U) + (words == 0 ? 1U : 0U));
  if (!in.ok()) return out;
  out.pcr = static_cast<std::uint8_t>(in.uint(UINT8_MAX));
  if (has_digest) out.digest = in.fixed<sizeof(Digest256)>();
  if (has_expected) out.expected = in.fixed<sizeof(Digest256)>();
  if (same) out.expected = out.digest;
  out.component = words_of(in);
  out.name = words_of(in);
  out.words = words == 0 ? words_of(in) : std::string(kKnownWords[words]);
  return out;
}

std::optional<ReleaseMatch> read_release(cbor::Reader& in) {
  const std::size_t fields = in.array(0, 4);
  in.require(fields == 0 || fields == 4);
  if (fields == 0 || !in.ok()) return std::nullopt;
  ReleaseMatch out;
  out.name = words_of(in);
  out.version = words_of(in);
  out.security_epoch = static_cast<std::uint32_t>(in.uint(UINT32_MAX));
  out.manifest_digest = in.fixed<sizeof(Digest256)>();
  return out;
}

std::optional<attestation::ClockMarks> read_clock(cbor::Reader& in) {
  const std::size_t fields = in.array(0, 3);
  in.require(fields == 0 || fields == 3);
  if (fields == 0 || !in.ok()) return std::nullopt;
  attestation::ClockMarks out;
  out.clock_ms = in.uint();
  out.reset_count = static_cast<std::uint32_t>(in.uint(UINT32_MAX));
  out.restart_count = static_cast<std::uint32_t>(in.uint(UINT32_MAX));
  return out;
}

std::optional<Digest256> read_digest(cbor::Reader& in) {
  const ByteView bytes = in.bytes(0, sizeof(Digest256));
  in.require(bytes.empty() || bytes.size() == sizeof(Digest256));
  if (bytes.empty() || !in.ok()) return std::nullopt;
  std::optional<Digest256> out(std::in_place);
  std::ranges::copy(bytes, out->begin());
  return out;
}

std::uint16_t read_version_part(cbor::Reader& in) {
  return static_cast<std::uint16_t>(in.uint(manifest::kVersionPartMax));
}

void read_apps(cbor::Reader& in, Verdict& verdict) {
  const std::size_t count = in.array(1, app_measurement::kAppEventsMax);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    in.array(kAppFields, kAppFields);
    const auto component = manifest::ComponentId::from_bytes(
        in.bytes(manifest::ComponentId::kBytes, manifest::ComponentId::kBytes));
    in.require(component.has_value());
    if (!component) return;
    AppEvent app{.component = *component, .version = {}};
    in.array(kVersionParts, kVersionParts);
    app.version.major = read_version_part(in);
    app.version.minor = read_version_part(in);
    app.version.patch = read_version_part(in);
    app.policy_digest = in.fixed<sizeof(Digest256)>();
    app.content_digest = in.fixed<sizeof(Digest256)>();
    verdict.apps.push_back(app);
  }
}

}  // namespace

Bytes encode_report(const Verdict& verdict) {
  cbor::Writer out(kReportBytesTypical);
  if (verdict.apps.empty())
    out.array(kReportFields).uint(kFormat);
  else
    out.array(kReportFields + 1).uint(kFormatWithApps);
  out.bytes(verdict.evidence_digest ? ByteView(*verdict.evidence_digest) : ByteView());
  write_checks(out, verdict);
  out.array(verdict.measurements.size());
  for (const Measurement& measurement : verdict.measurements) write_measurement(out, measurement);
  write_release(out, verdict.release);
  write_release(out, verdict.compared_with);
  out.bytes(as_bytes(verdict.platform))
      .uint(static_cast<std::uint64_t>(verdict.assurance))
      .uint(verdict.firmware_version);
  if (verdict.clock)
    out.array(3)
        .uint(verdict.clock->clock_ms)
        .uint(verdict.clock->reset_count)
        .uint(verdict.clock->restart_count);
  else
    out.array(0);
  out.bytes(as_bytes(verdict.next_step)).uint(static_cast<std::uint64_t>(verdict.retry));
  if (!verdict.apps.empty()) write_apps(out, verdict);
  return out.take();
}

Result<Verdict> decode_report(ByteView stored) {
  cbor::Reader in(stored);
  const bool has_apps = in.array(kReportFields, kReportFields + 1) > kReportFields;
  in.require(in.uint() == (has_apps ? kFormatWithApps : kFormat));
  Verdict out;
  out.evidence_digest = read_digest(in);
  read_checks(in, out);
  // Each takes some of the bytes, so their number bounds what is allocated.
  const std::size_t measurements = in.array(0, stored.size());
  for (std::size_t i = 0; i < measurements && in.ok(); ++i)
    out.measurements.push_back(read_measurement(in));
  out.release = read_release(in);
  out.compared_with = read_release(in);
  out.platform = words_of(in);
  out.assurance = static_cast<attestation::Assurance>(
      in.uint(static_cast<std::uint64_t>(attestation::Assurance::platform)));
  out.firmware_version = in.uint();
  out.clock = read_clock(in);
  out.next_step = words_of(in);
  out.retry = static_cast<Retry>(in.uint(kRetryMax));
  if (has_apps) read_apps(in, out);
  PAVISE_TRY(in.finish());
  return out;
}

}  // namespace pavise::security
