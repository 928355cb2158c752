// CA certificates of a hub, and the proof that the hub's owner holds their keys.
#include <boost/json/array.hpp>

#include "cloud/hub/ca_proof/ca_proof.h"
#include "cloud/hub/session/close_reasons.h"
#include "cloud/server/routes/errors.h"
#include "cloud/server/routes/handlers.h"
#include "cloud/server/routes/hub_audit.h"
#include "cloud/server/routes/hub_views.h"
#include "cloud/server/routes/views.h"

namespace pavise::server {

namespace json = boost::json;
using hub::store::CaCertificateRecord;
using hub::store::HubTransaction;

namespace {

Result<CaCertificateRecord> named_certificate(const Call& call) {
  std::optional<CaCertificateRecord> found;
  PAVISE_TRY(call.services.hubs.queue.store().read([&](hub::store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(found, reader.ca_certificate(call.named_hub().hub.name, call.part));
    return {};
  }));
  return *std::move(found);
}

Reply shown(const CaCertificateRecord& certificate, int status = 200) {
  return Reply{.status = status,
               .body = hub_certificate_view(certificate),
               .headers = {{"etag", '"' + certificate.etag + '"'}}};
}

}  // namespace

Result<Reply> list_hub_certificates(Call& call) {
  std::vector<CaCertificateRecord> found;
  PAVISE_TRY(call.services.hubs.queue.store().read([&](hub::store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(found, reader.ca_certificates(call.named_hub().hub.name));
    return {};
  }));
  json::array items;
  for (const auto& certificate : found) items.push_back(hub_certificate_view(certificate));
  return Reply{.body = {{"certificates", std::move(items)}}};
}

Result<Reply> add_hub_certificate(Call& call) {
  CaCertificateRecord record;
  PAVISE_TRY_ASSIGN(record.name, call.body.text("name", hub::store::kCertificateNameSizeMax));
  PAVISE_TRY_ASSIGN(const std::string text, call.body.text("certificate", kPemTextMax));
  PAVISE_TRY(call.body.finish());
  PAVISE_TRY_ASSIGN(record.certificate, certificate_from_text("certificate", text));
  PAVISE_TRY_ASSIGN(const hub::CaFacts facts,
                    hub::read_ca_certificate(record.certificate, call.services.clock.now_ms()));
  record.subject = facts.subject;
  record.not_after_ms = facts.not_after_ms;
  const iothub::HubName& hub = call.named_hub().hub.name;
  PAVISE_TRY(audit_hub(call, "hub.certificate.add", hub, record.name));
  PAVISE_TRY_ASSIGN(const auto added, call.services.hubs.queue.call<CaCertificateRecord>(
                                          [&](HubTransaction& transaction) {
                                            return transaction.add_ca_certificate(hub, record);
                                          }));
  return shown(added, 201);
}

Result<Reply> delete_hub_certificate(Call& call) {
  PAVISE_TRY_ASSIGN(const auto if_match, hub_if_match(call.request));
  PAVISE_TRY(named_certificate(call));
  const iothub::HubName& hub = call.named_hub().hub.name;
  PAVISE_TRY(audit_hub(call, "hub.certificate.delete", hub, call.part));
  PAVISE_TRY(call.services.hubs.queue.call([&](HubTransaction& transaction) {
    return transaction.delete_ca_certificate(hub, call.part, if_match);
  }));
  // Who connected by a certificate of this authority may do so no more.
  call.services.hubs.rights_changed(
      {.device = {}, .hub = hub, .reason = Error(hub::kDeviceBarred, "a CA was removed")});
  return Reply{.status = 204};
}

Result<Reply> make_verification_code(Call& call) {
  PAVISE_TRY_ASSIGN(const auto before, named_certificate(call));
  const iothub::HubName& hub = call.named_hub().hub.name;
  PAVISE_TRY_ASSIGN(const std::string code, hub::new_verification_code());
  PAVISE_TRY(audit_hub(call, "hub.certificate.code", hub, call.part));
  PAVISE_TRY_ASSIGN(
      const auto changed,
      call.services.hubs.queue.call<CaCertificateRecord>([&](HubTransaction& transaction) {
        return transaction.set_ca_nonce(hub, call.part, code, before.etag);
      }));
  return shown(changed);
}

Result<Reply> verify_hub_certificate(Call& call) {
  PAVISE_TRY_ASSIGN(const std::string text, call.body.text("certificate", kPemTextMax));
  PAVISE_TRY(call.body.finish());
  PAVISE_TRY_ASSIGN(const auto before, named_certificate(call));
  PAVISE_TRY_ASSIGN(const Bytes proof, certificate_from_text("certificate", text));
  PAVISE_TRY(
      hub::check_possession(before.certificate, proof, before.nonce, call.services.clock.now_ms()));
  const iothub::HubName& hub = call.named_hub().hub.name;
  PAVISE_TRY(audit_hub(call, "hub.certificate.verify", hub, call.part));
  // Only if it is still the certificate and the code that were looked at.
  PAVISE_TRY_ASSIGN(
      const auto verified,
      call.services.hubs.queue.call<CaCertificateRecord>([&](HubTransaction& transaction) {
        return transaction.verify_ca_certificate(hub, call.part, before.etag);
      }));
  return shown(verified);
}

}  // namespace pavise::server
