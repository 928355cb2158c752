#include "common/net/line.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace pavise::net {

Result<Line> Line::dial(const std::string& host, std::uint16_t port, Deadline deadline) {
  PAVISE_TRY_ASSIGN(UniqueFd socket, net::dial(host, port, deadline));
  return Line(std::move(socket));
}

Status Line::secure(const std::string& host, const TlsOptions& options, Deadline deadline) {
  PAVISE_TRY_ASSIGN(auto tls, TlsClient::connect_over(std::move(socket_), host, options, deadline));
  tls_.emplace(std::move(tls));
  return {};
}

Result<std::size_t> Line::read(std::span<std::byte> out, Deadline deadline) {
  if (tls_) {
    PAVISE_TRY_ASSIGN(const std::size_t size, tls_->read(out, deadline));
    if (size == 0) return Error(kClosed, "");
    return size;
  }
  for (;;) {
    const ssize_t size = ::recv(socket_.get(), out.data(), out.size(), 0);
    if (size > 0) return static_cast<std::size_t>(size);
    if (size == 0) return Error(kClosed, "");
    if (errno == EAGAIN || errno == EWOULDBLOCK)
      PAVISE_TRY(wait_readable(socket_.get(), deadline));
    else if (errno != EINTR)
      return Error(kBroken, std::strerror(errno));
  }
}

Status Line::write(ByteView bytes, Deadline deadline) {
  if (tls_) return tls_->write(bytes, deadline);
  while (!bytes.empty()) {
    const ssize_t size = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(size));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
      PAVISE_TRY(wait_writable(socket_.get(), deadline));
    else if (errno != EINTR)
      return Error(kBroken, std::strerror(errno));
  }
  return {};
}

int Line::fd() const {
  return tls_ ? tls_->fd() : socket_.get();
}

}  // namespace pavise::net
