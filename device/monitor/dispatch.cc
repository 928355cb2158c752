#include "device/monitor/dispatch.h"

#include "protocol/monitor_ipc/monitor_ipc.h"

namespace pavise::monitor {
namespace {

namespace wire = monitor_ipc;
using root_of_trust::PcrMask;

// api/monitor.cddl
constexpr std::uint64_t kSmallestInitOperation = 16;
constexpr std::uint64_t kSmallestAppsOperation = 32;

Client client_of(const wire::Request& request) {
  const auto operation = static_cast<std::uint64_t>(wire::operation(request));
  if (operation >= kSmallestAppsOperation) return Client::apps;
  return operation >= kSmallestInitOperation ? Client::init : Client::agent;
}

// One overload for each operation, found by std::visit.
struct Serve {
  Monitor& monitor;

  Result<SecretBytes> operator()(const wire::Identity&) const {
    PAVISE_TRY_ASSIGN(WhoAmI who, monitor.identity());
    return wire::encode(
        wire::IdentityResult{.device_id = who.identity.device.text(),
                             .ek_certificate = std::move(who.identity.ek_certificate),
                             .ak_public = std::move(who.keys.ak_public),
                             .tls_public = std::move(who.keys.tls_public),
                             .certify = std::move(who.keys.tls_certify_attest),
                             .certify_signature = std::move(who.keys.tls_certify_signature)});
  }

  Result<SecretBytes> operator()(const wire::Activate& request) const {
    PAVISE_TRY_ASSIGN(SecretBytes secret,
                      monitor.activate(request.id_object, request.encrypted_secret));
    return wire::encode(wire::ActivateResult{.secret = std::move(secret)});
  }

  Result<SecretBytes> operator()(const wire::Attest& request) const {
    const std::vector<unsigned> indices(request.pcrs.begin(), request.pcrs.end());
    PAVISE_TRY_ASSIGN(const PcrMask mask, PcrMask::of(indices));
    PAVISE_TRY_ASSIGN(auto quote, monitor.attest(mask, {.nonce = request.nonce,
                                                        .tls_exporter = request.exporter,
                                                        .csr_digest = request.csr_digest}));
    wire::AttestResult out;
    out.attest = std::move(quote.attest);
    out.signature = std::move(quote.signature);
    for (const auto& [pcr, value] : quote.pcrs)
      out.pcrs.push_back({.pcr = static_cast<std::uint8_t>(pcr), .value = value});
    out.event_log = monitor.event_log();
    for (const RuntimeEvent& event : monitor.runtime_events())
      out.runtime_events.emplace_back(static_cast<std::uint8_t>(event.pcr), event.text);
    return wire::encode(out);
  }

  Result<SecretBytes> operator()(const wire::SignTls& request) const {
    PAVISE_TRY_ASSIGN(Bytes signature, monitor.sign_tls(request.digest));
    return wire::encode(wire::SignTlsResult{.signature_der = std::move(signature)});
  }

  Result<SecretBytes> operator()(const wire::Status&) const {
    PAVISE_TRY_ASSIGN(const Health health, monitor.status());
    return wire::encode(wire::StatusResult{.pss_kib = health.pss_kib,
                                           .tpm_commands = health.tpm_commands,
                                           .measured_apps = health.measured_apps});
  }

  Result<SecretBytes> operator()(const wire::OpenData& request) const {
    PAVISE_TRY_ASSIGN(DataKey key, monitor.open_data(request.blob, request.epoch));
    return wire::encode(wire::OpenDataResult{
        .key = std::move(key.key), .blob = std::move(key.blob), .blob_is_new = key.is_new});
  }

  Result<SecretBytes> operator()(const wire::MeasureApps& request) const {
    PAVISE_TRY_ASSIGN(const Digest256 pcr, monitor.measure_apps(request.texts));
    return wire::encode(wire::MeasureAppsResult{.pcr = pcr});
  }

  Result<SecretBytes> operator()(const wire::Device&) const {
    PAVISE_TRY_ASSIGN(const WhoAmI who, monitor.identity());
    return wire::encode(wire::DeviceResult{.device_id = who.identity.device.text()});
  }
};

Result<SecretBytes> serve_request(Monitor& monitor, Client client, const Result<Bytes>& packet) {
  if (!packet) return Error(kBadRequest, packet.error().message());
  const auto request = wire::parse_request(*packet);
  if (!request && request.error().is(wire::kUnknownOperation)) return kNotYours;
  if (!request) return Error(kBadRequest, request.error().message());
  if (client_of(*request) != client) return kNotYours;
  return std::visit(Serve{monitor}, *request);
}

}  // namespace

SecretBytes answer(Monitor& monitor, Client client, const Result<Bytes>& packet) {
  auto response = serve_request(monitor, client, packet);
  if (!response) return wire::encode_refusal(response.error());
  return *std::move(response);
}

}  // namespace pavise::monitor
