// One connection to an object store: requests one after the other, bodies sent as they lie.
#pragma once

#include <optional>

#include "common/net/https_client.h"
#include "common/net/line.h"

namespace pavise::hub::s3_store {

// What is sent between two looks whether the answer has come already.
inline constexpr std::size_t kSendPieceSize = 64UL * 1024;

class Connection {
 public:
  // `tls` null: without. Errors of net::Line.
  static Result<Connection> open(const std::string& host, std::uint16_t port,
                                 const net::TlsOptions* tls, net::Millis timeout);

  // Sends and waits for the whole answer. A store may answer before it has all of the body; then
  // the rest is not sent. Any status is a success. Errors: kTimedOut, kClosed, kBroken,
  // kBadResponse, kResponseTooLarge, kBadRequest of net. After an error the connection is unusable.
  Result<net::HttpResponse> exchange(const net::HttpRequest& head, const std::string& host_header,
                                     ByteView body, const net::HttpLimits& limits,
                                     net::Millis timeout);

  bool usable() const { return usable_; }
  // As net::HttpsClient: nothing came back on a connection that had carried a request before.
  bool went_stale() const { return went_stale_; }
  int fd() const { return line_.fd(); }

 private:
  explicit Connection(net::Line line) : line_(std::move(line)) {}
  Result<net::HttpResponse> run(ByteView head, ByteView body, net::HttpResponseParser& parser,
                                net::Deadline deadline);
  // Whether the answer is whole.
  Result<bool> receive(net::HttpResponseParser& parser, net::Deadline deadline);

  net::Line line_;
  bool usable_ = true;
  bool used_before_ = false;
  bool went_stale_ = false;
};

}  // namespace pavise::hub::s3_store
