// Thin wrappers over the sockets that the hub needs. No retries, no policy.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "cloud/hub/session/close_reasons.h"
#include "common/base/result.h"

namespace pavise::hub {

// Owns a file descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// A non-blocking listener that may share its port with others of this process (SO_REUSEPORT).
// Connections accepted from it send without delay and notice peers that are gone.
// `address` is an IPv4 or IPv6 literal. kHubStartFailed.
Result<Socket> listen_on(const std::string& address, std::uint16_t port);
Result<std::uint16_t> local_port(const Socket& listener);
std::string peer_address(int fd);
// Closing it will cut the connection (RST) instead of ending it in order.
void reset_on_close(const Socket& socket);
Result<Socket> make_event_fd();
Result<Socket> make_epoll();

}  // namespace pavise::hub
