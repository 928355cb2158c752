#include "cloud/security/testing/world/world.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <map>
#include <mutex>

#include "cloud/security/signer/keys/file_key_store.h"
#include "protocol/tpm/attest.h"

namespace pavise::security::testing {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kTpmTickMs = 10;

const SoftEk& shared_ek(std::size_t number) {
  static std::mutex mutex;
  static std::map<std::size_t, SoftEk> made;
  const std::lock_guard lock(mutex);
  return made[number];
}

class HookedSigner final : public signer::Signer {
 public:
  HookedSigner(signer::Signer& real, const SignerHooks& hooks) : real_(real), hooks_(hooks) {}
  Result<signer::AuthorityCertificates> create_tenant_ca(const TenantId& tenant) override {
    PAVISE_TRY(hooks_.before());
    auto out = real_.create_tenant_ca(tenant);
    PAVISE_TRY(hooks_.after());
    return out;
  }
  Result<Bytes> sign_leaf(const signer::LeafRequest& request) override {
    PAVISE_TRY(hooks_.before());
    auto out = real_.sign_leaf(request);
    PAVISE_TRY(hooks_.after());
    return out;
  }
  std::vector<Result<Bytes>> sign_leaves(
      const std::vector<signer::LeafRequest>& requests) override {
    return real_.sign_leaves(requests);
  }
  Result<signer::ServerCertificate> make_server_certificate(
      const signer::ServerRequest& request) override {
    return real_.make_server_certificate(request);
  }
  Result<std::vector<signer::TenantAuthority>> list() override { return real_.list(); }

 private:
  signer::Signer& real_;
  const SignerHooks& hooks_;
};

json::array pcrs_of(const std::vector<release::PcrValue>& values) {
  json::array out;
  for (const auto& value : values)
    out.push_back({{"pcr", value.pcr}, {"digest", to_hex(value.digest)}});
  return out;
}

}  // namespace

Bytes release_json(const release::ReferenceSet& set) {
  json::array events;
  for (const auto& event : set.events)
    events.push_back({{"pcr", event.pcr},
                      {"digest", to_hex(event.digest)},
                      {"component", event.component},
                      {"name", event.name}});
  json::array runtime;
  for (const auto& event : set.runtime)
    runtime.push_back({{"pcr", event.pcr}, {"text", event.text}});
  json::array platforms;
  for (const auto& platform : set.platforms)
    platforms.push_back({{"name", platform.name}, {"pcrs", pcrs_of(platform.pcrs)}});
  json::array components;
  for (const auto& component : set.components)
    components.push_back({{"name", component.name}, {"digest", to_hex(component.digest)}});
  const json::value whole = {{"profile", release::kProfile},
                             {"name", set.name},
                             {"version", set.version},
                             {"security_epoch", set.security_epoch},
                             {"created", set.created},
                             {"pcrs", pcrs_of(set.pcrs)},
                             {"events", std::move(events)},
                             {"runtime", std::move(runtime)},
                             {"platforms", std::move(platforms)},
                             {"cmdline", set.cmdline},
                             {"components", std::move(components)}};
  return to_bytes(as_bytes(json::serialize(whole)));
}

// ---- device

SoftDevice::SoftDevice(std::size_t number) : ek(&shared_ek(number)) {
  attester.tpm.ek = ek->area();
}

evidence::Voucher SoftDevice::voucher() {
  evidence::Voucher out{.device = id(), .serial = {}, .attest = {}, .signature = {}};
  out.serial[0] = static_cast<std::byte>(++vouchers_made);
  std::ranges::copy(ByteView(attester.tpm.ek.modulus).first(8), out.serial.begin() + 1);
  const Digest256 binding = evidence::voucher_binding(out.device, out.serial);
  out.attest = attester.tpm.quote(binding, 1).encode();
  out.signature = attester.tpm.sign(out.attest);
  return out;
}

