#include "protocol/evidence/exchange.h"

#include "protocol/cbor/cbor.h"

namespace pavise::evidence {
namespace {

constexpr Retry kRetryClasses[] = {Retry::never, Retry::later, Retry::after_reattest,
                                   Retry::needs_operator};

Retry read_retry(cbor::Reader& in) {
  const std::string_view text = in.text(1, kCodeBytesMax);
  for (const Retry retry : kRetryClasses)
    if (to_string(retry) == text) return retry;
  in.fail(cbor::kRuleBroken);
  return Retry::never;
}

// Both halves of the response are read as plain values first: DeviceId and its kin exist only once
// the whole message is known to be good.
Result<Response> read_accepted(cbor::Reader& in, cbor::MapReader& map) {
  map.required(2);
  const ByteView leaf = in.bytes(1, kCertificateBytesMax);
  map.required(3);
  std::vector<Bytes> chain;
  for (std::size_t n = in.array(1, kChainLengthMax); n > 0; --n)
    chain.push_back(to_bytes(in.bytes(1, kCertificateBytesMax)));
  map.required(4);
  const std::uint64_t renew_by = in.uint(INT64_MAX);
  map.required(5);
  const std::string_view hub_host = in.text(1, kHostNameBytesMax);
  map.required(6);
  const std::uint64_t hub_port = in.uint(UINT16_MAX);
  map.required(7);
  const auto tenant = TenantId::parse(in.text(1, TenantId::kLengthMax));
  in.require(tenant.has_value());
  map.finish();
  PAVISE_TRY(in.finish());
  return Response(Accepted{.leaf = to_bytes(leaf),
                           .chain = std::move(chain),
                           .renew_by = static_cast<UnixSeconds>(renew_by),
                           .hub_host = std::string(hub_host),
                           .hub_port = static_cast<std::uint16_t>(hub_port),
                           .tenant = *tenant});
}

Result<Response> read_refused(cbor::Reader& in, cbor::MapReader& map) {
  map.required(2);
  const std::string_view code = in.text(1, kCodeBytesMax);
  map.required(3);
  const std::string_view reason = in.text(0, kReasonBytesMax);
  // Both go to the device's log, where a control character could forge a line.
  in.require(cbor::presentable(code, kCodeBytesMax) == code);
  in.require(cbor::presentable(reason, kReasonBytesMax) == reason);
  map.required(4);
  const Retry retry = read_retry(in);
  map.finish();
  PAVISE_TRY(in.finish());
  return Response(Refused{std::string(code), std::string(reason), retry});
}

Bytes encode(const Accepted& accepted) {
  cbor::Writer out(kCertificateBytesMax);
  out.map(7).uint(1).boolean(true);
  out.uint(2).bytes(accepted.leaf);
  out.uint(3).array(accepted.chain.size());
  for (const Bytes& certificate : accepted.chain) out.bytes(certificate);
  out.uint(4).uint(static_cast<std::uint64_t>(accepted.renew_by));
  out.uint(5).text(accepted.hub_host);
  out.uint(6).uint(accepted.hub_port);
  out.uint(7).text(accepted.tenant.text());
  return out.take();
}

Bytes encode(const Refused& refused) {
  cbor::Writer out;
  out.map(4).uint(1).boolean(false);
  out.uint(2).text(cbor::presentable(refused.code, kCodeBytesMax));
  // The reason may quote what the device sent, and must neither end the process nor the exchange.
  out.uint(3).text(cbor::presentable(refused.reason, kReasonBytesMax));
  out.uint(4).text(to_string(refused.retry));
  return out.take();
}

}  // namespace

Result<ChallengeRequest> ChallengeRequest::parse(ByteView message) {
  if (message.size() > kChallengeRequestBytesMax) return kMessageTooLong;
  cbor::Reader in(message);
  cbor::MapReader map(in, 2);
  map.required(1);
  const auto device = DeviceId::parse(in.text(DeviceId::kLength, DeviceId::kLength));
  in.require(device.has_value());
  map.required(2);
  const ByteView ak_public = in.bytes(1, kPublicAreaBytesMax);
  map.finish();
  PAVISE_TRY(in.finish());
  return ChallengeRequest{*device, to_bytes(ak_public)};
}

Bytes ChallengeRequest::encode() const {
  cbor::Writer out(ak_public.size() + 80);
  out.map(2).uint(1).text(device.text());
  out.uint(2).bytes(ak_public);
  return out.take();
}

Result<Challenge> Challenge::parse(ByteView message) {
  if (message.size() > kChallengeBytesMax) return kMessageTooLong;
  cbor::Reader in(message);
  cbor::MapReader map(in, 5);
  Challenge out;
  map.required(1);
  out.session = in.fixed<kSessionBytes>();
  map.required(2);
  out.nonce = in.fixed<32>();
  map.required(3);
  for (std::size_t n = in.array(1, kPcrsMax); n > 0; --n) {
    const auto pcr = static_cast<std::uint8_t>(in.uint(kPcrHighest));
    in.require(out.pcrs.empty() || pcr > out.pcrs.back());
    out.pcrs.push_back(pcr);
  }
  if (map.optional(4)) {
    const ByteView id_object = in.bytes(1, kActivationBytesMax);
    map.required(5);
    const ByteView secret = in.bytes(1, kActivationBytesMax);
    out.activation = Activation{to_bytes(id_object), to_bytes(secret)};
  }
  map.finish();
  PAVISE_TRY(in.finish());
  return out;
}

Bytes Challenge::encode() const {
  cbor::Writer out(kChallengeBytesMax);
  out.map(activation ? 5 : 3).uint(1).bytes(session);
  out.uint(2).bytes(nonce);
  out.uint(3).array(pcrs.size());
  for (const std::uint8_t pcr : pcrs) out.uint(pcr);
  if (activation) {
    out.uint(4).bytes(activation->id_object);
    out.uint(5).bytes(activation->encrypted_secret);
  }
  return out.take();
}

Result<BindRequest> BindRequest::parse(ByteView message) {
  if (message.size() > kChallengeRequestBytesMax) return kMessageTooLong;
  cbor::Reader in(message);
  cbor::MapReader map(in, 2);
  BindRequest out;
  map.required(1);
  out.session = in.fixed<kSessionBytes>();
  map.required(2);
  out.secret = in.fixed<32>();
  map.finish();
  PAVISE_TRY(in.finish());
  return out;
}

Bytes BindRequest::encode() const {
  cbor::Writer out;
  out.map(2).uint(1).bytes(session);
  out.uint(2).bytes(secret);
  return out.take();
}

Result<BindResponse> parse_bind_response(ByteView message) {
  if (message.size() > kResponseBytesMax) return kMessageTooLong;
  cbor::Reader in(message);
  cbor::MapReader map(in, 4);
  map.required(1);
  if (!in.boolean()) {
    PAVISE_TRY_ASSIGN(auto refused, read_refused(in, map));
    return BindResponse(std::get<Refused>(std::move(refused)));
  }
  map.finish();
  PAVISE_TRY(in.finish());
  return BindResponse(Bound{});
}

Bytes encode_bound() {
  cbor::Writer out;
  out.map(1).uint(1).boolean(true);
  return out.take();
}

Result<Response> parse_response(ByteView message) {
  if (message.size() > kResponseBytesMax) return kMessageTooLong;
  cbor::Reader in(message);
  cbor::MapReader map(in, 7);
  map.required(1);
  return in.boolean() ? read_accepted(in, map) : read_refused(in, map);
}

Bytes encode_response(const Response& response) {
  return std::visit([](const auto& outcome) { return encode(outcome); }, response);
}

}  // namespace pavise::evidence
