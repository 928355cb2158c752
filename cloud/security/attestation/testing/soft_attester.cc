#include "cloud/security/attestation/testing/soft_attester.h"

#include <algorithm>

#include "protocol/x509/certificate_request.h"

namespace pavise::attestation::testing {
namespace {

crypto::P256PrivateKey new_key() {
  auto key = crypto::P256PrivateKey::generate();
  PAVISE_CHECK(key.has_value());
  return *std::move(key);
}

tpm::PublicArea signing_area(const crypto::P256PrivateKey& key, bool restricted) {
  const auto point = key.public_key().point();
  const ByteView x = ByteView(point).subspan(1, 32);
  const ByteView y = ByteView(point).subspan(33, 32);
  return restricted ? tpm::ak_template(x, y) : tpm::tls_key_template(x, y);
}

class EventList {
 public:
  void add(unsigned pcr, std::uint32_t type, const Digest256& digest, Bytes data,
           std::string component, std::string name) {
    events_.push_back({pcr, type, digest, std::move(data), std::move(component), std::move(name)});
  }
  void add_measured(unsigned pcr, std::uint32_t type, Bytes data, std::string component,
                    std::string name) {
    const Digest256 digest = crypto::sha256(data);
    add(pcr, type, digest, std::move(data), std::move(component), std::move(name));
  }
  // As systemd-stub 252: the name with its zero, then the content; both labelled with the name.
  void add_section(const std::string& section, ByteView content, const std::string& component) {
    std::string with_zero = section;
    with_zero.push_back('\0');
    add(11, eventlog::kEvIpl, crypto::sha256(as_bytes(with_zero)), eventlog::utf16z(section),
        "boot stub", section + " name");
    add(11, eventlog::kEvIpl, crypto::sha256(content), eventlog::utf16z(section), component,
        section + " section");
  }
  std::vector<SoftEvent> take() { return std::move(events_); }

