#include "device/agent/monitor_channel.h"

#include "device/agent/errors.h"

namespace pavise::agent {
namespace {

Error monitor_error(const Error& cause) {
  return {kMonitorAnswer,
          std::string(cause.code()) + (cause.detail().empty() ? "" : ", " + cause.detail())};
}

}  // namespace

template <class Answer>
Result<Answer> MonitorChannel::ask(const monitor_ipc::Request& request,
                                   Result<Answer> (*parse)(ByteView)) {
  if (gone_) return Error(kMonitorAnswer, "the monitor is gone");
  auto sent = channel_.send(monitor_ipc::encode(request), timeout_ms_);
  auto packet = sent ? channel_.receive(monitor_ipc::kMessageBytesMax, timeout_ms_)
                     : Result<Bytes>(sent.error());
  if (!packet) {
    // A late answer would be taken for that of the next question.
    gone_ = true;
    return monitor_error(packet.error());
  }
  auto answer = parse(*packet);
  wipe(*packet);
  if (!answer) return monitor_error(answer.error());
  return answer;
}

Result<MonitorIdentity> MonitorChannel::identity() {
  PAVISE_TRY_ASSIGN(monitor_ipc::IdentityResult answer,
                    ask(monitor_ipc::Identity{}, &monitor_ipc::parse_identity));
  auto device = DeviceId::parse(answer.device_id);
  if (!device) return Error(kMonitorAnswer, "no device id");
  return MonitorIdentity{.device = *std::move(device),
                         .ek_certificate = std::move(answer.ek_certificate),
                         .ak_public = std::move(answer.ak_public),
                         .tls_public = std::move(answer.tls_public),
                         .certify = std::move(answer.certify),
                         .certify_signature = std::move(answer.certify_signature)};
}

Result<SecretBytes> MonitorChannel::activate(ByteView id_object, ByteView encrypted_secret) {
  PAVISE_TRY_ASSIGN(monitor_ipc::ActivateResult answer,
                    ask(monitor_ipc::Activate{to_bytes(id_object), to_bytes(encrypted_secret)},
                        &monitor_ipc::parse_activate));
  return std::move(answer.secret);
}

Result<MonitorQuote> MonitorChannel::attest(const Digest256& nonce, const Digest256& exporter,
                                            const Digest256& csr_digest,
                                            const std::vector<std::uint8_t>& pcrs) {
  return ask(monitor_ipc::Attest{nonce, exporter, csr_digest, pcrs}, &monitor_ipc::parse_attest);
}

Result<Bytes> MonitorChannel::sign_tls(const Digest256& digest) {
  PAVISE_TRY_ASSIGN(monitor_ipc::SignTlsResult answer,
                    ask(monitor_ipc::SignTls{digest}, &monitor_ipc::parse_sign_tls));
  return std::move(answer.signature_der);
}

Result<MonitorStatus> MonitorChannel::status() {
  return ask(monitor_ipc::Status{}, &monitor_ipc::parse_status);
}

std::optional<std::int64_t> MonitorChannel::monitor_pss_kib() {
  const auto now = status();
  if (!now) return std::nullopt;
  return static_cast<std::int64_t>(now->pss_kib);
}

std::optional<std::uint64_t> MonitorChannel::measured_apps() {
  const auto now = status();
  if (!now) return std::nullopt;
  return now->measured_apps;
}

}  // namespace pavise::agent
