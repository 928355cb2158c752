// Evidence: what a device sends to prove its state (api/evidence.cddl; RFC 9334).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "protocol/evidence/exchange.h"
#include "protocol/evidence/limits.h"

namespace pavise::evidence {

inline constexpr std::uint64_t kFormatVersion = 1;

struct PcrValue {
  std::uint8_t pcr = 0;
  Digest256 digest{};
  bool operator==(const PcrValue&) const = default;
};

// What the monitor extended after the firmware's log ended: SHA-256(text) into `pcr`.
struct RuntimeEvent {
  std::uint8_t pcr = 0;
  std::string_view text;  // printable ASCII
  bool operator==(const RuntimeEvent&) const = default;
};

// The fields, as views into memory that somebody else owns.
struct EvidenceFields {
  Session session{};
  ByteView ak_public;          // TPMT_PUBLIC
  ByteView quote;              // TPMS_ATTEST
  ByteView quote_signature;    // TPMT_SIGNATURE
  std::vector<PcrValue> pcrs;  // strictly ascending
  ByteView event_log;          // TCG PC Client, crypto-agile; may be empty
  std::vector<RuntimeEvent> runtime_events;
  ByteView csr;                // PKCS#10, DER
  ByteView tls_public;         // TPMT_PUBLIC
  ByteView certify;            // TPMS_ATTEST
  ByteView certify_signature;  // TPMT_SIGNATURE
  std::optional<Digest256> activation_secret;
  // Present or not matters for the encoding only; sorted as cbor::text_key_before() says.
  std::vector<std::pair<std::string_view, std::string_view>> claims;
};

// A message that has been parsed; owns its bytes, so the fields live as long as it does, wherever
// it is moved. Immutable, hence readable from any thread.
class Evidence {
 public:
  // Takes the body over without copying it. Errors: kMessageTooLong, PV-CBR-nnn.
  static Result<Evidence> parse(Bytes&& message);
  static Result<Evidence> parse(ByteView message) { return parse(to_bytes(message)); }

  Evidence(Evidence&&) noexcept = default;
  Evidence& operator=(Evidence&&) noexcept = default;
  Evidence(const Evidence&) = delete;
  Evidence& operator=(const Evidence&) = delete;
  ~Evidence() = default;

  const EvidenceFields& fields() const { return fields_; }
  const EvidenceFields* operator->() const { return &fields_; }
  ByteView message() const { return message_; }
  // Value of a claim, or nothing.
  std::optional<std::string_view> claim(std::string_view name) const;

 private:
  Evidence() = default;
  Bytes message_;
  EvidenceFields fields_;
};

// Fields in, message out; claims may come in any order. The caller keeps to limits.h.
Bytes encode_evidence(EvidenceFields fields);

// qualifyingData of the quote: SHA-256(nonce ‖ TLS exporter ‖ SHA-256(CSR)).
Digest256 quote_binding(const Digest256& nonce, const Digest256& tls_exporter,
                        const Digest256& csr_digest);

// Label of the TLS exporter (RFC 8446, 7.5); no context, 32 bytes.
inline constexpr std::string_view kTlsExporterLabel = "EXPORTER-pavise-attestation-v1";

}  // namespace pavise::evidence