 private:
  std::vector<SoftEvent> events_;
};

}  // namespace

Digest256 SoftImage::root_hash() const {
  return crypto::sha256(as_bytes(root));
}
std::string SoftImage::cmdline() const {
  return "quiet pavise.epoch=1 pavise.roothash=" + to_hex(root_hash());
}

std::vector<SoftEvent> boot_events(const SoftImage& image) {
  EventList list;
  list.add_measured(0, eventlog::kEvCrtmVersion, to_bytes(as_bytes(image.firmware)), "firmware",
                    "version");
  list.add(2, eventlog::kEvEfiBootServicesDriver, crypto::sha256(as_bytes("option ROM")),
           to_bytes(as_bytes("path")), "firmware", "option ROM");
  const std::byte on{static_cast<unsigned char>(image.secure_boot ? 1 : 0)};
  list.add_measured(7, eventlog::kEvEfiVariableDriverConfig,
                    eventlog::global_variable_data("SecureBoot", Bytes{on}), "Secure Boot",
                    "SecureBoot variable");
  list.add_measured(7, eventlog::kEvEfiVariableDriverConfig,
                    eventlog::global_variable_data("PK", Bytes(64, std::byte{0x42})),
                    "Secure Boot keys", "PK variable");
  list.add_measured(4, eventlog::kEvEfiAction,
                    to_bytes(as_bytes("Calling EFI Application from Boot Option")), "boot manager",
                    "boot action");
  for (const unsigned pcr : {0U, 2U, 4U, 7U})
    list.add_measured(pcr, eventlog::kEvSeparator, Bytes(4), "firmware", "separator");
  list.add_measured(7, eventlog::kEvEfiVariableAuthority,
                    eventlog::global_variable_data("db", Bytes(64, std::byte{0x43})),
                    "Secure Boot keys", "db certificate that signed the image");
  const Digest256 whole = crypto::sha256({as_bytes(image.kernel), as_bytes(image.os_release),
                                          as_bytes(image.cmdline()), as_bytes(image.initrd)});
  list.add(4, eventlog::kEvEfiBootServicesApplication, whole, to_bytes(as_bytes("device path")),
           "boot image", "unified kernel image");
  list.add_section(".linux", as_bytes(image.kernel), "kernel");
  list.add_section(".osrel", as_bytes(image.os_release), "OS release file");
  list.add_section(".cmdline", as_bytes(image.cmdline()), "kernel command line");
  list.add_section(".initrd", as_bytes(image.initrd), "initial RAM disk");
  return list.take();
}

std::string app_text(unsigned number) {
  return "pavise:app 0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10 1.0." + std::to_string(number) + " " +
         to_hex(crypto::sha256(as_bytes("what it may do"))) + " " +
         to_hex(crypto::sha256(as_bytes("what it is")));
}

release::ReferenceSet reference_set(const SoftImage& image) {
  release::ReferenceSet out;
  out.name = "pavise-os";
  out.version = image.version;
  out.security_epoch = 1;
  out.created = "2026-11-22T00:00:00Z";
  eventlog::PcrValues values{};
  for (const SoftEvent& event : boot_events(image)) {
    eventlog::extend(values[event.pcr], event.digest);
    if (event.pcr == 4 || event.pcr == 7 || event.pcr == 11)
      out.events.push_back(
          {static_cast<std::uint8_t>(event.pcr), event.digest, event.component, event.name});
  }
  eventlog::extend(values[11], crypto::sha256(as_bytes(kDataOpened)));
  out.runtime.push_back({11, std::string(kDataOpened)});
  for (const std::uint8_t pcr : {std::uint8_t{4}, std::uint8_t{7}, std::uint8_t{11}})
    out.pcrs.push_back({pcr, values[pcr]});
  out.platforms.push_back({image.firmware, {{0, values[0]}, {2, values[2]}}});
  out.cmdline = image.cmdline();
  out.components.push_back({std::string(release::kRootFileSystem), image.root_hash()});
  out.components.push_back({"kernel", crypto::sha256(as_bytes(image.kernel))});
  out.manifest_digest = crypto::sha256({as_bytes(out.version), as_bytes(out.cmdline)});
  return out;
}

SoftTpm::SoftTpm()
    : ak_key(new_key()),
      tls_key(new_key()),
      ak(signing_area(ak_key, true)),
      tls(signing_area(tls_key, false)) {
  Bytes modulus(tpm::kRsaModulusBytes);
  PAVISE_CHECK(crypto::random_fill(modulus).has_value());
  modulus.front() |= std::byte{0x80};
  ek = tpm::ek_template_l1(modulus);
  for (unsigned pcr = 0; pcr < eventlog::kPcrCount; ++pcr) pcrs[pcr] = eventlog::initial_pcr(pcr);
}

void SoftTpm::reset() {
  for (unsigned pcr = 0; pcr < eventlog::kPcrCount; ++pcr) pcrs[pcr] = eventlog::initial_pcr(pcr);
  ++clock.reset_count;
  clock.restart_count = 0;
  clock.clock_ms += 1000;
}

void SoftTpm::extend(unsigned pcr, const Digest256& digest) {
  eventlog::extend(pcrs.at(pcr), digest);
}

tpm::Attest SoftTpm::quote(ByteView extra_data, std::uint32_t mask) const {
  tpm::Attest out;
  out.qualified_signer = to_bytes(tpm::qualified_name_of_primary(ak_hierarchy, ak.name()));
  out.extra_data = to_bytes(extra_data);
  out.clock = clock;
  out.firmware_version = firmware_version;
  Bytes values;
  for (unsigned pcr = 0; pcr < eventlog::kPcrCount; ++pcr)
    if ((mask >> pcr & 1U) != 0) append(values, pcrs[pcr]);
  out.info = tpm::QuoteInfo{.selections = {{tpm::kAlgSha256, mask}},
                            .pcr_digest = to_bytes(crypto::sha256(values))};
  return out;
}

tpm::Attest SoftTpm::certify_tls() const {
  tpm::Attest out;
  out.qualified_signer = to_bytes(tpm::qualified_name_of_primary(ak_hierarchy, ak.name()));
  out.clock = clock;
  out.firmware_version = firmware_version;
  out.info = tpm::CertifyInfo{.name = to_bytes(tls.name()), .qualified_name = to_bytes(ek.name())};
  return out;
}

Bytes SoftTpm::sign(ByteView attest) const {
  const auto signature = ak_key.sign_digest(crypto::sha256(attest));
  PAVISE_CHECK(signature.has_value());
  return tpm::encode_signature(*signature);
}

SoftAttester::SoftAttester(const SoftImage& first) {
  boot(first);
}

void SoftAttester::boot(const SoftImage& next) {
  image = next;
  tpm.reset();
  events = boot_events(image);
  for (const SoftEvent& event : events) tpm.extend(event.pcr, event.digest);
  runtime = {std::string(kDataOpened)};
  apps.clear();
  tpm.extend(11, crypto::sha256(as_bytes(kDataOpened)));
}

void SoftAttester::measure_app(const std::string& text) {
  apps.push_back(text);
  tpm.extend(app_measurement::kAppPcr, crypto::sha256(as_bytes(text)));
}

Bytes SoftAttester::event_log() const {
  eventlog::EventLogBuilder log;
  for (const SoftEvent& event : events) log.add(event.pcr, event.type, event.digest, event.data);
  return log.bytes();
}

Bytes SoftAttester::certificate_request(std::string_view common_name) const {
  const auto info = x509::certificate_request_info(common_name, tpm.tls_key.public_key());
  PAVISE_CHECK(info.has_value());
  const auto signature = tpm.tls_key.sign_digest(crypto::sha256(*info));
  PAVISE_CHECK(signature.has_value());
  return x509::assemble_signed(*info, crypto::ecdsa_to_der(*signature));
}

const SoftAttester::KeyProof& SoftAttester::key_proof() const {
  const Digest256 keys =
      crypto::sha256({tpm.ek.encode(), tpm.ak.encode(), tpm.tls.encode(),
                      tpm.ak_key.public_key().point(), tpm.tls_key.public_key().point()});
  if (key_proof_.of == keys) return key_proof_;
  key_proof_.of = keys;
  key_proof_.csr = certificate_request(tpm.device().text());
  key_proof_.certify = tpm.certify_tls().encode();
  key_proof_.certify_signature = tpm.sign(key_proof_.certify);
  return key_proof_;
}

SoftEvidence SoftAttester::attest(const Challenge& challenge, std::uint32_t mask) const {
  const KeyProof& proof = key_proof();
  SoftEvidence out;
  out.ak_public = tpm.ak.encode();
  out.tls_public = tpm.tls.encode();
  out.csr = proof.csr;
  resign(out, tpm.quote(binding(challenge, out.csr), mask));
  for (unsigned pcr = 0; pcr < eventlog::kPcrCount; ++pcr)
    if ((mask >> pcr & 1U) != 0)
      out.pcrs.push_back({static_cast<std::uint8_t>(pcr), tpm.pcrs[pcr]});
  out.event_log = event_log();
  for (const std::string& text : runtime) out.runtime_events.emplace_back(11, text);
  for (const std::string& text : apps)
    out.runtime_events.emplace_back(app_measurement::kAppPcr, text);
  out.certify = proof.certify;
  out.certify_signature = proof.certify_signature;
  out.cmdline_claim = image.cmdline();
  return out;
}

void SoftAttester::resign(SoftEvidence& evidence, const tpm::Attest& quote) const {
  evidence.quote = quote.encode();
  evidence.quote_signature = tpm.sign(evidence.quote);
}

evidence::EvidenceFields SoftEvidence::fields() const {
  evidence::EvidenceFields out;
  out.ak_public = ak_public;
  out.quote = quote;
  out.quote_signature = quote_signature;
  out.pcrs = pcrs;
  out.event_log = event_log;
  for (const auto& [pcr, text] : runtime_events) out.runtime_events.push_back({pcr, text});
  out.csr = csr;
  out.tls_public = tls_public;
  out.certify = certify;
  out.certify_signature = certify_signature;
  out.activation_secret = activation_secret;
  if (!cmdline_claim.empty()) out.claims.emplace_back("cmdline", cmdline_claim);
  return out;
}

Digest256 binding(const Challenge& challenge, ByteView csr_der) {
  return evidence::quote_binding(challenge.nonce, challenge.exporter, crypto::sha256(csr_der));
}

Challenge fresh_challenge() {
  Challenge out;
  PAVISE_CHECK(crypto::random_fill(out.nonce).has_value());
  PAVISE_CHECK(crypto::random_fill(out.exporter).has_value());
  return out;
}

Expectation SoftAttester::expectation(const Challenge& challenge) const {
  return {.nonce = challenge.nonce,
          .exporter = challenge.exporter,
          .pcr_mask = kPolicyPcrs,
          .device = tpm.device(),
          .ak_name = tpm.ak.name(),
          .activation_secret = std::nullopt,
          .marks = std::nullopt,
          .firmware_denied = {}};
}

}  // namespace pavise::attestation::testing
