// One TCP connection, with or without TLS, every wait with a deadline.
#pragma once

#include <optional>

#include "common/base/unique_fd.h"
#include "common/net/tls_client.h"

namespace pavise::hub::routing {

class Line {
 public:
  // TCP only. Errors of net::dial.
  static Result<Line> dial(const std::string& host, std::uint16_t port, net::Deadline deadline);
  // Goes on with TLS. Errors of net::TlsClient::connect.
  Status secure(const std::string& host, const net::TlsOptions& options, net::Deadline deadline);
  // At least one byte. net::kClosed, net::kTimedOut, net::kBroken.
  Result<std::size_t> read(std::span<std::byte> out, net::Deadline deadline);
  // All of it. Afterwards the line is unusable if it failed.
  Status write(ByteView bytes, net::Deadline deadline);

 private:
  explicit Line(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;  // until it is TLS
  std::optional<net::TlsClient> tls_;
};

}  // namespace pavise::hub::routing
