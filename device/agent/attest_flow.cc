#include "device/agent/attest_flow.h"

#include <algorithm>

#include "common/crypto/crypto.h"
#include "protocol/evidence/evidence.h"
#include "protocol/tpm/public_area.h"
#include "protocol/x509/certificate_request.h"

namespace pavise::agent {
namespace {

Error service_answer(std::string_view what, const Error& cause) {
  return {kServiceAnswer, std::string(what) + ": " + std::string(cause.code())};
}

// A refusal may come in place of any answer.
std::optional<AttestOutcome> refusal_in(ByteView body) {
  auto response = evidence::parse_response(body);
  auto* refused = response ? std::get_if<evidence::Refused>(&*response) : nullptr;
  if (refused == nullptr) return std::nullopt;
  return Refusal{std::move(refused->code), std::move(refused->reason), refused->retry};
}

// The answer sets a clock that may have nothing else to go by. It came over a connection that was
// vouched for by certificates which end, so it cannot come from later than that.
Status bound_time(DeviceCertificate& certificate,
                  const std::optional<net::ChainValidity>& service) {
  if (!service) return Error(kCertificateUnusable, "the service showed no certificate of its own");
  if (certificate.not_before > service->not_after)
    return Error(kCertificateUnusable, "it begins after the end of the service's own certificate");
  certificate.issued_after = std::max(certificate.not_before, service->not_before);
  return {};
}

}  // namespace

Result<CertificateOwner> owner_of(const MonitorIdentity& identity) {
  PAVISE_TRY_ASSIGN(const tpm::PublicArea area, tpm::PublicArea::parse(identity.tls_public));
  PAVISE_TRY_ASSIGN(crypto::P256PublicKey key, area.p256_key());
  return CertificateOwner{identity.device, std::move(key)};
}

AttestFlow::AttestFlow(MonitorClient& monitor, AttestDialer& dialer, MonitorIdentity identity,
                       CertificateOwner owner, Claims claims)
    : monitor_(monitor),
      dialer_(dialer),
      identity_(std::move(identity)),
      owner_(std::move(owner)),
      claims_(std::move(claims)) {}

Status AttestFlow::make_request() {
  if (!request_.empty()) return {};
  PAVISE_TRY_ASSIGN(const Bytes info,
                    x509::certificate_request_info(owner_.device.text(), owner_.tls_key));
  PAVISE_TRY_ASSIGN(const Bytes signature, monitor_.sign_tls(crypto::sha256(info)));
  request_ = x509::assemble_signed(info, signature);
  return {};
}

Result<AttestOutcome> AttestFlow::attest(UnixSeconds now) {
  PAVISE_TRY(make_request());
  PAVISE_TRY_ASSIGN(const std::unique_ptr<AttestChannel> channel, dialer_.open(now));
  PAVISE_TRY_ASSIGN(
      const Bytes challenge_body,
      channel->post("/device/v1/challenge",
                    evidence::ChallengeRequest{identity_.device, identity_.ak_public}.encode()));
  const auto challenge = evidence::Challenge::parse(challenge_body);
  if (!challenge) {
    if (auto refused = refusal_in(challenge_body)) return *std::move(refused);
    return service_answer("challenge", challenge.error());
  }
  PAVISE_TRY_ASSIGN(Bytes evidence, make_evidence(*channel, *challenge));
  PAVISE_TRY_ASSIGN(const Bytes answer, channel->post("/device/v1/evidence", std::move(evidence)));
  if (auto refused = refusal_in(answer)) return *std::move(refused);
  const auto response = evidence::parse_response(answer);
  if (!response) return service_answer("verdict", response.error());
  PAVISE_TRY_ASSIGN(DeviceCertificate certificate,
                    read_certificate(std::get<evidence::Accepted>(*response), answer, owner_));
  PAVISE_TRY(bound_time(certificate, channel->service_validity()));
  return AttestOutcome(std::move(certificate));
}

Result<Bytes> AttestFlow::make_evidence(AttestChannel& channel,
                                        const evidence::Challenge& challenge) {
  std::optional<Digest256> secret;
  if (challenge.activation) {
    PAVISE_TRY_ASSIGN(
        const SecretBytes activated,
        monitor_.activate(challenge.activation->id_object, challenge.activation->encrypted_secret));
    if (activated.size() != sizeof(Digest256))
      return Error(kServiceAnswer, "activation secret of another size");
    std::memcpy(secret.emplace().data(), activated.view().data(), sizeof(Digest256));
  }
  PAVISE_TRY_ASSIGN(const Digest256 exporter, channel.exporter(evidence::kTlsExporterLabel));
  PAVISE_TRY_ASSIGN(
      const MonitorQuote quote,
      monitor_.attest(challenge.nonce, exporter, crypto::sha256(request_), challenge.pcrs));
  evidence::EvidenceFields fields{.session = challenge.session,
                                  .ak_public = identity_.ak_public,
                                  .quote = quote.attest,
                                  .quote_signature = quote.signature,
                                  .pcrs = {},
                                  .event_log = quote.event_log,
                                  .runtime_events = {},
                                  .csr = request_,
                                  .tls_public = identity_.tls_public,
                                  .certify = identity_.certify,
                                  .certify_signature = identity_.certify_signature,
                                  .activation_secret = secret,
                                  .claims = {}};
  for (const auto& [pcr, value] : quote.pcrs) fields.pcrs.push_back({pcr, value});
  for (const auto& [pcr, text] : quote.runtime_events) fields.runtime_events.push_back({pcr, text});
  for (const auto& [name, value] : claims_) fields.claims.emplace_back(name, value);
  return evidence::encode_evidence(std::move(fields));
}

}  // namespace pavise::agent
