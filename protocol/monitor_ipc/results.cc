#include <algorithm>

#include "protocol/cbor/cbor.h"
#include "protocol/monitor_ipc/monitor_ipc.h"

namespace pavise::monitor_ipc {
namespace {

// Long enough that the buffer of a response with a secret never grows: growing would leave a copy.
constexpr std::size_t kSmallResponseBytes = 8192;

cbor::Writer accepted(std::size_t reserve_bytes = kSmallResponseBytes) {
  cbor::Writer out(reserve_bytes);
  out.map(2).uint(1).boolean(true).uint(2);
  return out;
}

SecretBytes wiped(cbor::Writer out) {
  return SecretBytes(out.take());
}

// Reads the outer map; `read` reads the result. A refusal becomes kRefused.
template <class T, class Read>
Result<T> parse(ByteView message, Read read) {
  if (message.size() > kMessageBytesMax) return cbor::kOutOfRange;
  cbor::Reader in(message);
  cbor::MapReader map(in, 3);
  map.required(1);
  const bool is_accepted = in.boolean();
  map.required(2);
  if (!in.ok()) return in.finish().error();
  if (!is_accepted) {
    std::string detail(in.text(1, 16));
    map.required(3);
    detail.append(": ").append(in.text(0, kReasonBytesMax));
    map.finish();
    PAVISE_TRY(in.finish());
    return Error(kRefused, std::move(detail));
  }
  T out{};
  read(in, out);
  map.finish();
  PAVISE_TRY(in.finish());
  return out;
}

}  // namespace

SecretBytes encode(const IdentityResult& result) {
  cbor::Writer out = accepted();
  out.map(6).uint(1).text(result.device_id).uint(2).bytes(result.ek_certificate);
  out.uint(3).bytes(result.ak_public).uint(4).bytes(result.tls_public);
  out.uint(5).bytes(result.certify).uint(6).bytes(result.certify_signature);
  return wiped(std::move(out));
}

SecretBytes encode(const ActivateResult& result) {
  cbor::Writer out = accepted();
  out.map(1).uint(1).bytes(result.secret.view());
  return wiped(std::move(out));
}

SecretBytes encode(const AttestResult& result) {
  cbor::Writer out = accepted(kSmallResponseBytes + result.event_log.size());
  out.map(5).uint(1).bytes(result.attest).uint(2).bytes(result.signature);
  out.uint(3).array(result.pcrs.size());
  for (const PcrValue& value : result.pcrs) out.array(2).uint(value.pcr).bytes(value.value);
  out.uint(4).bytes(result.event_log).uint(5).array(result.runtime_events.size());
  for (const auto& [pcr, text] : result.runtime_events) out.array(2).uint(pcr).text(text);
  return wiped(std::move(out));
}

SecretBytes encode(const SignTlsResult& result) {
  cbor::Writer out = accepted();
  out.map(1).uint(1).bytes(result.signature_der);
  return wiped(std::move(out));
}

SecretBytes encode(const StatusResult& result) {
  cbor::Writer out = accepted();
  out.map(3).uint(1).uint(result.pss_kib).uint(2).uint(result.tpm_commands);
  out.uint(3).uint(result.measured_apps);
  return wiped(std::move(out));
}

SecretBytes encode(const OpenDataResult& result) {
  cbor::Writer out = accepted();
  out.map(3).uint(1).bytes(result.key.view()).uint(2).bytes(result.blob);
  out.uint(3).boolean(result.blob_is_new);
  return wiped(std::move(out));
}

SecretBytes encode(const MeasureAppsResult& result) {
  cbor::Writer out = accepted();
  out.map(1).uint(1).bytes(result.pcr);
  return wiped(std::move(out));
}

SecretBytes encode(const DeviceResult& result) {
  cbor::Writer out = accepted();
  out.map(1).uint(1).text(result.device_id);
  return wiped(std::move(out));
}

SecretBytes encode_refusal(const Error& error) {
  // Codes are ASCII; reasons are made printable, so that no cut can break a UTF-8 sequence.
  std::string reason = error.message().substr(error.code().size() + 2, kReasonBytesMax);
  std::ranges::replace_if(reason, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  cbor::Writer out;
  out.map(3).uint(1).boolean(false).uint(2).text(error.code().substr(0, 16)).uint(3).text(reason);
  return wiped(std::move(out));
}

Result<IdentityResult> parse_identity(ByteView message) {
  return parse<IdentityResult>(message, [](cbor::Reader& in, IdentityResult& out) {
    cbor::MapReader map(in, 6);
    map.required(1);
    out.device_id = in.text(64, 64);
    map.required(2);
    out.ek_certificate = to_bytes(in.bytes(1, kCertificateBytesMax));
    map.required(3);
    out.ak_public = to_bytes(in.bytes(1, kPublicAreaBytesMax));
    map.required(4);
    out.tls_public = to_bytes(in.bytes(1, kPublicAreaBytesMax));
    map.required(5);
    out.certify = to_bytes(in.bytes(1, kAttestBytesMax));
    map.required(6);
    out.certify_signature = to_bytes(in.bytes(1, kSignatureBytesMax));
    map.finish();
  });
}

Result<ActivateResult> parse_activate(ByteView message) {
  return parse<ActivateResult>(message, [](cbor::Reader& in, ActivateResult& out) {
    cbor::MapReader map(in, 1);
    map.required(1);
    out.secret = SecretBytes::copy_of(in.bytes(1, 32));
    map.finish();
  });
}

Result<AttestResult> parse_attest(ByteView message) {
  return parse<AttestResult>(message, [](cbor::Reader& in, AttestResult& out) {
    cbor::MapReader map(in, 5);
    map.required(1);
    out.attest = to_bytes(in.bytes(1, kAttestBytesMax));
    map.required(2);
    out.signature = to_bytes(in.bytes(1, kSignatureBytesMax));
    map.required(3);
    const std::size_t pcrs = in.array(1, kPcrsMax);
    for (std::size_t i = 0; i < pcrs; ++i) {
      in.array(2, 2);
      const auto pcr = static_cast<std::uint8_t>(in.uint(kPcrsMax - 1));
      in.require(out.pcrs.empty() || pcr > out.pcrs.back().pcr);
      out.pcrs.push_back({pcr, in.fixed<32>()});
    }
    map.required(4);
    out.event_log = to_bytes(in.bytes(0, kEventLogBytesMax));
    map.required(5);
    const std::size_t events = in.array(0, kRuntimeEventsMax);
    for (std::size_t i = 0; i < events; ++i) {
      in.array(2, 2);
      const auto pcr = static_cast<std::uint8_t>(in.uint(kPcrsMax - 1));
      out.runtime_events.emplace_back(pcr, in.text(0, kRuntimeEventTextBytesMax));
    }
    map.finish();
  });
}

Result<SignTlsResult> parse_sign_tls(ByteView message) {
  return parse<SignTlsResult>(message, [](cbor::Reader& in, SignTlsResult& out) {
    cbor::MapReader map(in, 1);
    map.required(1);
    out.signature_der = to_bytes(in.bytes(8, kDerSignatureBytesMax));
    map.finish();
  });
}

Result<StatusResult> parse_status(ByteView message) {
  return parse<StatusResult>(message, [](cbor::Reader& in, StatusResult& out) {
    cbor::MapReader map(in, 3);
    map.required(1);
    out.pss_kib = in.uint();
    map.required(2);
    out.tpm_commands = in.uint();
    map.required(3);
    out.measured_apps = in.uint(app_measurement::kAppEventsMax);
    map.finish();
  });
}

Result<OpenDataResult> parse_open_data(ByteView message) {
  return parse<OpenDataResult>(message, [](cbor::Reader& in, OpenDataResult& out) {
    cbor::MapReader map(in, 3);
    map.required(1);
    out.key = SecretBytes::copy_of(in.bytes(kDataKeyBytes, kDataKeyBytes));
    map.required(2);
    out.blob = to_bytes(in.bytes(0, kBlobBytesMax));
    map.required(3);
    out.blob_is_new = in.boolean();
    map.finish();
  });
}

Result<MeasureAppsResult> parse_measure_apps(ByteView message) {
  return parse<MeasureAppsResult>(message, [](cbor::Reader& in, MeasureAppsResult& out) {
    cbor::MapReader map(in, 1);
    map.required(1);
    out.pcr = in.fixed<sizeof(Digest256)>();
    map.finish();
  });
}

Result<DeviceResult> parse_device(ByteView message) {
  return parse<DeviceResult>(message, [](cbor::Reader& in, DeviceResult& out) {
    cbor::MapReader map(in, 1);
    map.required(1);
    out.device_id = in.text(64, 64);
    map.finish();
  });
}

}  // namespace pavise::monitor_ipc
