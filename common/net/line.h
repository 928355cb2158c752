// One TCP connection, with or without TLS, every wait with a deadline.
#pragma once

#include <optional>

#include "common/base/unique_fd.h"
#include "common/net/tls_client.h"

namespace pavise::net {

class Line {
 public:
  // TCP only. Errors of dial.
  static Result<Line> dial(const std::string& host, std::uint16_t port, Deadline deadline);
  // Goes on with TLS. Errors of TlsClient::connect.
  Status secure(const std::string& host, const TlsOptions& options, Deadline deadline);
  // At least one byte. kClosed, kTimedOut, kBroken.
  Result<std::size_t> read(std::span<std::byte> out, Deadline deadline);
  // All of it. Afterwards the line is unusable if it failed.
  Status write(ByteView bytes, Deadline deadline);
  int fd() const;

 private:
  explicit Line(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;  // until it is TLS
  std::optional<TlsClient> tls_;
};

}  // namespace pavise::net
