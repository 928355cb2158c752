// One HTTPS connection: requests one after the other, no redirects, no cookies, no proxies.
#pragma once

#include <string>
#include <vector>

#include "common/net/http_parser.h"
#include "common/net/tls_client.h"

namespace pavise::net {

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";              // path and query, already percent-encoded
  std::vector<HttpHeader> headers = {};  // Host, Content-Length and Connection are made here
  Bytes body = {};
  std::string host = {};  // of the Host header, where it is not what was connected to
};

// "METHOD target HTTP/1.1 ..." up to its body, which is of `body_size` bytes and may go separately.
// kBadRequest when a part holds what HTTP forbids there, so that data can never become a header of
// its own (request splitting).
Result<Bytes> serialize_head(const HttpRequest& request, const std::string& host_header,
                             std::size_t body_size);
// With its body.
Result<Bytes> serialize_request(const HttpRequest& request, const std::string& host_header);
// "host" or "host:port", as the Host header says it.
std::string host_header_of(const std::string& name, std::uint16_t port,
                           std::uint16_t default_port = 443);

class HttpsClient {
 public:
  // Errors: those of TlsClient::connect.
  static Result<HttpsClient> connect(const std::string& host, std::uint16_t port,
                                     const TlsOptions& options, HttpLimits limits = {});

  // Sends and waits for the whole answer, up to `timeout`. Any status code is a success here.
  // Errors: those of read and write; kBadResponse, kResponseTooLarge, kBadRequest, kClosed.
  // After an error the connection is unusable.
  Result<HttpResponse> send(const HttpRequest& request, Millis timeout);

  // False after an error, or when the server announced that it closes.
  bool usable() const { return usable_; }
  // True when the last failure came before any byte of an answer, on a connection that had already
  // carried one: a request without side effects may then be sent again on a new connection.
  bool went_stale() const { return went_stale_; }
  const TlsClient& tls() const { return tls_; }

 private:
  HttpsClient(TlsClient tls, std::string host_header, HttpLimits limits)
      : tls_(std::move(tls)), host_header_(std::move(host_header)), limits_(limits) {}
  Result<HttpResponse> receive(HttpResponseParser& parser, Deadline deadline);

  TlsClient tls_;
  std::string host_header_;
  HttpLimits limits_;
  bool usable_ = true;
  bool went_stale_ = false;
  bool used_before_ = false;
};

}  // namespace pavise::net