attestation::testing::SoftEvidence SoftDevice::attest(const evidence::Challenge& challenge,
                                                      const TlsExporter& exporter) {
  attester.tpm.clock.clock_ms += kTpmTickMs;
  std::uint32_t mask = 0;
  for (const std::uint8_t pcr : challenge.pcrs) mask |= 1U << pcr;
  auto out = attester.attest({challenge.nonce, exporter}, mask);
  if (!challenge.activation) return out;
  const auto secret = ek->activate(attester.tpm.ak.name(), challenge.activation->id_object,
                                   challenge.activation->encrypted_secret);
  if (secret && secret->size() == sizeof(Digest256)) {
    out.activation_secret.emplace();
    std::ranges::copy(*secret, out.activation_secret->begin());
  }
  return out;
}

// ---- world

World::World() {
  std::string pattern = std::filesystem::temp_directory_path() / "pavise-world-XXXXXX";
  PAVISE_CHECK(mkdtemp(pattern.data()) != nullptr);
  folder = pattern;
  exporter.fill(std::byte{0x33});
  restart();
  releases().add_key("anna", "builder", std::nullopt, release_key.public_key().spki_der()).value();
  tenancy().add_vendor_root("anna", "Chip Inc.", as_bytes(vendor.root_pem())).value();
}

World::~World() {
  shut_down();
  std::filesystem::remove_all(folder);
}

void World::shut_down() {
  service_.reset();
  tenancy_.reset();
  issuer_.reset();
  releases_.reset();
  authority_.reset();
  signer_.reset();
  core_.reset();
  registry_.reset();
}

void World::restart(std::uint32_t registry_pages_max) {
  shut_down();
  registry_ = open_sqlite_registry({folder + "/registry.db", registry_pages_max}).value();
  core_ = signer::SignerCore::open(signer::FileKeyStore::open(folder + "/keys").value(), clock,
                                   [](std::string_view) {})
              .value();
  signer_ = std::make_unique<HookedSigner>(*core_, hooks);
  authority_ = LiveAuthority::load(*registry_, clock).value();
  releases_ = ReleaseBook::load(*registry_, clock).value();
  issuer_ = std::make_unique<Issuer>(*registry_, *signer_, *authority_, clock);
  tenancy_ = std::make_unique<Tenancy>(*registry_, *signer_, *authority_, clock);
  service_ = std::make_unique<AttestationService>(*registry_, *issuer_, *releases_, *authority_,
                                                  clock, options);
}

void World::publish(const attestation::testing::SoftImage& image) {
  const Bytes manifest = release_json(attestation::testing::reference_set(image));
  const auto signature = release_key.sign_digest(crypto::sha256(manifest)).value();
  releases().add_release("anna", std::nullopt, manifest, crypto::ecdsa_to_der(signature)).value();
}

void World::register_device(const SoftDevice& device) {
  tenancy().register_device("factory", vendor.certify(*device.ek), {}).value();
}

void World::activate(const SoftDevice& device) {
  const auto asked = tenancy().begin_activation(device.id(), device.ak_public()).value();
  const auto secret =
      device.ek->activate(device.attester.tpm.ak.name(), asked.id_object, asked.encrypted_secret);
  PAVISE_CHECK(secret.has_value());
  tenancy().finish_activation("factory", asked.session, *secret).value();
}

void World::enroll(SoftDevice& device, const TenantId& tenant) {
  if (!registry().tenant(tenant)) tenancy().create_tenant("anna", tenant).value();
  register_device(device);
  activate(device);
  tenancy().claim("anna", tenant, device.voucher().encode()).value();
}

evidence::Challenge World::challenge(const SoftDevice& device) {
  const evidence::ChallengeRequest request{device.id(), device.ak_public()};
  return evidence::Challenge::parse(service().challenge(request.encode(), exporter).value())
      .value();
}

EvidenceReply World::send(const evidence::Challenge& challenge,
                          const attestation::testing::SoftEvidence& evidence) {
  evidence::EvidenceFields fields = evidence.fields();
  fields.session = challenge.session;
  return service().evidence(evidence::encode_evidence(fields), exporter);
}

EvidenceReply World::attest(SoftDevice& device) {
  const auto asked = challenge(device);
  return send(asked, device.attest(asked, exporter));
}

}  // namespace pavise::security::testing
