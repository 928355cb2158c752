// Calls of the management API (api/openapi.yaml): JSON over one kept TLS connection.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/context/contexts.h"
#include "common/net/https_client.h"
#include "common/net/url.h"

namespace pavise::cli {

inline constexpr std::size_t kAnswerBytesMax = 16UL * 1024 * 1024;

struct ApiReply {
  int status = 0;
  std::string body;
  std::string continuation = {};  // of a page that is not the last, for hubs: x-ms-continuation
  bool good() const { return status >= 200 && status < 300; }
};

// The members of the API's error body; texts are empty where the answer had none.
struct ApiError {
  std::string code;
  std::string message;
  std::string detail;
  std::string next;
  std::string tracking_id;
};
ApiError read_api_error(const ApiReply& reply);

// Percent-encodes everything but the unreserved characters of RFC 3986.
std::string url_encode(std::string_view text);
// "/path?a=b&c=d"; pairs with an empty value are left out.
std::string with_query(std::string_view path,
                       const std::vector<std::pair<std::string, std::string>>& query);

// Not thread-safe; blocks up to the timeouts.
class ApiClient {
 public:
  // net::kBadUrl, kFileUnreadable.
  static Result<ApiClient> create(const Context& context, net::Millis timeout);

  // `target` is below /api/v1. Every HTTP status is a reply; errors are those of the network. A
  // GET on a connection that the server had closed meanwhile is sent once more on a new one.
  // `extra_wait` prolongs the timeout for calls that wait at the server.
  Result<ApiReply> call(std::string_view method, const std::string& target,
                        const std::string& body = {}, std::vector<net::HttpHeader> headers = {},
                        net::Millis extra_wait = {});

  const net::Url& url() const { return url_; }
  const net::TlsOptions& tls_options() const { return tls_; }

 private:
  ApiClient(net::Url url, net::TlsOptions tls, std::string token, net::Millis timeout)
      : url_(std::move(url)), tls_(std::move(tls)), token_(std::move(token)), timeout_(timeout) {}
  Result<net::HttpResponse> send(const net::HttpRequest& request, net::Millis timeout);

  net::Url url_;
  net::TlsOptions tls_;
  std::string token_;
  net::Millis timeout_;
  std::optional<net::HttpsClient> connection_;
};

}  // namespace pavise::cli
