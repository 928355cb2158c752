#include "cloud/server/device_api/device_api.h"

#include "cloud/server/http/error_body.h"
#include "cloud/server/routes/errors.h"

namespace pavise::server {
namespace {

http::Response cbor(Bytes body) {
  http::Response response;
  response.content_type = kCborType;
  response.body = as_text(body);
  return response;
}

}  // namespace

http::Response DeviceApi::handle(const http::Request& request) {
  const bool is_challenge = request.path == "/device/v1/challenge";
  const bool is_bind = request.path == "/device/v1/bind";
  const bool is_evidence = request.path == "/device/v1/evidence";
  const auto refuse = [](int status, const ErrorInfo& info) {
    return http::error_response(status, info, http::new_tracking_id());
  };
  if (!is_challenge && !is_bind && !is_evidence) return refuse(404, kNoSuchPath);
  if (request.method != "POST") {
    http::Response response = refuse(405, kNoSuchMethod);
    response.headers.push_back({"allow", "POST"});
    return response;
  }
  if (request.header("content-type") != kCborType) return refuse(415, kNotCborType);
  if (is_challenge) return challenge(request);
  return is_bind ? bind(request) : evidence(request);
}

http::Response DeviceApi::challenge(const http::Request& request) {
  auto answer = service_.challenge(as_bytes(request.body), request.tls_exporter);
  if (answer) return cbor(*std::move(answer));
  log_refusal(request, "challenge.refused", "", answer.error().code(), answer.error().message());
  return cbor(security::AttestationService::encode_refusal(answer.error()));
}

http::Response DeviceApi::bind(const http::Request& request) {
  auto answer = service_.bind(as_bytes(request.body), request.tls_exporter);
  if (answer) return cbor(*std::move(answer));
  log_refusal(request, "bind.refused", "", answer.error().code(), answer.error().message());
  return cbor(security::AttestationService::encode_refusal(answer.error()));
}

http::Response DeviceApi::evidence(const http::Request& request) {
  const std::uint64_t begun_us = metrics::steady_us();
  security::EvidenceReply reply = service_.evidence(as_bytes(request.body), request.tls_exporter);
  counters_.note_verdict(reply.accepted ? std::string_view() : reply.code,
                         metrics::steady_us() - begun_us);
  if (reply.accepted)
    log_.write(Level::info, "evidence.accepted",
               {{"device", reply.device}, {"peer", request.peer}});
  else
    log_refusal(request, "evidence.refused", reply.device, reply.code, reply.cause);
  return cbor(std::move(reply.body));
}

void DeviceApi::log_refusal(const http::Request& request, std::string_view event,
                            std::string_view device, std::string_view code,
                            std::string_view reason) {
  log_.write(Level::warning, event,
             {{"code", std::string(code)},
              {"reason", std::string(reason)},
              {"device", std::string(device)},
              {"peer", request.peer}});
}

}  // namespace pavise::server
