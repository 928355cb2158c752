#include "cloud/security/attestation_service/attestation_service.h"

#include <algorithm>

#include "cloud/security/attestation/verifier.h"
#include "cloud/security/report/verdict_report.h"
#include "common/crypto/crypto.h"
#include "protocol/evidence/evidence.h"
#include "protocol/tpm/credential.h"
#include "protocol/tpm/public_area.h"

namespace pavise::security {
namespace {

// Firmware, boot loader, Secure Boot state, UKI, apps (13), and the two that must stay empty.
constexpr std::uint32_t kPcrMask =
    1U << 0U | 1U << 2U | 1U << 4U | 1U << 7U | 1U << 11U | 1U << 12U | 1U << 13U | 1U << 14U;

EvidenceReply refused(const std::string& device, std::string_view code, std::string_view reason,
                      Retry retry) {
  // Reasons are our own ASCII words; a longer one is cut, never refused.
  const evidence::Refused message{std::string(code),
                                  std::string(reason.substr(0, evidence::kReasonBytesMax)), retry};
  return {false, evidence::encode_response(message), std::string(code), device};
}

EvidenceReply refused(const std::string& device, const Error& error) {
  return refused(device, error.code(), error.message(), error.retry());
}

// The cause of an internal failure is for the operator, not for the device.
EvidenceReply failed(const DeviceId& id, std::string cause) {
  EvidenceReply reply = refused(id.text(), kAttestInternal);
  reply.cause = std::move(cause);
  return reply;
}

}  // namespace

Result<SecretBytes> AttestationService::activation_secret() {
  SecretBytes secret(sizeof(Digest256));
  PAVISE_TRY(crypto::random_fill(secret.span()));
  return secret;
}

// ---- challenge

Result<Bytes> AttestationService::challenge(ByteView request, const TlsExporter& exporter) {
  PAVISE_TRY_ASSIGN(const auto asked, evidence::ChallengeRequest::parse(request));
  const auto device = registry_.device(asked.device);
  if (!device && device.error().is(kNotFound)) return kAttestUnknownDevice;
  if (!device) return device.error();
  if (device->ak_public && !equal(*device->ak_public, asked.ak_public)) {
    note_foreign_key(device->id);
    return kAttestKeyNotBound;
  }
  Question question{.device = device->id, .exporter = exporter, .ak_public = asked.ak_public};
  PAVISE_TRY(crypto::random_fill(question.nonce));
  evidence::Challenge challenge;
  challenge.nonce = question.nonce;
  for (std::uint8_t pcr = 0; pcr < evidence::kPcrsMax; ++pcr)
    if ((kPcrMask >> pcr & 1U) != 0) challenge.pcrs.push_back(pcr);
  if (!device->ak_public) PAVISE_TRY(ask_for_activation(*device, question, challenge));
  PAVISE_TRY_ASSIGN(const auto session, questions_.ask(device->id, std::move(question)));
  if (!session) return kAttestBusy;
  challenge.session = *session;
  return challenge.encode();
}

// The AK is not yet known to live beside the EK: only that TPM can read the secret.
Status AttestationService::ask_for_activation(const DeviceRecord& device, Question& question,
                                              evidence::Challenge& challenge) {
  PAVISE_TRY_ASSIGN(const auto ak, tpm::PublicArea::parse(question.ak_public));
  if (!tpm::is_attestation_key(ak)) return attestation::kAttestationKey;
  PAVISE_TRY_ASSIGN(const auto ek, tpm::PublicArea::parse(device.ek_public));
  PAVISE_TRY_ASSIGN(question.activation_secret, activation_secret());
  PAVISE_TRY_ASSIGN(auto credential,
                    tpm::make_credential(ek, ak.name(), question.activation_secret->view()));
  challenge.activation.emplace(std::move(credential.id_object),
                               std::move(credential.encrypted_secret));
  return {};
}

// An unauthenticated caller must not be able to fill the disk or push a device's history out.
void AttestationService::note_foreign_key(const DeviceId& id) {
  const std::int64_t now = clock_.steady_ms();
  {
    const std::lock_guard lock(noted_mutex_);
    if (noted_.size() >= kNotedMax) noted_.clear();
    const auto [at, first] = noted_.try_emplace(id, now);
    if (!first && now - at->second < kNoteIntervalMs) return;
    at->second = now;
  }
  VerdictRecord verdict{.device = id, .at = clock_.now_s()};
  const Error error(kAttestKeyNotBound);
  verdict.code = error.code();
  verdict.reason = error.message();
  (void)registry_.add_verdict(verdict, std::nullopt);
}

Bytes AttestationService::encode_refusal(const Error& error) {
  return refused("", error).body;
}

// ---- bind

Result<Bytes> AttestationService::bind(ByteView request, const TlsExporter& exporter) {
  PAVISE_TRY_ASSIGN(const auto answer, evidence::BindRequest::parse(request));
  const auto question = questions_.take(answer.session);
  if (!question || !crypto::constant_time_equal(question->exporter, exporter)) return kNoChallenge;
  if (!question->activation_secret ||
      !crypto::constant_time_equal(question->activation_secret->view(), answer.secret))
    return kActivationWrong;
  PAVISE_TRY_ASSIGN(const auto device, registry_.device(question->device));
  AuditRecord audit;
  audit.at = clock_.now_s();
  audit.actor = "device";
  audit.action = "device.activate";
  audit.subject = device.id.text();
  const auto bound =
      registry_.bind_ak({device.id, device.version, question->ak_public, audit.at}, audit);
  if (!bound && bound.error().is(kIdentityConflict)) return kAttestKeyNotBound;
  if (!bound) return bound.error();
  return evidence::encode_bound();
}

// ---- evidence

EvidenceReply AttestationService::evidence(ByteView request, const TlsExporter& exporter) {
  const auto parsed = evidence::Evidence::parse(request);
  if (!parsed) return refused("", parsed.error());
  const auto question = questions_.take(parsed->fields().session);
  if (!question) return refused("", kNoChallenge);
  if (!crypto::constant_time_equal(question->exporter, exporter))
    return refuse(question->device, kNoChallenge);
  const auto device = registry_.device(question->device);
  if (!device) return refuse(question->device, Error(kAttestInternal, device.error().message()));
  if (device->ak_public && !equal(*device->ak_public, question->ak_public))
    return refuse(device->id, kAttestKeyNotBound);
  return judge(*parsed, crypto::sha256(request), *question, *device);
}

EvidenceReply AttestationService::judge(const evidence::Evidence& evidence,
                                        const Digest256& evidence_digest, const Question& question,
                                        const DeviceRecord& device) {
  std::optional<attestation::ClockMarks> marks;
  if (device.clock)
    marks.emplace(device.clock->clock_ms, device.clock->reset_count, device.clock->restart_count);
  attestation::Expectation expectation{.nonce = question.nonce,
                                       .exporter = question.exporter,
                                       .pcr_mask = kPcrMask,
                                       .device = device.id,
                                       .ak_name = tpm::name_of(question.ak_public),
                                       .activation_secret = std::nullopt,
                                       .marks = marks,
                                       .firmware_denied = options_.firmware_denied};
  if (question.activation_secret) {
    expectation.activation_secret.emplace();
    std::ranges::copy(question.activation_secret->view(), expectation.activation_secret->begin());
  }
  if (options_.platform_profile_required)
    expectation.assurance_min = attestation::Assurance::platform;
  const auto releases = releases_.current(device.tenant);
  attestation::Verdict verdict =
      attestation::verify(evidence.fields(), expectation, *releases, &proven_);
  verdict.evidence_digest = evidence_digest;
  if (expectation.activation_secret) wipe(*expectation.activation_secret);
  if (!verdict.accepted) return refuse(device.id, question, verdict);
  return accept(question, device, verdict);
}

EvidenceReply AttestationService::accept(const Question& question, const DeviceRecord& device,
                                         const attestation::Verdict& verdict) {
  // Fail closed: an accepting verdict without these is a defect, not a permission.
  if (!verdict.clock || !verdict.tls_key || !verdict.release)
    return refuse(device.id, kAttestInternal);
  if (!device.ak_public && !question.activation_secret)
    return refuse(device.id, kAttestKeyNotBound);
  if (device.status != DeviceStatus::enabled) return refuse(device.id, kAttestDisabled, &verdict);
  if (!device.tenant) return accept_unclaimed(question, device, verdict);

  const std::array<std::byte, 65> point = verdict.tls_key->point();  // 0x04 ‖ x ‖ y
  std::array<std::byte, 64> xy{};
  std::copy(point.begin() + 1, point.end(), xy.begin());
  const AttestationGrant grant(device.id, *device.tenant, xy);
  auto issued = issuer_.issue(grant);
  if (!issued) return refuse(device.id, Error(kAttestInternal, issued.error().message()), &verdict);

  AttestationCommit commit{
      .device = device.id,
      .expected_version = device.version,
      .ak_public = std::nullopt,
      .clock = {verdict.clock->clock_ms, verdict.clock->reset_count, verdict.clock->restart_count},
      .certificate = issued->record,
      .verdict = record_of(device.id, verdict),
      .release = to_hex(verdict.release->manifest_digest)};
  if (!device.ak_public) commit.ak_public = question.ak_public;
  const Status committed = registry_.commit_attestation(commit);
  if (!committed && committed.error().is(kChangedMeanwhile))
    return refuse(device.id, kAttestOverlap, &verdict);
  if (!committed && committed.error().is(kIdentityConflict))
    return refuse(device.id, kAttestKeyNotBound, &verdict);
  if (!committed)
    return refuse(device.id, Error(kAttestInternal, committed.error().message()), &verdict);
  authority_.certificate_issued(issued->record);

  const evidence::Accepted message{.leaf = std::move(issued->leaf),
                                   .chain = std::move(issued->chain),
                                   .renew_by = clock_.now_s() + kLeafLifetimeS / 2,
                                   .hub_host = options_.hub_host,
                                   .hub_port = options_.hub_port,
                                   .tenant = *device.tenant};
  return {true, evidence::encode_response(message), "", device.id.text()};
}

// Good evidence of a device without an owner: its AK is bound, so that it can be claimed.
EvidenceReply AttestationService::accept_unclaimed(const Question& question,
                                                   const DeviceRecord& device,
                                                   const attestation::Verdict& verdict) {
  if (!device.ak_public) {
    const Status bound = registry_.bind_ak(
        {device.id, device.version, question.ak_public, clock_.now_s()},
        {0, clock_.now_s(), "device", "device.activate", device.id.text(), "with its evidence"});
    if (!bound)
      return refuse(
          device.id,
          bound.error().is(kIdentityConflict) ? Error(kAttestKeyNotBound) : Error(kAttestOverlap),
          &verdict);
  }
  return refuse(device.id, kAttestUnclaimed, &verdict);
}

VerdictRecord AttestationService::record_of(const DeviceId& id,
                                            const attestation::Verdict& verdict) const {
  VerdictRecord record{.device = id, .at = clock_.now_s()};
  record.outcome = verdict.accepted ? Outcome::accepted : Outcome::refused;
  record.code = verdict.code;
  record.reason = verdict.accepted ? "all checks hold" : verdict.reason;
  record.report = encode_report(verdict);
  return record;
}

EvidenceReply AttestationService::refuse(const DeviceId& id, const Question& question,
                                         const attestation::Verdict& verdict) {
  // Also a refused state was proven at some moment; nothing from before it may count later.
  std::optional<ClockNote> note;
  if (verdict.clock)
    note = ClockNote{
        question.ak_public,
        {verdict.clock->clock_ms, verdict.clock->reset_count, verdict.clock->restart_count}};
  if (const Status kept = registry_.add_verdict(record_of(id, verdict), note); !kept)
    return failed(id, kept.error().message());
  return refused(id.text(), verdict.code, verdict.reason, verdict.retry);
}

EvidenceReply AttestationService::refuse(const DeviceId& id, const Error& error,
                                         const attestation::Verdict* verdict) {
  VerdictRecord record{.device = id, .at = clock_.now_s()};
  record.code = error.code();
  record.reason = error.message();
  if (verdict != nullptr) record.report = encode_report(*verdict);
  const Status kept = registry_.add_verdict(record, std::nullopt);
  // The cause of an internal failure is for the operator, not for the device.
  if (error.is(kAttestInternal)) return failed(id, error.detail());
  if (!kept) return failed(id, kept.error().message());
  return refused(id.text(), error);
}

}  // namespace pavise::security
