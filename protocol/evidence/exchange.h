// The messages around the Evidence: what the device asks for, and what it gets
// (api/evidence.cddl: challenge-request, challenge, evidence-response).
//
// Errors of every parse(): kMessageTooLong, or PV-CBR-nnn when the bytes are not exactly the
// format. Thread-safe, never blocks.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "protocol/evidence/limits.h"

namespace pavise::evidence {

using Session = std::array<std::byte, kSessionBytes>;

struct ChallengeRequest {
  DeviceId device;
  Bytes ak_public;  // TPMT_PUBLIC

  static Result<ChallengeRequest> parse(ByteView message);
  Bytes encode() const;
};

// What TPM2_ActivateCredential takes.
struct Activation {
  Bytes id_object;         // TPM2B_ID_OBJECT contents
  Bytes encrypted_secret;  // TPM2B_ENCRYPTED_SECRET contents
};

struct Challenge {
  Session session{};
  Digest256 nonce{};
  std::vector<std::uint8_t> pcrs;        // ascending, SHA-256 bank
  std::optional<Activation> activation;  // present while the AK is not bound to the EK

  static Result<Challenge> parse(ByteView message);
  Bytes encode() const;
};

// Binds the AK to the EK in the factory, before the device attests.
struct BindRequest {
  Session session{};
  Digest256 secret{};  // what ActivateCredential yielded

  static Result<BindRequest> parse(ByteView message);
  Bytes encode() const;
};

struct Accepted {
  Bytes leaf;                // DER
  std::vector<Bytes> chain;  // DER, the leaf's issuer first
  UnixSeconds renew_by = 0;
  std::string hub_host;
  std::uint16_t hub_port = 0;
  TenantId tenant;
};

struct Refused {
  std::string code;    // stable, "PV-ATT-nnn"
  std::string reason;  // in words
  Retry retry = Retry::never;
};

using Response = std::variant<Accepted, Refused>;
Result<Response> parse_response(ByteView message);
Bytes encode_response(const Response& response);

struct Bound {};
using BindResponse = std::variant<Bound, Refused>;
Result<BindResponse> parse_bind_response(ByteView message);
Bytes encode_bound();  // the refusal is encode_response(Refused)

}  // namespace pavise::evidence
