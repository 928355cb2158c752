#include "cloud/hub/transport/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "cloud/hub/transport/hub_options.h"

namespace pavise::hub {
namespace {

constexpr int kBacklog = 4096;

Error start_error(const std::string& doing) {
  return {kHubStartFailed, doing + ": " + std::generic_category().message(errno)};
}

union AnyAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

Result<socklen_t> parse_address(const std::string& text, std::uint16_t port, AnyAddress& out) {
  std::memset(&out, 0, sizeof out);
  if (::inet_pton(AF_INET, text.c_str(), &out.v4.sin_addr) == 1) {
    out.v4.sin_family = AF_INET;
    out.v4.sin_port = htons(port);
    return socklen_t{sizeof out.v4};
  }
  if (::inet_pton(AF_INET6, text.c_str(), &out.v6.sin6_addr) == 1) {
    out.v6.sin6_family = AF_INET6;
    out.v6.sin6_port = htons(port);
    return socklen_t{sizeof out.v6};
  }
  return Error(kHubStartFailed, "not an IP address: " + text);
}

void set_option(int fd, int level, int name, int value) {
  // Tuning only: a kernel that lacks an option still works.
  (void)::setsockopt(fd, level, name, &value, sizeof value);
}

// Accepted sockets inherit these from the listener, which saves six system calls a connection.
void tune_connections(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kPeerGoneMs);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 120);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Socket> listen_on(const std::string& address, std::uint16_t port) {
  AnyAddress where;
  PAVISE_TRY_ASSIGN(const socklen_t size, parse_address(address, port, where));
  Socket out(::socket(where.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (out.get() < 0) return start_error("socket");
  const int on = 1;
  if (::setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
    return start_error("setsockopt");
  if (::bind(out.get(), &where.any, size) != 0)
    return start_error("bind " + address + " port " + std::to_string(port));
  tune_connections(out.get());
  if (::listen(out.get(), kBacklog) != 0) return start_error("listen");
  return out;
}

Result<std::uint16_t> local_port(const Socket& listener) {
  AnyAddress where;
  socklen_t size = sizeof where;
  if (::getsockname(listener.get(), &where.any, &size) != 0) return start_error("getsockname");
  return ntohs(where.any.sa_family == AF_INET6 ? where.v6.sin6_port : where.v4.sin_port);
}

void reset_on_close(const Socket& socket) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

std::string peer_address(int fd) {
  AnyAddress where;
  socklen_t size = sizeof where;
  char text[INET6_ADDRSTRLEN] = {};
  if (::getpeername(fd, &where.any, &size) != 0) return "unknown";
  const bool v6 = where.any.sa_family == AF_INET6;
  const void* raw = v6 ? static_cast<const void*>(&where.v6.sin6_addr) : &where.v4.sin_addr;
  if (::inet_ntop(where.any.sa_family, raw, text, sizeof text) == nullptr) return "unknown";
  const std::uint16_t port = ntohs(v6 ? where.v6.sin6_port : where.v4.sin_port);
  return (v6 ? "[" + std::string(text) + "]" : std::string(text)) + ":" + std::to_string(port);
}

Result<Socket> make_event_fd() {
  Socket out(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (out.get() < 0) return start_error("eventfd");
  return out;
}

Result<Socket> make_epoll() {
  Socket out(::epoll_create1(EPOLL_CLOEXEC));
  if (out.get() < 0) return start_error("epoll_create1");
  return out;
}

}  // namespace pavise::hub
