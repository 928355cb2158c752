#include "common/net/https_client.h"

#include <algorithm>
#include <array>

namespace pavise::net {
namespace {

bool is_target(std::string_view target) {
  return target.starts_with('/') &&
         std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

std::string host_header_of(const std::string& name, std::uint16_t port,
                           std::uint16_t default_port) {
  const bool ipv6 = name.find(':') != std::string::npos;
  const std::string host = ipv6 ? "[" + name + "]" : name;
  return port == default_port ? host : host + ":" + std::to_string(port);
}

Result<Bytes> serialize_head(const HttpRequest& request, const std::string& host_header,
                             std::size_t body_size) {
  if (!is_http_token(request.method)) return Error(kBadRequest, "method");
  if (!is_target(request.target)) return Error(kBadRequest, "path");
  if (host_header.empty() || !is_http_field_text(host_header)) return Error(kBadRequest, "host");
  std::string head = request.method + " " + request.target + " HTTP/1.1\r\nHost: " + host_header;
  for (const HttpHeader& header : request.headers) {
    if (!is_http_token(header.name) || !is_http_field_text(header.value))
      return Error(kBadRequest, "header " + (is_http_token(header.name) ? header.name : "name"));
    head.append("\r\n").append(header.name).append(": ").append(header.value);
  }
  if (body_size != 0 || request.method != "GET")
    head.append("\r\nContent-Length: ").append(std::to_string(body_size));
  head.append("\r\n\r\n");
  return to_bytes(as_bytes(head));
}

Result<Bytes> serialize_request(const HttpRequest& request, const std::string& host_header) {
  PAVISE_TRY_ASSIGN(Bytes out, serialize_head(request, host_header, request.body.size()));
  append(out, request.body);
  return out;
}

Result<HttpsClient> HttpsClient::connect(const std::string& host, std::uint16_t port,
                                         const TlsOptions& options, HttpLimits limits) {
  PAVISE_TRY_ASSIGN(TlsClient tls, TlsClient::connect(host, port, options));
  const std::string& name = options.server_name.empty() ? host : options.server_name;
  return HttpsClient(std::move(tls), host_header_of(name, port), limits);
}

Result<HttpResponse> HttpsClient::send(const HttpRequest& request, Millis timeout) {
  if (!usable_) return Error(kClosed, "used after the end");
  PAVISE_TRY_ASSIGN(const Bytes wire,
                    serialize_request(request, request.host.empty() ? host_header_ : request.host));
  const Deadline deadline = Deadline::after(timeout);
  usable_ = false;  // until the whole answer is here
  HttpResponseParser parser(limits_);
  auto sent = tls_.write(wire, deadline);
  auto response = sent ? receive(parser, deadline) : Result<HttpResponse>(sent.error());
  went_stale_ = !response && used_before_ && !parser.started() &&
                (response.error().is(kClosed) || response.error().is(kBroken));
  used_before_ = true;
  return response;
}

Result<HttpResponse> HttpsClient::receive(HttpResponseParser& parser, Deadline deadline) {
  std::array<std::byte, 4096> buffer;
  while (!parser.done()) {
    PAVISE_TRY_ASSIGN(const std::size_t size, tls_.read(buffer, deadline));
    if (size == 0) return Error(kClosed, parser.started() ? "in the middle of an answer" : "");
    PAVISE_TRY_ASSIGN(const std::size_t used, parser.feed(ByteView(buffer).first(size)));
    // Nothing was asked that these bytes could answer.
    if (used != size) return Error(kBadResponse, "bytes after the answer");
  }
  usable_ = parser.keep_alive();
  return parser.take();
}

}  // namespace pavise::net
