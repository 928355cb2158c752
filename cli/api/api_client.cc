#include "cli/api/api_client.h"

#include <boost/json.hpp>

namespace pavise::cli {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

}  // namespace

ApiError read_api_error(const ApiReply& reply) {
  ApiError out;
  boost::system::error_code failed;
  const json::value root = json::parse(reply.body, failed);
  const json::value* error =
      !failed && root.is_object() ? root.as_object().if_contains("error") : nullptr;
  if (error == nullptr || !error->is_object()) {
    out.message = "the server answered with HTTP status " + std::to_string(reply.status);
    out.next = "Check that the URL of the context is that of a Pavise server.";
    return out;
  }
  const json::object& members = error->as_object();
  out.code = text_of(members, "code");
  out.message = text_of(members, "message");
  out.detail = text_of(members, "detail");
  out.next = text_of(members, "next");
  out.tracking_id = text_of(members, "tracking_id");
  return out;
}

std::string url_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto value = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[value >> 4U]);
      out.push_back(kHex[value & 15U]);
    }
  }
  return out;
}

std::string with_query(std::string_view path,
                       const std::vector<std::pair<std::string, std::string>>& query) {
  std::string out(path);
  char separator = '?';
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    out.push_back(std::exchange(separator, '&'));
    out.append(name).append("=").append(url_encode(value));
  }
  return out;
}

Result<ApiClient> ApiClient::create(const Context& context, net::Millis timeout) {
  PAVISE_TRY_ASSIGN(net::Url url, net::Url::parse(context.url));
  net::TlsOptions tls;
  PAVISE_TRY_ASSIGN(tls.trust_anchors_pem, context.ca_pem());
  tls.connect_timeout = timeout;
  return ApiClient(std::move(url), std::move(tls), context.token, timeout);
}

Result<net::HttpResponse> ApiClient::send(const net::HttpRequest& request, net::Millis timeout) {
  if (!connection_ || !connection_->usable()) {
    PAVISE_TRY_ASSIGN(connection_, net::HttpsClient::connect(url_.host, url_.port, tls_,
                                                             {.body_bytes_max = kAnswerBytesMax}));
  }
  return connection_->send(request, timeout);
}

Result<ApiReply> ApiClient::call(std::string_view method, const std::string& target,
                                 const std::string& body, std::vector<net::HttpHeader> headers,
                                 net::Millis extra_wait) {
  net::HttpRequest request{.method = std::string(method),
                           .target = "/api/v1" + target,
                           .headers = std::move(headers),
                           .body = to_bytes(as_bytes(body))};
  request.headers.push_back({"Accept", "application/json"});
  if (!token_.empty()) request.headers.push_back({"Authorization", "Bearer " + token_});
  if (!body.empty()) request.headers.push_back({"Content-Type", "application/json"});
  auto response = send(request, timeout_ + extra_wait);
  if (!response && request.method == "GET" && connection_ && connection_->went_stale())
    response = send(request, timeout_ + extra_wait);
  if (!response) return response.error();
  return ApiReply{.status = response->status, .body = std::string(as_text(response->body))};
}

}  // namespace pavise::cli
