#include "cli/api/hub_client.h"

#include <boost/json.hpp>

namespace pavise::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kApiVersion = "api-version=2021-04-12";
constexpr std::string_view kErrorCode = "ErrorCode:";

std::string text_of(const json::value& root, std::string_view name) {
  const json::object* object = root.if_object();
  const json::value* value = object == nullptr ? nullptr : object->if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

}  // namespace

// {"Message":"ErrorCode:{name};{text}","ExceptionMessage":"Tracking ID:{id}-TimeStamp:{time}"}
ApiError read_hub_error(const ApiReply& reply) {
  boost::system::error_code failed;
  const json::value root = json::parse(reply.body, failed);
  const std::string message = failed ? std::string() : text_of(root, "Message");
  ApiError out;
  const std::size_t end = message.find(';');
  if (!message.starts_with(kErrorCode) || end == std::string::npos) {
    out.message = "the hub answered with HTTP status " + std::to_string(reply.status);
    out.next = "See the server's log.";
    return out;
  }
  out.code = message.substr(kErrorCode.size(), end - kErrorCode.size());
  out.message = message.substr(end + 1);
  const std::string tracking = text_of(root, "ExceptionMessage");
  constexpr std::string_view kHead = "Tracking ID:";
  if (tracking.starts_with(kHead))
    out.tracking_id = tracking.substr(kHead.size(), tracking.find("-TimeStamp") - kHead.size());
  return out;
}

Result<HubClient> HubClient::create(const Context& context, HubAccess access, net::Millis timeout) {
  PAVISE_TRY_ASSIGN(net::Url url, net::Url::parse(context.url));
  net::TlsOptions tls;
  PAVISE_TRY_ASSIGN(tls.trust_anchors_pem, context.ca_pem());
  tls.connect_timeout = timeout;
  return HubClient(std::move(url.host), std::move(tls), std::move(access), timeout);
}

Result<ApiReply> HubClient::call(std::string_view method, const std::string& target,
                                 std::string body, std::vector<net::HttpHeader> headers,
                                 net::Millis extra_wait) {
  if (!connection_ || !connection_->usable()) {
    PAVISE_TRY_ASSIGN(connection_, net::HttpsClient::connect(machine_, access_.https_port, tls_,
                                                             {.body_bytes_max = kAnswerBytesMax}));
  }
  const char separator = target.find('?') == std::string::npos ? '?' : '&';
  net::HttpRequest request{.method = std::string(method),
                           .target = target + separator + std::string(kApiVersion),
                           .headers = std::move(headers),
                           .body = to_bytes(as_bytes(body)),
                           .host = access_.host_name};
  request.headers.push_back({"Authorization", access_.token});
  PAVISE_TRY_ASSIGN(const auto response, connection_->send(request, timeout_ + extra_wait));
  ApiReply reply{.status = response.status, .body = std::string(as_text(response.body))};
  if (const std::string* next = response.header("x-ms-continuation")) reply.continuation = *next;
  return reply;
}

}  // namespace pavise::cli
