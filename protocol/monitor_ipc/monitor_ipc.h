// The messages between the monitor and its clients (api/monitor.cddl). Both sides parse: the
// monitor does not trust the agent, and a bent answer must not confuse init. Encoding is
// deterministic CBOR.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/app_measurement/app_event.h"

namespace pavise::monitor_ipc {

// Errors: PV-MIP-nnn, besides those of protocol/cbor.
inline constexpr ErrorInfo kRefused{"PV-MIP-001", Retry::later, "the monitor refused the request",
                                    "See the detail: it has the monitor's own code and reason."};
inline constexpr ErrorInfo kUnknownOperation{"PV-MIP-002", Retry::never,
                                             "the monitor has no operation of this number",
                                             "Use monitor and client of the same release."};

inline constexpr std::size_t kMessageBytesMax = std::size_t{128} * 1024;
inline constexpr std::size_t kPublicAreaBytesMax = 512;
inline constexpr std::size_t kAttestBytesMax = 1024;
inline constexpr std::size_t kSignatureBytesMax = 128;
inline constexpr std::size_t kDerSignatureBytesMax = 72;
inline constexpr std::size_t kCredentialBytesMax = 512;
inline constexpr std::size_t kCertificateBytesMax = 4096;
inline constexpr std::size_t kBlobBytesMax = 4096;
inline constexpr std::size_t kEventLogBytesMax = 65536;
inline constexpr std::size_t kRuntimeEventsMax = 64;
inline constexpr std::size_t kRuntimeEventTextBytesMax = 256;
inline constexpr std::size_t kPcrsMax = 24;
inline constexpr std::size_t kDataKeyBytes = 64;
inline constexpr std::size_t kReasonBytesMax = 512;

enum class Op : std::uint8_t {
  kIdentity = 1,
  kActivate = 2,
  kAttest = 3,
  kSignTls = 4,
  kStatus = 5,
  kOpenData = 16,
  kMeasureApps = 32,
  kDevice = 33,
};

struct PcrValue {
  std::uint8_t pcr;
  Digest256 value;
  bool operator==(const PcrValue&) const = default;
};
using RuntimeEvents = std::vector<std::pair<std::uint8_t, std::string>>;

// ---- requests
// -------------------------------------------------------------------------------------
struct Identity {};
struct Activate {
  Bytes id_object;
  Bytes encrypted_secret;
};
struct Attest {
  Digest256 nonce;
  Digest256 exporter;
  Digest256 csr_digest;
  std::vector<std::uint8_t> pcrs;  // ascending, 1 to 24 of 0 to 23
};
struct SignTls {
  Digest256 digest;
};
struct Status {};
struct OpenData {
  Bytes blob;  // empty on a blank partition
  std::uint64_t epoch;
};
struct MeasureApps {
  // Of this boot, in order; each of at most app_measurement::kAppEventBytesMax, up to
  // app_measurement::kAppEventsMax. What they say is the monitor's to judge.
  std::vector<std::string> texts;
};
// Which device this is, for whoever may not see its keys.
struct Device {};
using Request =
    std::variant<Identity, Activate, Attest, SignTls, Status, OpenData, MeasureApps, Device>;

Op operation(const Request& request);
Bytes encode(const Request& request);
// Errors of protocol/cbor, kUnknownOperation.
Result<Request> parse_request(ByteView message);

// ---- results
// --------------------------------------------------------------------------------------
struct IdentityResult {
  std::string device_id;
  Bytes ek_certificate;
  Bytes ak_public;
  Bytes tls_public;
  Bytes certify;
  Bytes certify_signature;
};
struct ActivateResult {
  SecretBytes secret;
};
struct AttestResult {
  Bytes attest;
  Bytes signature;
  std::vector<PcrValue> pcrs;
  Bytes event_log;
  RuntimeEvents runtime_events;
};
struct SignTlsResult {
  Bytes signature_der;
};
struct StatusResult {
  std::uint64_t pss_kib;
  std::uint64_t tpm_commands;
  std::uint64_t measured_apps;  // texts in PCR 13
};
struct OpenDataResult {
  SecretBytes key;
  Bytes blob;
  bool blob_is_new;
};

struct MeasureAppsResult {
  Digest256 pcr;  // 13: what it holds now, app_measurement::pcr_after() of all texts
};

struct DeviceResult {
  std::string device_id;
};

// Whole responses. They may hold a key or a credential, so all are wiped after use.
SecretBytes encode(const IdentityResult& result);
SecretBytes encode(const ActivateResult& result);
SecretBytes encode(const AttestResult& result);
SecretBytes encode(const SignTlsResult& result);
SecretBytes encode(const StatusResult& result);
SecretBytes encode(const OpenDataResult& result);
SecretBytes encode(const MeasureAppsResult& result);
SecretBytes encode(const DeviceResult& result);
// A refusal; code and reason are cut at their limits.
SecretBytes encode_refusal(const Error& error);

// The result that belongs to the request. kRefused with "CODE: reason" in the detail if it was
// refused; errors of protocol/cbor if the message is bent.
Result<IdentityResult> parse_identity(ByteView message);
Result<ActivateResult> parse_activate(ByteView message);
Result<AttestResult> parse_attest(ByteView message);
Result<SignTlsResult> parse_sign_tls(ByteView message);
Result<StatusResult> parse_status(ByteView message);
Result<OpenDataResult> parse_open_data(ByteView message);
Result<MeasureAppsResult> parse_measure_apps(ByteView message);
Result<DeviceResult> parse_device(ByteView message);

}  // namespace pavise::monitor_ipc
