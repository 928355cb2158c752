#include "device/agent/testing/fake_device.h"

#include "protocol/evidence/evidence.h"
#include "protocol/tpm/public_area.h"
#include "protocol/x509/certificate_template.h"

namespace pavise::agent::testing {
namespace {

Bytes sign(const crypto::P256PrivateKey& key, ByteView text) {
  return crypto::ecdsa_to_der(*key.sign_digest(crypto::sha256(text)));
}

x509::Issuer issuer_of(const crypto::P256PrivateKey& key) {
  return {*x509::encode_name({.organization = "Pavise", .common_name = "Test issuing CA"}),
          x509::key_id(key.public_key())};
}

x509::Serial serial(int value) {
  x509::Serial out{};
  out.back() = static_cast<std::byte>(value);
  return out;
}

}  // namespace

FakeMonitor::FakeMonitor()
    : device(*DeviceId::parse(std::string(64, 'a'))),
      tls_key(*crypto::P256PrivateKey::generate()),
      ca_key(*crypto::P256PrivateKey::generate()) {}

Result<MonitorIdentity> FakeMonitor::identity() {
  if (fails) return *fails;
  const auto point = tls_key.public_key().point();
  tpm::PublicArea area;
  area.x = to_bytes(ByteView(point).subspan(1, 32));
  area.y = to_bytes(ByteView(point).subspan(33, 32));
  return MonitorIdentity{.device = device,
                         .ek_certificate = Bytes(3),
                         .ak_public = Bytes(90, std::byte{1}),
                         .tls_public = area.encode(),
                         .certify = Bytes(100, std::byte{2}),
                         .certify_signature = Bytes(70, std::byte{3})};
}

Result<SecretBytes> FakeMonitor::activate(ByteView, ByteView) {
  if (fails) return *fails;
  ++activations;
  return SecretBytes::copy_of(activation_secret);
}

Result<MonitorQuote> FakeMonitor::attest(const Digest256& nonce, const Digest256& exporter,
                                         const Digest256& csr_digest,
                                         const std::vector<std::uint8_t>& pcrs) {
  if (fails) return *fails;
  bindings.push_back(evidence::quote_binding(nonce, exporter, csr_digest));
  MonitorQuote out;
  out.attest = to_bytes(bindings.back());
  out.signature = Bytes(64, std::byte{4});
  for (const std::uint8_t pcr : pcrs) out.pcrs.push_back({pcr, {}});
  out.event_log = Bytes(10, std::byte{5});
  out.runtime_events.emplace_back(std::uint8_t{11}, "pavise:data-opened");
  return out;
}

Result<Bytes> FakeMonitor::sign_tls(const Digest256& digest) {
  if (fails) return *fails;
  ++signatures;
  PAVISE_TRY_ASSIGN(const crypto::EcdsaRaw raw, tls_key.sign_digest(digest));
  return crypto::ecdsa_to_der(raw);
}

evidence::Accepted FakeMonitor::accepted(const LeafSpec& spec) const {
  const TenantId tenant = *TenantId::parse("acme");
  const x509::Issuer issuer = issuer_of(ca_key);
  const Bytes ca = *x509::certificate_authority(
      serial(1), issuer, {1'700'000'000, 2'000'000'000},
      {.organization = "Pavise", .common_name = "Test issuing CA"}, 0, ca_key.public_key());
  const Bytes leaf = *x509::device_leaf(serial(2), issuer, {spec.not_before, spec.not_after},
                                        spec.device.value_or(device), tenant,
                                        spec.key.value_or(tls_key.public_key()));
  return {.leaf = x509::assemble_signed(leaf, sign(ca_key, leaf)),
          .chain = {x509::assemble_signed(ca, sign(ca_key, ca))},
          .renew_by = spec.renew_by,
          .hub_host = "hub.test",
          .hub_port = 8883,
          .tenant = tenant};
}

}  // namespace pavise::agent::testing
