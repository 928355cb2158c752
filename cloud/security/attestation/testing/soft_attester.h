// A device in software: keys in memory, a TPM's structures, a firmware's log. For tests and
// benchmarks of the verifier; everything about it can be bent. Never part of a product.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cloud/security/attestation/verifier.h"
#include "common/base/bytes.h"
#include "common/crypto/crypto.h"
#include "protocol/eventlog/builder.h"
#include "protocol/evidence/evidence.h"
#include "protocol/release/reference_set.h"
#include "protocol/tpm/attest.h"
#include "protocol/tpm/public_area.h"

namespace pavise::attestation::testing {

inline constexpr std::uint32_t kPolicyPcrs =
    1U << 0U | 1U << 2U | 1U << 4U | 1U << 7U | 0xfU << 11U;

// What is booted. Contents are texts; their digests are measured as the real parts' are.
struct SoftImage {
  std::string version = "0.1.0";
  std::string firmware = "OVMF 2022.11";
  std::string kernel = "vmlinuz 6.1";
  std::string os_release = "ID=pavise";
  std::string root = "the root file system";
  std::string initrd = "the initial RAM disk";
  bool secure_boot = true;

  Digest256 root_hash() const;
  std::string cmdline() const;  // with pavise.roothash=
};

// One extend of a boot, in order.
struct SoftEvent {
  unsigned pcr = 0;
  std::uint32_t type = 0;
  Digest256 digest{};
  Bytes data;
  std::string component;
  std::string name;
};
std::vector<SoftEvent> boot_events(const SoftImage& image);
inline constexpr std::string_view kDataOpened = "pavise:data-opened";

// An app's event, of version 1.0.`number`.
std::string app_text(unsigned number);

// What the image build would publish for that image.
release::ReferenceSet reference_set(const SoftImage& image);

// The TPM: P-256 keys, PCRs, a clock. The endorsement key is only a public area.
struct SoftTpm {
  SoftTpm();

  crypto::P256PrivateKey ak_key;
  crypto::P256PrivateKey tls_key;
  tpm::PublicArea ek;
  tpm::PublicArea ak;
  tpm::PublicArea tls;
  tpm::ClockInfo clock{.clock_ms = 100000, .reset_count = 3, .restart_count = 0, .safe = true};
  std::uint64_t firmware_version = 0x2019102300163636;
  std::uint32_t ak_hierarchy = tpm::kEndorsementHierarchy;
  eventlog::PcrValues pcrs;

  DeviceId device() const { return tpm::device_id_from_name(ek.name()); }
  void reset();  // a new boot: PCRs initial, resetCount up
  void extend(unsigned pcr, const Digest256& digest);
  // An attest structure about the present state; not signed yet, so that tests can bend it.
  tpm::Attest quote(ByteView extra_data, std::uint32_t mask) const;
  tpm::Attest certify_tls() const;
  Bytes sign(ByteView attest) const;  // by the AK, TPMT_SIGNATURE
};

// Evidence whose parts can be bent; the views of fields() are its own.
struct SoftEvidence {
  Bytes ak_public;
  Bytes quote;
  Bytes quote_signature;
  std::vector<evidence::PcrValue> pcrs;
  Bytes event_log;
  std::vector<std::pair<std::uint8_t, std::string>> runtime_events;
  Bytes csr;
  Bytes tls_public;
  Bytes certify;
  Bytes certify_signature;
  std::optional<Digest256> activation_secret;
  std::string cmdline_claim;  // empty: no claim

  evidence::EvidenceFields fields() const;
};

// One challenge of the service.
struct Challenge {
  Digest256 nonce{};
  Digest256 exporter{};
};

class SoftAttester {
 public:
  explicit SoftAttester(const SoftImage& image = {});

  SoftTpm tpm;
  std::vector<SoftEvent> events;     // of the present boot
  std::vector<std::string> runtime;  // texts extended into PCR 11
  std::vector<std::string> apps;     // texts extended into PCR 13
  SoftImage image;

  // Starts again with another image: new boot, new log.
  void boot(const SoftImage& next);
  // As the monitor does before an app starts; any text.
  void measure_app(const std::string& text);
  Bytes event_log() const;
  Bytes certificate_request(std::string_view common_name) const;
  SoftEvidence attest(const Challenge& challenge, std::uint32_t mask = kPolicyPcrs) const;
  // Replaces the quote in `evidence` by this one, signed by the AK.
  void resign(SoftEvidence& evidence, const tpm::Attest& quote) const;
  // What a service that has bound this device's AK expects.
  Expectation expectation(const Challenge& challenge) const;

 private:
  // Made once per TLS key, as on a real device (ADR 0003).
  struct KeyProof {
    Digest256 of{};  // the keys
    Bytes csr;
    Bytes certify;
    Bytes certify_signature;
  };
  const KeyProof& key_proof() const;
  mutable KeyProof key_proof_;
};

Challenge fresh_challenge();
// qualifyingData of a quote that answers it.
Digest256 binding(const Challenge& challenge, ByteView csr_der);

}  // namespace pavise::attestation::testing
